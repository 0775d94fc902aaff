from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.config.quantities import QUANTITIES, Law, Quantity
from ems_telemetry.config.unit_factors import FACTORS
from ems_telemetry.config.unit_table import AMBIGUOUS, FAMILIAR
from ems_telemetry.config.units import (
    Conversion,
    UnitError,
    accepted_units,
    convert_to_canonical,
    is_free_word,
    measures,
    parse_unit,
    reckon_conversion,
    scale_between,
)


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
        ("MGD", "water_flow", "157.725491", "0"),
        ("gpm_US", "water_flow", "0.22712470704", "0"),
        ("ccf", "water_volume", "2.8316846592", "0"),
        ("hcf", "water_volume", "2.8316846592", "0"),
        ("kgal_US", "water_volume", "3.785411784", "0"),
        ("Mscf60F", "gas_volume", "26.7911", "0"),  # a thousand, not a million
        ("bbl", "fuel_volume", "158.987294928", "0"),
        ("ton_refrigeration_hour", "cooling_energy", "3.516852842", "0"),
        ("m³(ANR)/h", "compressed_air_flow_anr", "1", "0"),
        ("dB(A)", "sound_level", "1", "0"),
    ],
)
def test_units_convert_exactly(unit: str, quantity: str, factor: str, offset: str) -> None:
    found = convert_to_canonical(unit, QUANTITIES[quantity])
    assert abs(found.factor - Decimal(factor)) <= abs(Decimal(factor)) * Decimal("1e-25")
    assert abs(found.offset - Decimal(offset)) <= Decimal("1e-24")


@pytest.mark.parametrize(
    "quantity", {quantity.unit: quantity for quantity in QUANTITIES.values()}.values(), ids=lambda q: q.unit
)
def test_factors_that_are_written_down_are_those_that_are_reckoned_out_and_none_is_missing(quantity: Quantity) -> None:
    fitting = [unit for unit in (quantity.unit, *FAMILIAR) if measures(unit, quantity)]
    found = {unit: tuple(map(str, convert_to_canonical(unit, quantity))) for unit in FACTORS[quantity.unit]}
    assert found == {unit: tuple(map(str, reckon_conversion(unit, quantity))) for unit in fitting}


