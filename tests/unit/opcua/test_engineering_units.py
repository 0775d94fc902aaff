import pytest

from ems_telemetry.connectors.guessing.unit_texts import fitting_quantities, unit_of_name, unit_of_text
from ems_telemetry.connectors.opcua.engineering_units import UNECE_NAMESPACE, UNIT_OF_CODE, code_of, read_unit


def number_of(code: str) -> int:
    return int.from_bytes(code.encode(), "big")


@pytest.mark.parametrize("code", UNIT_OF_CODE)
def test_every_code_of_the_table_is_a_unit_that_check_accepts(code: str) -> None:
    assert fitting_quantities(UNIT_OF_CODE[code])
    assert code_of(number_of(code)) == code


@pytest.mark.parametrize(
    ("number", "unit"),
    [(4937544, "kWh"), (5067857, "m3"), (5131571, "Nm3"), (5321776, "Nm3/h"), (20529, "%"), (13122, "MJ"), (4408652, "degC")],
)
def test_the_numbers_of_the_standard_are_unpacked(number: int, unit: str) -> None:
    assert read_unit(UNECE_NAMESPACE, number, "").unit == unit


@pytest.mark.parametrize("number", [-1, 0, 2**24, 2**31 - 1, 0x01, 0xFF4142])
def test_a_number_that_holds_no_code_is_none(number: int) -> None:
    assert code_of(number) is None


@pytest.mark.parametrize(("namespace", "number"), [(UNECE_NAMESPACE, -1), ("urn:vendor", 4937544), (None, 4937544)])
def test_without_a_code_the_text_is_read(namespace: str | None, number: int) -> None:
    assert read_unit(namespace, number, "m³/h").unit == "m3/h"


def test_a_plain_volume_is_never_taken_for_one_at_the_normal_state() -> None:
    assert read_unit(UNECE_NAMESPACE, number_of("MTQ"), "m³").unit == "m3"
    assert read_unit(UNECE_NAMESPACE, number_of("GP"), "mg/m³").unit == "mg/m3"


def test_a_text_that_says_the_normal_state_is_believed_and_remarked() -> None:
    unit = read_unit(UNECE_NAMESPACE, number_of("GP"), "mg/Nm³")
    assert unit.unit == "mg/Nm3"
    assert unit.remark == 'the server\'s text says "mg/Nm³", its code GP says mg/m3'


def test_a_text_that_contradicts_the_code_is_remarked() -> None:
    unit = read_unit(UNECE_NAMESPACE, number_of("KWH"), "MWh")
    assert unit.unit == "kWh"
    assert "MWh" in str(unit.remark)


@pytest.mark.parametrize("text", ["kvar", "Mvar"])
def test_the_code_with_two_meanings_is_left_to_the_text(text: str) -> None:
    assert read_unit(UNECE_NAMESPACE, number_of("MAR"), text).unit == text


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("kW·h", "kWh"), ("KWH", "kWh"), ("°C", "degC"), ("l/min", "L/min"), ("cbm/h", "m3/h"), ("Nm³/h", "Nm3/h"),
        ("bar(g)", "bar"), ("µS/cm", "uS/cm"), ("U/min", "rpm"), ("[kg/h]", "kg/h"), ("kvarh", "kvarh"), ("MW", "MW"),
    ],
)  # fmt: skip
def test_common_texts_are_known(text: str, unit: str) -> None:
    assert unit_of_text(text) == unit


@pytest.mark.parametrize(
    "text", ["nm3", "mW", "mw", "C", "F", "ton", "gal", "therm", "units", "", "/", "kWh/", "kg/kWh/h", "m3/K"]
)
def test_a_text_that_may_mean_another_thing_is_not_guessed(text: str) -> None:
    assert unit_of_text(text) is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Flow [m³/h]", "m3/h"),
        ("Energy (kWh)", "kWh"),
        ("power_kW", "kW"),
        ("Level", None),
        ("Machine A", None),
        ("Line_h", None),
    ],
)
def test_a_unit_at_the_end_of_a_name_is_found(name: str, unit: str | None) -> None:
    found = unit_of_name(name)
    assert (None if found is None else found.unit) == unit
