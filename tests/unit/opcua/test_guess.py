import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.config.units import measures
from ems_telemetry.connectors.guessing.quantities import Guess, NoGuess
from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit, unit_of_text
from ems_telemetry.connectors.opcua.address_space import ValueKind, VariableFacts
from ems_telemetry.connectors.opcua.engineering_units import UNIT_OF_CODE
from ems_telemetry.connectors.opcua.guess import guess_point
from ems_telemetry.connectors.opcua.measurement_ids import measurement_of
from ems_telemetry.model import Kind


def guess(
    path: str, unit: str | None = None, kind: ValueKind = ValueKind.NUMBER, measurement: int | None = None
) -> Guess | NoGuess:
    told = None if unit is None else DeviceUnit(unit, unit_of_text(unit))
    return guess_point(path.split("/"), VariableFacts("Double", kind, unit=told, measurement_id=measurement))


@pytest.mark.parametrize(
    ("path", "unit", "quantity", "kind"),
    [
        ("EM-01/ActiveEnergyImport", "kWh", "active_energy_import", "counter"),
        ("Solar/Wirkenergie Abgabe", "kWh", "active_energy_export", "counter"),
        ("Kessel/Wärmemenge", "MWh", "heat_energy", "counter"),
        ("Kälteanlage/Energie", "kWh", "cooling_energy", "counter"),
        ("Heat meter/Power", "kW", "heat_power", "gauge"),
        ("Hall/Wasserzähler/Volume", "m3", "water_volume", "counter"),
        ("Hall/Abwasser/Durchfluss", "m³/h", "effluent_flow", "gauge"),
        ("Compressor/AirVolume", "Nm³", "compressed_air_volume", "counter"),
        ("Stack/GasFlow", "Nm³/h", "stack_gas_flow", "gauge"),
        ("Boiler/Erdgas", "Nm3", "gas_volume", "counter"),
        ("Boiler/SteamFlow", "t/h", "steam_flow", "gauge"),
        ("Stack/NOx", "mg/Nm³", "nox_concentration", "gauge"),
        ("Stack/CO2", "%", "co2_concentration", "gauge"),
        ("Kamin/Staub", "mg/Nm³", "dust_concentration", "gauge"),
        ("a/Pressure", "bar(a)", "pressure", "gauge"),
        ("a/Pressure", "bar(g)", "gauge_pressure", "gauge"),
        ("Filter/Differenzdruck", "mbar", "differential_pressure", "gauge"),
        ("Pump/OperatingHours", "h", "operating_time", "counter"),
        ("Line/Speed", "rpm", "rotational_speed", "gauge"),
        ("EM-01/Frequency", "Hz", "frequency", "gauge"),
        ("Ventil 3/Stellung", "%", "valve_position", "gauge"),
        ("Abwasser/CSB", "mg/L", "chemical_oxygen_demand", "gauge"),
    ],
)
def test_unit_and_words_tell_the_quantity(path: str, unit: str, quantity: str, kind: str) -> None:
    found = guess(path, unit)
    assert isinstance(found, Guess)
    assert (found.quantity, found.kind, found.check) == (quantity, kind, None)


@pytest.mark.parametrize(
    ("path", "unit", "quantity", "alternative"),
    [
        ("Line/Energy", "kWh", "active_energy_import", "heat_energy"),
        ("Line/Volume", "m3", "water_volume", "gas_volume_operating"),
        ("Line/Pressure", "bar", "gauge_pressure", "pressure"),
        ("Compressor/AirFlow", "m³/h", "gas_flow_operating", "Nm3"),
        ("Heizöltank/Inhalt", "L", "fuel_volume", "kind: counter"),
        ("Main/Wirkenergie heute", "kWh", "active_energy_import", "interval_total"),
    ],
)
def test_what_may_be_another_thing_asks_a_person(path: str, unit: str, quantity: str, alternative: str) -> None:
    found = guess(path, unit)
    assert isinstance(found, Guess)
    assert found.quantity == quantity
    assert alternative in str(found.check)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("Line/Value", "%"),
        ("Line/Value", "1"),
        ("Line/Value", None),
        ("Stack/Dust", "mg/m³"),
        ("Oil/Density", "kg/m³"),
        ("Heating/DeltaT", "K"),
        ("Boiler/PressureSetpoint", "bar"),
        ("Line/CycleTime", "s"),
        ("Line/Value", "furlong"),
    ],
)
def test_what_may_be_anything_is_left_out_with_a_reason(path: str, unit: str | None) -> None:
    found = guess(path, unit)
    assert isinstance(found, NoGuess)
    assert found.reason


def test_a_switch_or_an_enumeration_is_a_state_only_if_it_tells_whether_something_runs() -> None:
    running = guess("Press/Running", kind=ValueKind.BOOLEAN)
    assert running == Guess("operating_state", "1", Kind.STATE)
    mode = guess("Press/Betriebsart Zustand", kind=ValueKind.ENUMERATION)
    assert isinstance(mode, Guess)
    assert mode.check is not None
    assert isinstance(guess("Press/DoorOpen", kind=ValueKind.BOOLEAN), NoGuess)


@pytest.mark.parametrize(
    ("measurement", "unit", "quantity"),
    [
        (1002, "Wh", "active_energy_import"),
        (1005, "kWh", "active_energy_export"),
        (1014, None, "reactive_energy_export"),
        (1412, "W", "active_power"),
        (1416, "W", "power_demand"),
        (1712, None, "power_factor"),
        (1715, "%", "total_harmonic_distortion"),
        (28684, "K", "temperature"),
    ],
)
def test_a_measurement_id_tells_the_quantity_whatever_the_name(measurement: int, unit: str | None, quantity: str) -> None:
    found = guess("Heat/gas", unit, measurement=measurement)
    assert isinstance(found, Guess)
    assert (found.quantity, found.check) == (quantity, None)


def test_import_less_export_is_no_quantity() -> None:
    assert isinstance(guess("Feeder/Energy", "Wh", measurement=1008), NoGuess)


def test_a_unit_that_cannot_be_the_measurements_is_not_believed() -> None:
    assert isinstance(guess("Feeder/Energy", "bar", measurement=1002), NoGuess)


def test_every_standard_measurement_has_a_unit_of_its_quantity() -> None:
    known = [found for number in range(2**16) if (found := measurement_of(number)) is not None]
    assert len(known) > 270
    assert [found for found in known if found.quantity and not measures(found.unit, QUANTITIES[found.quantity])] == []


@given(
    st.lists(st.text(max_size=12) | st.sampled_from(["Gas", "Heat", "Flow", "Export", "Tank"]), min_size=1, max_size=4),
    st.sampled_from([None, *UNIT_OF_CODE.values()]),
    st.sampled_from(ValueKind),
    st.none() | st.integers(0, 2**16 - 1),
)
def test_no_guess_is_one_that_check_refuses(
    names: list[str], unit: str | None, kind: ValueKind, measurement: int | None
) -> None:
    told = None if unit is None else DeviceUnit(unit, unit)
    found = guess_point(names, VariableFacts("x", kind, unit=told, measurement_id=measurement))
    assert isinstance(found, NoGuess) or measures(found.unit, QUANTITIES[found.quantity])