@pytest.mark.parametrize(
    ("unit", "quantity", "said"),
    [
        ("kwh/h", "active_power", "is not a unit; did you mean kW?"),
        ("KWH", "active_energy_import", "is not a unit; did you mean kWh?"),
        ("kvarh", "active_energy_import", "does not measure active_energy_import"),
        ("kVAh", "active_energy_import", "does not measure active_energy_import"),
        ("m3", "gas_volume", "differ by pressure, temperature and moisture; it accepts Nm3, Sm3"),
        ("mg/m3", "nox_concentration", "differ by pressure, temperature and moisture"),
        ("gal", "water_volume", "write gal_US or gal_UK"),
        ("therm", "gas_energy", "write therm_US or therm_EC"),
        ("scf", "gas_volume", "write scf60F or scf68F"),
        ("ton/h", "steam_flow", "write t .1000 kg., short_ton or long_ton"),
        ("kgal", "water_volume", "write kgal_US or kgal_UK"),
        ("gpm", "water_flow", "write gpm_US or gpm_UK"),
        ("Mscf/d", "gas_flow", '"Mscf" can mean several units; write Mscf60F or Mscf68F'),
        ("therms", "gas_energy", "write therm_US or therm_EC"),
        ("kcal", "heat_energy", "write kcal_it or kcal_th"),
        ("MBtu", "gas_energy", "write MMBtu .a million. or kBtu_it .a thousand."),
        ("barrel", "fuel_volume", "write bbl"),
        ("Nm3", "compressed_air_volume_anr", "it accepts m3_ANR, L_ANR"),
        ("m3_ANR", "compressed_air_volume", "differ by pressure, temperature and moisture; it accepts Nm3"),
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


ACCEPTED = [(unit, name) for name, quantity in QUANTITIES.items() for unit in accepted_units(quantity)]


@given(st.sampled_from(ACCEPTED), st.floats(-1e12, 1e12))
def test_there_and_back_loses_less_than_a_millionth_of_a_millionth(accepted: tuple[str, str], value: float) -> None:
    unit, name = accepted
    factor, offset = convert_to_canonical(unit, QUANTITIES[name])
    there = Decimal(value) * factor + offset
    back = (there - offset) / factor
    assert abs(back - Decimal(value)) <= abs(Decimal(value)) * Decimal("1e-12") + Decimal("1e-20")


def test_every_familiar_unit_measures_something() -> None:
    assert set(FAMILIAR) - {unit for unit, _ in ACCEPTED} == set()


@pytest.mark.parametrize(
    ("unit", "quantity", "expected"),
    [
        ("therm_US", "gas_energy", "29.30011"),
        ("therm_EC", "gas_energy", "29.30722"),
        ("MMBtu", "gas_energy", "293.0711"),
        ("gal_US", "fuel_volume", "3.785412"),
    ],
)
def test_the_factors_people_know_are_right_to_the_last_digit(unit: str, quantity: str, expected: str) -> None:
    factor = convert_to_canonical(unit, QUANTITIES[quantity]).factor
    assert factor.quantize(Decimal(expected)) == Decimal(expected)


@pytest.mark.parametrize("word", sorted(AMBIGUOUS))
def test_what_is_offered_for_an_ambiguous_unit_is_a_unit_and_not_ambiguous(word: str) -> None:
    for prefix in ("",) if word.startswith("M") else ("", "k", "M"):
        with pytest.raises(UnitError) as caught:
            parse_unit(f"{prefix}{word}")
        offered = str(caught.value).rpartition("write ")[2].replace(" or ", ", ").split(", ")
        assert [parse_unit(choice.partition(" (")[0]) for choice in offered]


def test_the_laws_are_those_of_the_field() -> None:
    laws = {
        "active_energy_import": Law.SUM,
        "active_power": Law.TIME_WEIGHTED_MEAN,
        "power_demand": Law.MAXIMUM_OF_BLOCK_MEANS,
        "nox_concentration": Law.FLOW_WEIGHTED_MEAN,
        "oxygen_content": Law.TIME_WEIGHTED_MEAN,
        "chemical_oxygen_demand": Law.FLOW_WEIGHTED_MEAN,
        "ph": Law.RANGE,
        "sound_level": Law.ENERGETIC_MEAN,
    }
    assert {name: QUANTITIES[name].law for name in laws} == laws


PARTS = Quantity("energy_per_part", "kWh/pcs", "Energy for each part", Law.TIME_WEIGHTED_MEAN, ("pcs",))


def test_a_unit_of_a_plants_own_is_reckoned_with_like_any_other() -> None:
    assert convert_to_canonical("MJ/pcs", PARTS).factor == pytest.approx(Decimal(1) / Decimal("3.6"), rel=Decimal("1e-25"))
    assert not measures("kWh", PARTS)
    with pytest.raises(UnitError, match="does not measure energy_per_part"):
        convert_to_canonical("kWh/m", PARTS)


def test_a_unit_of_one_plant_is_none_of_the_others() -> None:
    convert_to_canonical("kWh/crate", PARTS._replace(unit="kWh/crate", own_units=("crate",)))
    with pytest.raises(UnitError, match="is not a unit"):
        convert_to_canonical("kWh/crate", PARTS)


@pytest.mark.parametrize("word", ["pcs", "crate", "Stk", "pallet"])
def test_a_word_that_is_no_unit_can_become_one(word: str) -> None:
    assert is_free_word(word)


@pytest.mark.parametrize("word", ["kWh", "kWhh", "kwh", "hours", "therm", "kgal", "kWh/pcs", "1", "%", "", "a b", "lbs"])
def test_a_unit_a_slip_and_no_word_cannot(word: str) -> None:
    assert not is_free_word(word)


def test_degrees_are_differences_where_they_are_reckoned_with() -> None:
    assert scale_between(parse_unit("degC"), parse_unit("K")) == 1
    assert scale_between(parse_unit("kW") * parse_unit("h"), parse_unit("kWh")) == 1
    assert scale_between(parse_unit("kWh"), parse_unit("m3")) is None
