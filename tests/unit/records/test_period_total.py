"""The total of a point by where it is from, and against the period before (R2)."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_inputs import QUARTER, START, Value, figure_as_kept, point_inputs, quarter, snapshot_of

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.records.inputs.children import Child
from ems_telemetry.records.inputs.layers import adjust
from ems_telemetry.records.inputs.sourced import stretches_of_sources
from ems_telemetry.records.inputs.totals import adjustments_of
from ems_telemetry.records.keeping.making import as_inputs, figure_of
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.period_total import PeriodTotal
from ems_telemetry.records.methods.period_total_compared import PeriodTotalCompared

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden/period_total_2.json"
POINT = {"point": "EM-01.energy_import", "quantity": "active_energy_import", "unit": "kWh"}


def layer(name: str, first: int, last: int, value: str | None) -> dict[str, Any]:
    start, end = (START + number * QUARTER for number in (first, last))
    return {"layer": name, "start": start.isoformat(), "end": end.isoformat(), "value": value, "id": "L", "method": None}


def inputs(
    quarters: Sequence[Child], layers: Sequence[Mapping[str, Any]] = (), before: Sequence[Value] = (1,)
) -> dict[str, Any]:
    stretches = stretches_of_sources(adjust(quarters, adjustments_of(layers), additive=True))
    return {
        **POINT, "stretches": [each._asdict() for each in stretches], "before": point_inputs("EM-01.energy_import", before),
    }  # fmt: skip


def total(quarters: Sequence[Child], layers: Sequence[Mapping[str, Any]] = (), before: Sequence[Value] = (1,)) -> Figure:
    return PeriodTotalCompared().compute(snapshot_of(inputs(quarters, layers, before)))


def test_a_total_is_told_by_where_its_amounts_are_from() -> None:
    quarters = [
        quarter(0, 10), quarter(1, 20), quarter(2, 5, "0.2", flags=["estimated"]), quarter(3, 7, flags=["manual"]),
        quarter(4, 99), quarter(5, None), quarter(6, 3), quarter(7, 1),
    ]  # fmt: skip
    figure = total(quarters, [layer("corrected", 4, 5, "9"), layer("substituted", 5, 6, "6")])
    assert [(each["source"], each["amount"], each["percent_of_time"]) for each in figure.details["by_source"]] == [
        ("measured", 34, 50), ("manual", 7, Decimal("12.5")), ("estimated", 5, Decimal("12.5")),
        ("corrected", 9, Decimal("12.5")), ("substituted", 6, Decimal("12.5")),
    ]  # fmt: skip
    assert [figure.value, figure.quality, figure.estimated, figure.measured] == [61, "estimated", 10, 65]
    assert figure.flags == ("corrected", "estimated", "manual", "substituted")


def test_cr_20_measured_and_substituted_make_the_total_and_with_a_part_missing_there_is_none() -> None:
    quarters = [quarter(number, None if number >= 2800 else 25) for number in range(2880)]
    figure = total(quarters, [layer("substituted", 2800, 2860, "1500")])
    assert [(each["source"], each["amount"]) for each in figure.details["by_source"]] == [
        ("measured", 70_000), ("substituted", 1_500),
    ]  # fmt: skip
    assert [figure.value, figure.quality, figure.details["known"]] == [None, "missing", 71_500]
    assert (figure.details["change"], round(figure.details["missing_percent"], 4)) == (None, Decimal("0.6944"))


def test_the_total_is_compared_with_the_period_before() -> None:
    told = total([quarter(0, 30), quarter(1, 45)], before=[20, 30]).details
    assert [told[name] for name in ("before", "change", "change_percent")] == [50, 25, 50]
    unknown = total([quarter(0, 30)], before=[20, None]).details
    assert [unknown[name] for name in ("before", "change", "change_percent")] == [None, None, None]
    nothing = total([quarter(0, 30)], before=[0]).details
    assert [nothing[name] for name in ("before", "change", "change_percent")] == [0, 30, None]


def test_a_month_that_was_measured_as_a_whole_is_kept_as_one_row() -> None:
    assert len(inputs([quarter(number, number) for number in range(2880)])["stretches"]) == 1


QUARTERS = st.lists(
    st.tuples(
        st.none() | st.decimals(0, 10**9, places=9), st.sampled_from(["0", "0.5", "1"]), st.sampled_from(["", "estimated"])
    ),
    min_size=1,
    max_size=30,
)


@given(QUARTERS, st.integers(0, 29), st.integers(1, 30), st.sampled_from(["corrected", "substituted"]))
def test_the_figure_is_that_of_the_first_version(rows: list[Any], first: int, length: int, name: str) -> None:
    quarters = [quarter(n, value, share, flags=[flag] if flag else []) for n, (value, share, flag) in enumerate(rows)]
    layers = [layer(name, first, first + length, "12.5")]
    new = total(quarters, layers)
    old = PeriodTotal().compute(snapshot_of(point_inputs("EM-01.energy_import", quarters, adjustments=layers)))
    assert (new.quality, new.flags, new.unit, new.quantity) == (old.quality, old.flags, old.unit, old.quantity)
    assert (None if new.value is None else round(new.value, 20)) == (None if old.value is None else round(old.value, 20))
    for mine, its in ((new.measured, old.measured), (new.estimated, old.estimated)):
        assert mine is not None
        assert round(mine, 6) == its


def test_the_figure_of_a_kept_snapshot_stays_the_same_for_ever() -> None:
    kept = json.loads(GOLDEN.read_text())
    assert figure_as_kept(figure_of(PeriodTotalCompared(), as_inputs(canonical(kept["inputs"])))) == kept["figure"]
