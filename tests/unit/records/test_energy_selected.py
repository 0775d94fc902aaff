"""Energy of points that were chosen, by every word that is known of them, with its peak demand (R3)."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from record_inputs import START, Value, figure_as_kept, point_inputs, quarter, snapshot_of

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.intervals.calendar import microseconds
from ems_telemetry.records.inputs.energy_units import CalorificBasis, Conversion, conversion_inputs
from ems_telemetry.records.keeping.making import as_inputs, figure_of
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.energy_selected import EnergySelected, EnergySelectedParams, trimmed

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden/energy_2.json"
GAS = Conversion.model_validate({"value": "11.3", "unit": "kWh/Nm3", "basis": "Hs", "source": "bill of March"})

NO_BASIS = {"value": "11.3", "unit": "kWh/Nm3", "source": "bill of March"}


def part(key: str, values: list[Value], by: Conversion | None = None, **more: object) -> dict[str, Any]:
    unit = "kWh" if by is None else "Nm3"
    told = {
        "carrier": "electricity", "use": None, "renewable": False, "sign": 1, "area": "hall-1", "cost_centre": None,
        "chosen_by": ["site"], "since": None, "until": None, **more,
    }  # fmt: skip
    return {**point_inputs(key, values, unit=unit), "conversion": conversion_inputs(key, unit, by), **told}


def demand(peak: str | None, unconfirmed: str | None = None) -> dict[str, Any]:
    at = microseconds(START)
    days = {
        "day": START.date(), "blocks": 96, "skipped": 1,
        "peak": None if peak is None else [at, peak, "1", at + 900_000_000],
        "unconfirmed": None if unconfirmed is None else [at + 900_000_000, unconfirmed, "0.6", at + 1_800_000_000],
    }  # fmt: skip
    return {"block_minutes": 15, "partial": False, "points": ["EM-01.e"], "days": [days]}


def inputs(*parts: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"points": list(parts), "left_out": [], "changed": [], "demand": None, **more}


def energy(*parts: dict[str, Any], **more: object) -> Figure:
    return EnergySelected().compute(snapshot_of(inputs(*parts, **more)))


def test_energy_is_told_by_carrier_with_its_basis_by_use_area_and_cost_centre() -> None:
    figure = energy(
        part("EM-01.e", [100, 50], use="presses", cost_centre="4711"),
        part("EM-02.e", [20, 10], use="presses", area="hall-2", cost_centre="4712", renewable=True),
        part("GM-01.volume", [10], GAS, carrier="natural_gas", cost_centre="4711"),
    )
    assert [figure.value, figure.details["renewable_kwh"]] == [293, 30]
    assert figure.details["by_carrier"] == [
        {"carrier": "electricity", "kwh": 180, "known": 180, "basis": None},
        {"carrier": "natural_gas", "kwh": 113, "known": 113, "basis": "Hs"},
    ]
    assert [(each["use"], each["kwh"]) for each in figure.details["by_use"]] == [("presses", 180), (None, 113)]
    assert [(each["cost_centre"], each["kwh"]) for each in figure.details["by_cost_centre"]] == [("4711", 263), ("4712", 30)]
    assert [(each["area"], each["kwh"]) for each in figure.details["by_area"]] == [("hall-1", 263), ("hall-2", 30)]


def test_gross_and_net_gas_of_one_carrier_are_told_as_mixed() -> None:
    net = GAS.model_copy(update={"basis": CalorificBasis.NET})
    figure = energy(*(part(f"GM-{basis}.volume", [1], by, carrier="natural_gas") for basis, by in (("1", GAS), ("2", net))))
    assert figure.details["by_carrier"][0]["basis"] == "mixed"
    assert "mixed_calorific_values" in figure.flags


def test_cr_54_the_peak_demand_is_told_with_its_block_and_an_unconfirmed_one_is_flagged() -> None:
    figure = energy(part("EM-01.e", [100]), demand=demand("455.6", "600"))
    told = figure.details["demand"]
    assert [told["peak_demand"][name] for name in ("value", "unit", "start")] == [Decimal("455.6"), "kW", START]
    assert (told["unconfirmed_peak"]["value"], figure.flags) == (600, ("unconfirmed_peak",))
    assert energy(part("EM-01.e", [100]), demand=demand("455.6")).flags == ()
    assert energy(part("EM-01.e", [100])).details["demand"] is None


def test_what_was_chosen_otherwise_within_the_period_and_meters_of_a_part_of_it_are_flagged() -> None:
    figure = energy(part("EM-01.e", [100], since=START, until=START), changed=["EM-01"])
    assert figure.flags == ("selection_changed", "part_of_period")
    assert figure.details["changed_meters"] == ["EM-01"]


def test_why_each_point_was_chosen_or_left_out_is_told() -> None:
    left = {"point": "EM-02.e", "why": "behind", "of": "EM-01.e"}
    details = energy(part("EM-01.e", [100], chosen_by=["area"]), left_out=[left]).details
    assert ([each["chosen_by"] for each in details["points"]], details["left_out"]) == ([["area"]], [left])


def test_the_quarters_before_the_first_value_of_a_new_meter_are_not_missing() -> None:
    children = [
        child._asdict() for child in (quarter(0, None), quarter(1, 5), quarter(2, None), quarter(3, 7), quarter(4, None))
    ]
    assert trimmed(children, head=True, tail=False) == children[1:]
    assert trimmed(children, head=False, tail=True) == children[:4]
    assert trimmed(children[:1], head=True, tail=True) == children[:1]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "name `points` or say a `selection`"),
        ({"points": [{"point": "EM-01.e", "carrier": "electricity"}], "selection": {}}, "name `points` or say a `selection`"),
        ({"points": [{"point": "EM-01.e", "carrier": "electricity"}], "about": [{"use": "x"}]}, "`about` is of a `selection`"),
        (
            {"points": [{"point": "GM-01.v", "carrier": "natural_gas", "conversion": NO_BASIS}]},
            "Hs",
        ),
    ],
)
def test_what_names_its_points_in_no_way_or_in_two_is_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EnergySelectedParams.model_validate(params)


def test_the_figure_of_a_kept_snapshot_stays_the_same_for_ever() -> None:
    kept = json.loads(GOLDEN.read_text())
    figure = figure_of(EnergySelected(), as_inputs(canonical(kept["inputs"])))
    assert figure_as_kept(figure) == kept["figure"]
