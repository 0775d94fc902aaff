from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from record_inputs import Value, point_inputs, quarter, snapshot_of

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.conversions import gas_energy_kwh, steam_energy_kwh
from ems_telemetry.records.inputs.energy_units import Conversion, conversion_inputs
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.energy import Energy, EnergyPoint

pytestmark = pytest.mark.unit


def conversion(value: str, unit: str, **more: str) -> Conversion:
    return Conversion.model_validate({"value": value, "unit": unit, "source": "bill of March", **more})


def part(
    values: list[Value],
    by: Conversion | None = None,
    *,
    unit: str = "kWh",
    quantity: str = "active_energy_import",
    **more: object,
) -> dict[str, Any]:
    told = {"carrier": "electricity", "use": None, "renewable": False, "sign": 1, **more}
    inputs = point_inputs("M.total", values, unit=unit, quantity=quantity)
    return {**inputs, "conversion": conversion_inputs("M.total", unit, by), **told}


def energy(*parts: dict[str, Any]) -> Figure:
    return Energy().compute(snapshot_of({"points": list(parts)}))


def rounded(value: Decimal | None, places: str) -> Decimal:
    assert value is not None
    return value.quantize(Decimal(places))


def test_cr_37_gas_by_correction_and_calorific_value() -> None:
    by = conversion("39.3", "MJ/m3", basis="Hs", correction="1.02264")
    figure = energy(part([2], by, unit="m3", carrier="natural_gas"))
    assert figure.value == Decimal("22.32764")
    assert figure.value == gas_energy_kwh(Decimal(2), Decimal("1.02264"), Decimal("39.3"))


def test_cr_37_gas_at_operating_conditions_is_brought_to_the_normal_state() -> None:
    by = conversion("11.3", "kWh/Nm3", basis="Hs", pressure_kpa="120", temperature_c="15")
    assert rounded(energy(part([1000], by, unit="m3", carrier="natural_gas")).value, "0.01") == Decimal("12686.03")


def test_cr_39_steam_above_its_feed_water() -> None:
    by = conversion("2777.1", "kJ/kg", less="335.0")
    figure = energy(part([2], by, unit="t", carrier="steam"))
    assert rounded(figure.value, "0.001") == Decimal("1356.722")
    assert rounded(steam_energy_kwh(Decimal(2000), Decimal("2777.1"), Decimal(335)), "0.001") == Decimal("1356.722")


def test_cr_38_megawatt_hours_and_gigajoules_need_no_constant() -> None:
    figure = energy(part([2], unit="MWh"), part(["3.6"], unit="GJ", carrier="heat"), part([36], unit="MJ", carrier="heat"))
    assert figure.value == 2000 + 1000 + 10
    assert figure.details["by_carrier"] == [
        {"carrier": "electricity", "kwh": 2000, "known": 2000},
        {"carrier": "heat", "kwh": 1010, "known": 1010},
    ]


@pytest.mark.parametrize(
    ("unit", "by", "words"),
    [
        ("Nm3", None, "M.total counts Nm3, which is no energy; give it a `conversion`"),
        ("kVAh", None, "M.total counts kVAh"),
        ("m3", conversion("11.3", "kWh/Nm3", basis="Hs"), "give it per m3; volumes in m3 need `pressure_kpa`"),
        ("kg", conversion("10", "kWh/L"), "is in kWh/L and the point counts kg"),
        ("L", conversion("10", "kWh/gal"), "write gal_US or gal_UK"),
    ],
)
def test_a_unit_that_is_no_energy_is_refused_with_the_remedy(unit: str, by: Conversion | None, words: str) -> None:
    with pytest.raises(CannotComputeError) as refused:
        conversion_inputs("M.total", unit, by)
    assert words in str(refused.value)


def test_energy_is_told_by_use_and_what_is_passed_on_is_taken_off() -> None:
    figure = energy(
        part([100, 100], use="press"), part([30, 20], use="press", sign=-1), part([10, 15], use="oven"), part([5, 5])
    )
    assert figure.value == 185
    assert [(each["use"], each["kwh"]) for each in figure.details["by_use"]] == [("press", 150), ("oven", 25), (None, 10)]


def test_the_renewable_share_is_of_the_total() -> None:
    figure = energy(part([75]), part([25], carrier="renewable_onsite", renewable=True))
    assert (figure.details["renewable_kwh"], figure.details["renewable_percent"]) == (25, 25)
    assert energy(part([0])).details["renewable_percent"] is None


def test_with_a_part_missing_there_is_no_total_and_the_rest_is_told() -> None:
    figure = energy(part([10, 10]), part([10, None], use="oven", carrier="heat"))
    assert (figure.value, figure.quality) == (None, "missing")
    assert figure.details["known"] == 20
    assert figure.details["by_carrier"][0]["kwh"] == 20
    assert figure.details["by_carrier"][1] == {"carrier": "heat", "kwh": None, "known": None}
    assert [figure.coverage, figure.measured] == [50, 75]
    assert figure.details["renewable_kwh"] == 0


def test_measured_and_substituted_energy_are_told_apart() -> None:
    layer = {"layer": "substituted", "start": quarter(1, 0).start, "end": quarter(1, 0).end, "value": "7", "id": "S-1"}
    figure = energy({**part([10, None]), "adjustments": [layer]})
    assert [figure.value, figure.quality] == [17, "estimated"]
    assert (figure.details["measured_kwh"], figure.details["substituted_kwh"]) == (10, 7)
    assert figure.measured == 50


def test_gross_and_net_in_one_total_are_flagged() -> None:
    gross = part([5], quantity="gas_energy", carrier="natural_gas")
    net = part([5], quantity="fuel_energy", carrier="fuel")
    assert energy(gross, net).flags == ("mixed_calorific_values",)
    assert energy(gross, gross).flags == ()


def test_a_calorific_value_must_say_whether_it_is_gross_or_net() -> None:
    told = {"point": "GM-01.volume", "carrier": "natural_gas", "conversion": conversion("11.3", "kWh/Nm3").model_dump()}
    with pytest.raises(ValidationError, match="needs its `basis`"):
        EnergyPoint.model_validate(told)


@given(st.lists(st.decimals(0, 10**9, places=6), min_size=1, max_size=20))
def test_the_order_of_points_does_not_matter_and_nothing_is_rounded(amounts: list[Decimal]) -> None:
    parts = [part([amount]) for amount in amounts]
    assert energy(*parts).value == energy(*reversed(parts)).value == sum(amounts)
