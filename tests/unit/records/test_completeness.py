from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_inputs import quarter, snapshot_of

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.inputs.children import Child
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Part
from ems_telemetry.records.inputs.stretches import stretches_of
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.completeness import Completeness

pytestmark = pytest.mark.unit


def complete(parts: Sequence[Part], *, by_range: bool = False, unit: str | None = "kWh") -> Figure:
    stretches = [stretch._asdict() for stretch in stretches_of(parts, by_range=by_range)]
    inputs = {"point": "EM-01.energy_import", "quantity": "q", "unit": unit, "expected_s": "60", "stretches": stretches}
    return Completeness().compute(snapshot_of(inputs))


def measured(child: Child) -> Part:
    return Part(child, child.value, None)


def substituted(number: int, value: str) -> Part:
    return Part(quarter(number, None), Decimal(value), SUBSTITUTED)


def rounded(value: Decimal, places: str = "0.01") -> Decimal:
    return value.quantize(Decimal(places))


def test_cr_20_layers_add_up_and_substitution_never_raises_availability() -> None:
    parts = [
        *(measured(quarter(number, 25)) for number in range(2800)),
        *(substituted(number, "25") for number in range(2800, 2860)),
        *(measured(quarter(number, None)) for number in range(2860, 2880)),
    ]
    figure = complete(parts)
    details = figure.details
    assert [details[name] for name in ("expected", "measured", "substituted", "missing")] == [2880, 2800, 60, 20]
    assert [details[name] for name in ("measured_total", "substituted_total", "total")] == [70000, 1500, 71500]
    assert rounded(details["measured_percent"]) == rounded(details["availability_percent"]) == Decimal("97.22")
    assert figure.value is not None
    assert rounded(figure.value) == Decimal("99.31")
    assert (figure.unit, figure.flags) == ("%", ("missing", "substituted"))


def test_a_month_without_gaps_is_one_row_and_a_gap_has_its_place() -> None:
    whole = [measured(quarter(number, number)) for number in range(100)]
    assert len(stretches_of(whole, by_range=False)) == 1
    assert complete(whole).value == 100
    holed = [measured(quarter(number, None if number in {10, 11} else 1)) for number in range(100)]
    assert complete(holed).details["gaps"] == [{"start": "2026-03-01T02:30:00Z", "end": "2026-03-01T03:00:00Z", "quarters": 2}]


def test_what_was_spread_over_a_gap_is_missing_and_told_as_estimated() -> None:
    parts = [measured(quarter(0, 10)), measured(quarter(1, 10, "0.25", flags=("estimated",))), measured(quarter(2, 10))]
    figure = complete(parts)
    assert [figure.details[name] for name in ("measured", "missing", "estimated")] == [
        Decimal("2.25"),
        Decimal("0.75"),
        Decimal("0.75"),
    ]
    assert [figure.value, figure.estimated, figure.flags] == [75, 25, ("estimated",)]


def test_a_correction_is_as_available_as_the_instrument_was() -> None:
    corrected = [Part(quarter(0, 10), Decimal(9), CORRECTED), Part(quarter(1, None), Decimal(9), CORRECTED)]
    figure = complete([*corrected, Part(quarter(2, 10), None, CORRECTED)])
    assert [figure.details[name] for name in ("measured", "substituted", "missing")] == [1, 1, 1]
    assert figure.details["total"] == 18


def test_a_quantity_without_a_mean_is_known_by_its_range() -> None:
    parts = [measured(quarter(0, None, low="6.9", high="7.2")), measured(quarter(1, None))]
    assert complete(parts, by_range=True, unit=None).details["measured"] == 1
    assert complete(parts, unit=None).details["measured"] == 0
    assert "total" not in complete(parts, by_range=True, unit=None).details


def test_readings_are_counted_where_they_were_due() -> None:
    figure = complete([measured(quarter(0, 1)), measured(quarter(1, None))])
    assert (figure.details["readings"], figure.details["readings_expected"]) == (15, 30)


def test_nothing_expected_is_no_completeness() -> None:
    with pytest.raises(CannotComputeError, match="nothing was expected of EM-01"):
        complete([])


@given(st.lists(st.tuples(st.sampled_from([None, 1, 2]), st.sampled_from(["m", "s", "c"])), min_size=1, max_size=60))
def test_expected_is_what_the_layers_add_up_to(drawn: list[tuple[int | None, str]]) -> None:
    layers = {"m": None, "s": SUBSTITUTED, "c": CORRECTED}
    parts = [
        Part(child := quarter(number, value), child.value if layers[layer] is None else Decimal(3), layers[layer])
        for number, (value, layer) in enumerate(drawn)
    ]
    details = complete(parts).details
    assert details["measured"] + details["substituted"] + details["missing"] == details["expected"] == len(drawn)
    assert details["missing"] >= 0
    assert details["availability_percent"] <= details["complete_percent"]
