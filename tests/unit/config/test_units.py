from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.config.quantities import QUANTITIES, Quantity
from ems_telemetry.config.units import _FAMILIAR, Conversion, UnitError, convert_to_canonical


@pytest.mark.parametrize(
    ("unit", "quantity", "factor", "offset"),
    [
        ("Wh", "active_energy_import", "0.001", "0"),
        ("MWh", "active_energy_import", "1000", "0"),
        ("therm_US", "gas_energy", "29.30011111111111111111111111", "0"),  # CR-38
        ("therm_EC", "gas_energy", "29.30722222222222222222222222", "0"),  # CR-38
        ("MMBtu", "gas_energy", "293.0710701722222222222222222", "0"),  # CR-38
        ("gal_US", "water_volume", "0.003785411784", "0"),  # CR-38
        ("m3/s", "water_flow", "3600", "0"),
        ("L/min", "water_flow", "0.06", "0"),
        ("scf60F", "gas_volume", "0.0267911", "0"),
        ("degF", "temperature", "0.5555555555555555555555555556", "-17.77777777777777777777777778"),
        ("K", "temperature", "1", "-273.15"),
        ("°C", "temperature", "1", "0"),
        ("bar", "pressure", "100", "0"),
        ("µg/Nm³", "nox_concentration", "0.001", "0"),
        ("kvarh", "reactive_energy_import", "1", "0"),
        ("%", "oxygen_content", "1", "0"),
    ],
)
def test_units_convert_exactly(unit: str, quantity: str, factor: str, offset: str) -> None:
    found = convert_to_canonical(unit, QUANTITIES[quantity])
    assert abs(found.factor - Decimal(factor)) <= abs(Decimal(factor)) * Decimal("1e-25")
    assert abs(found.offset - Decimal(offset)) <= Decimal("1e-24")


@pytest.mark.parametrize(
    ("unit", "quantity", "said"),
    [
        ("kwh/h", "active_power", "is not a unit; did you mean kW?"),
        ("KWH", "active_energy_import", "is not a unit; did you mean kWh?"),
        ("kvarh", "active_energy_import", "does not measure active_energy_import"),
        ("kVAh", "active_energy_import", "does not measure active_energy_import"),
        ("m3", "gas_volume", "differ by pressure and temperature; it accepts Nm3, Sm3"),
        ("mg/m3", "nox_concentration", "differ by pressure and temperature"),
        ("gal", "water_volume", "write gal_US or gal_UK"),
        ("therm", "gas_energy", "write therm_US or therm_EC"),
        ("scf", "gas_volume", "write scf60F or scf68F"),
        ("ton/h", "steam_flow", "write t .1000 kg., short_ton or long_ton"),
        ("", "voltage", "is not a unit; voltage accepts V, kV, mV"),
        ("(((", "voltage", "is not a unit"),
        ("__import__('os')", "voltage", "is not a unit"),
        ("2*kWh", "active_energy_import", "is not a unit"),
    ],
)
def test_a_wrong_unit_is_refused_with_the_remedy(unit: str, quantity: str, said: str) -> None:
    with pytest.raises(UnitError, match=said):
        convert_to_canonical(unit, QUANTITIES[quantity])


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda quantity: quantity.name)
def test_the_canonical_unit_of_a_quantity_is_its_own(quantity: Quantity) -> None:
    assert convert_to_canonical(quantity.unit, quantity) == Conversion(Decimal(1), Decimal(0))


@given(st.sampled_from(_FAMILIAR), st.sampled_from(sorted(QUANTITIES)), st.floats(-1e12, 1e12))
def test_there_and_back_loses_less_than_a_millionth_of_a_millionth(unit: str, name: str, value: float) -> None:
    try:
        factor, offset = convert_to_canonical(unit, QUANTITIES[name])
    except UnitError:
        return
    there = Decimal(value) * factor + offset
    back = (there - offset) / factor
    assert abs(back - Decimal(value)) <= abs(Decimal(value)) * Decimal("1e-12") + Decimal("1e-20")
