"""What is missing, why, and what was done about it (R13)."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_inputs import QUARTER, START, figure_as_kept, quarter, snapshot_of

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.records.inputs.children import Child
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, adjust
from ems_telemetry.records.inputs.totals import adjustments_of
from ems_telemetry.records.keeping.making import as_inputs, figure_of
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.data_gaps import DataGaps, _stretches

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden/data_gaps_1.json"
HOUR = 4


def at(quarters: int) -> str:
    return (START + quarters * QUARTER).isoformat().replace("+00:00", "Z")


def entry(first: int, last: int, value: str | None, layer: str = SUBSTITUTED, **more: object) -> dict[str, Any]:
    return {
        "layer": layer, "id": f"S-{first}", "revision": 1, "from": at(first), "to": at(last), "value": value,
        "method": "by_hand@1", "class": None, "cause": "meter exchanged", "action": None, "conservative": None, "inputs": [],
        "reason": "seen on site", "stated_by": "key:alice", "stated_at": at(9_000), "decided_by": ["key:bob"], **more,
    }  # fmt: skip


def in_ledger(first: int, last: int, cause: str = "timeout", *, goes_on: bool = False) -> dict[str, Any]:
    told = {"id": f"G-{first}", "cause": cause, "of": "EM-01.energy_import"}
    return {**told, "start": at(first), "end": at(last), "goes_on": goes_on}


def inputs(
    quarters: Sequence[Child],
    entries: Sequence[Mapping[str, Any]] = (),
    ledger: Sequence[Mapping[str, Any]] = (),
    *,
    additive: bool = True,
) -> dict[str, Any]:
    layers = adjustments_of({**each, "start": each["from"], "end": each["to"]} for each in entries)
    stretches = _stretches(adjust(quarters, layers, additive=additive), layers, by_range=False)
    told = {"point": "EM-01.energy_import", "unit": "kWh" if additive else "mg/Nm3", "additive": additive}
    return {**told, "stretches": stretches, "entries": list(entries), "ledger": list(ledger)}


def gaps_of(*args: Any, **more: Any) -> Figure:  # noqa: ANN401  # as `inputs`
    return DataGaps().compute(snapshot_of(inputs(*args, **more)))


def month(*, missing: range, value: int = 25) -> list[Child]:
    """720 hours, of which some quarters are missing."""
    return [quarter(number, None if number in missing else value) for number in range(720 * HOUR)]


def test_cr_20_expected_is_measured_and_substituted_and_missing_and_substitution_never_raises_availability() -> None:
    gap = range(100 * HOUR, 120 * HOUR)
    figure = gaps_of(month(missing=gap), [entry(gap.start, 115 * HOUR, "1500")], [in_ledger(gap.start, gap.stop)])
    told = figure.details
    assert [told[f"{name}_h"] for name in ("expected", "measured", "substituted", "missing")] == [720, 700, 15, 5]
    assert [told[f"{name}_total"] for name in ("measured", "substituted")] == [70_000, 1_500]
    assert [told["total"], figure.value, figure.unit] == [71_500, 20, "h"]
    percents = [told[f"{name}_percent"] for name in ("measured", "complete", "availability")]
    assert [round(each, 2) for each in percents] == [Decimal("97.22"), Decimal("99.31"), Decimal("97.22")]
    assert [figure.coverage, figure.measured] == [told["availability_percent"]] * 2
    (row,) = told["gaps"]
    assert (row["start"], row["end"]) == (at(gap.start), at(gap.stop))
    assert [row[f"{name}"] for name in ("hours", "substituted_h", "missing_h")] == [20, 15, 5]
    assert (row["causes"], row["ledger"][0]["id"]) == (["timeout", "meter exchanged"], "G-400")
    (action,) = row["actions"]
    assert [action[name] for name in ("kind", "id", "amount", "hours", "stated_by")] == [
        "substitution", "S-400", 1_500, 15, "key:alice",
    ]  # fmt: skip
    assert (action["decided_by"], action["conservative"], figure.flags) == (["key:bob"], None, ("missing", "substituted"))


@pytest.mark.parametrize(
    ("method", "rule", "flag", "conservative"),
    [
        ("mrr45@1", "eu_mrr45@1", "substituted:mrr45", True),
        ("part75_so2@1", "us_part75_so2@1", "substituted:part75_so2", True),
        ("part98_property@1", "us_part98_property@1", "substituted:part98_35", False),
    ],
    ids=["cr_16", "cr_17", "cr_18"],
)
def test_a_substitute_by_rule_is_told_with_its_rule_and_flag(method: str, rule: str, flag: str, *, conservative: bool) -> None:
    said = entry(1, 3, "115.811388", method=method, inputs=["mean 100"])
    figure = gaps_of([quarter(0, 100), quarter(1, None), quarter(2, None), quarter(3, 95)], [said], additive=False)
    (action,) = figure.details["gaps"][0]["actions"]
    assert [action[name] for name in ("rule", "flag", "conservative", "inputs")] == [rule, flag, conservative, ["mean 100"]]
    assert (action["value"], action["amount"]) == (Decimal("115.811388"), None)
    assert figure.flags == tuple(sorted((flag, "substituted")))
    assert "total" not in figure.details
    stated = {**said, "conservative": not conservative}
    figure = gaps_of([quarter(0, 100), quarter(1, None), quarter(2, None), quarter(3, 95)], [stated], additive=False)
    assert figure.details["gaps"][0]["actions"][0]["conservative"] is not conservative


def test_a_gap_that_nobody_explains_is_flagged_and_one_that_was_filled_is_told_apart() -> None:
    quarters = [quarter(number, None if number in {2, 3} else 5) for number in range(12)]
    figure = gaps_of(quarters, [], [in_ledger(8, 10, "disconnected")])
    assert [(each["start"], each["causes"], each["actions"]) for each in figure.details["gaps"]] == [(at(2), [], [])]
    assert figure.flags == ("missing", "unexplained_gap")
    assert [each["cause"] for each in figure.details["filled"]] == ["disconnected"]


def test_what_was_spread_over_a_gap_is_missing_and_in_the_amount() -> None:
    quarters = [
        quarter(0, 5),
        quarter(1, 5, "0.2", flags=("estimated",)),
        quarter(2, 5, "0", flags=("estimated",)),
        quarter(3, 5),
    ]
    figure = gaps_of(quarters, [], [in_ledger(1, 3)])
    (row,) = figure.details["gaps"]
    assert [row[name] for name in ("hours", "missing_h", "estimated_h")] == [Decimal("0.45")] * 3
    assert (figure.details["total"], figure.flags) == (20, ("estimated", "missing"))


def test_several_entries_in_one_gap_are_told_with_their_parts_and_of_two_the_later_counts() -> None:
    quarters = [quarter(number, 5 if number in {0, 7} else None) for number in range(8)]
    entries = [entry(1, 5, "40"), entry(3, 7, "20")]
    (row,) = gaps_of(quarters, entries).details["gaps"]
    assert [(each["id"], each["hours"], each["amount"]) for each in row["actions"]] == [
        ("S-1", Decimal("0.5"), 20),
        ("S-3", 1, 20),
    ]


def test_a_correction_that_takes_a_value_away_makes_a_gap() -> None:
    away = entry(1, 2, None, CORRECTED, method=None, **{"class": "wrong_meter"}, cause=None)
    figure = gaps_of([quarter(0, 5), quarter(1, 5), quarter(2, 5)], [away])
    (row,) = figure.details["gaps"]
    assert [row["actions"][0][name] for name in ("kind", "class", "value", "flag")] == [
        "correction",
        "wrong_meter",
        None,
        CORRECTED,
    ]
    assert (row["missing_h"], figure.flags) == (Decimal("0.25"), ("corrected", "missing", "unexplained_gap"))


def test_a_period_without_gaps_has_none_and_one_without_anything_due_no_figure() -> None:
    figure = gaps_of([quarter(0, 5)])
    assert [figure.value, figure.flags, figure.details["gaps"]] == [0, (), []]
    with pytest.raises(CannotComputeError, match="nothing was expected"):
        gaps_of([])


SOME = st.sampled_from([None, "0", "0.25", "1"])


@given(st.lists(SOME, min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 40))
def test_cr_20_the_layers_of_every_period_add_up_and_so_do_its_gaps(covered: list[str | None], first: int, length: int) -> None:
    quarters = [quarter(n, None if each is None else 5, each or "0") for n, each in enumerate(covered)]
    told = gaps_of(quarters, [entry(first, first + length, "100")]).details
    assert told["expected_h"] == told["measured_h"] + told["substituted_h"] + told["missing_h"]
    for name in ("substituted_h", "missing_h"):
        assert sum(each[name] for each in told["gaps"]) == told[name]
    assert told["measured_h"] == sum(Decimal(each or 0) for each in covered) / 4
    edges = [datetime.fromisoformat(each[edge]) for each in told["gaps"] for edge in ("start", "end")]
    assert edges == sorted(set(edges))


def test_the_figure_of_a_kept_snapshot_stays_the_same_for_ever() -> None:
    kept = json.loads(GOLDEN.read_text())
    assert figure_as_kept(figure_of(DataGaps(), as_inputs(canonical(kept["inputs"])))) == kept["figure"]
