"""A meter that is of a profile: what the file says itself holds, all else comes from the profile."""

from decimal import Decimal
from pathlib import Path

import pytest
from profile_files import OWN, loaded_file, problems, write_profile

from ems_telemetry.connectors.modbus.meter import ModbusMeter
from ems_telemetry.connectors.modbus.registers import Addressing, Order, Table
from ems_telemetry.model import Medium

HEAD = "{id: EM-01, unit_id: 1, profile: acme/meter-3, parameters: {unit: kWh}"


def meter(folder: Path, more: str = "", head: str = "") -> ModbusMeter:
    write_profile(folder)
    return loaded_file(folder, f"{HEAD}{more}}}", head=head).meters[0]


def mistakes(folder: Path, more: str) -> list[str]:
    write_profile(folder)
    return problems(folder, f"{HEAD}{more}}}")


def ids(meter: ModbusMeter) -> list[str]:
    return [point.id for point in meter.points]


def test_a_profile_brings_its_points_and_what_it_knows_of_the_model(tmp_path: Path) -> None:
    found = meter(tmp_path)
    assert ids(found) == ["frequency", "active_power", "energy_import"]
    assert (found.medium, found.addressing, found.order) == (Medium.ELECTRICITY, Addressing.ZERO_BASED, Order.ABCD)
    assert found.known is not None
    assert found.known.title == "Acme Meter 3"


def test_a_meter_without_a_profile_has_none(tmp_path: Path) -> None:
    point = "{id: a, register: holding, address: 1, type: uint16, quantity: voltage, unit: V}"
    assert loaded_file(tmp_path, f"{{id: EM-01, unit_id: 1, points: [{point}]}}").meters[0].known is None


def test_what_the_file_says_itself_holds(tmp_path: Path) -> None:
    own = "medium: gas, addressing: one_based, order: CDAB, max_registers: 4"
    found = meter(tmp_path, f", include: [energy_import], {own}", head="order: DCBA")
    assert (found.medium, found.addressing, found.order, found.max_registers) == (
        Medium.GAS,
        Addressing.ONE_BASED,
        Order.CDAB,
        4,
    )


def test_what_the_profile_says_of_order_comes_before_the_file_around_it(tmp_path: Path) -> None:
    file = loaded_file_of(tmp_path, head="order: DCBA\norder_64: EFGHABCD\naddressing: modicon")
    assert {point.place.spelling.order for point in file.points if point.place} == {Order.ABCD}
    assert [point.place.address for point in file.points if point.place] == [0, 2, 4]


def loaded_file_of(folder: Path, head: str) -> ModbusMeter:
    write_profile(folder)
    return loaded_file(folder, f"{HEAD}}}", head=head).meters[0]


def test_only_what_is_included_is_read_and_nothing_that_is_excluded(tmp_path: Path) -> None:
    assert ids(meter(tmp_path, ", include: [energy_import, frequency]")) == ["energy_import", "frequency"]
    assert ids(meter(tmp_path, ", exclude: [energy_import]")) == ["frequency", "active_power"]
    assert ids(meter(tmp_path, ", include: [frequency, active_power], exclude: [active_power]")) == ["frequency"]


def test_a_point_of_the_file_changes_that_of_the_profile_key_by_key(tmp_path: Path) -> None:
    found = meter(tmp_path, ", points: [{id: active_power, address: 20, range: [0, 9], name: Oven}]")
    power = found.points[0]
    assert ids(found) == ["active_power", "frequency", "energy_import"]
    assert (power.id, power.address, power.range, power.name) == ("active_power", 20, (0, 9), "Oven")
    assert (power.table, power.scale, power.quantity) == (Table.INPUT, Decimal(10), "active_power")


def test_a_point_that_the_profile_does_not_have_is_added(tmp_path: Path) -> None:
    point = "{id: voltage_l1, register: holding, address: 7, type: uint16, quantity: voltage, unit: V}"
    assert ids(meter(tmp_path, f", points: [{point}]")) == ["voltage_l1", "frequency", "active_power", "energy_import"]


def test_the_names_a_point_of_the_file_changed_are_excluded_by_the_file_as_well(tmp_path: Path) -> None:
    assert ids(meter(tmp_path, ", include: [frequency], points: [{id: active_power, address: 20}]")) == [
        "active_power",
        "frequency",
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (", include: [energy_imprt]", 'point of the profile "energy_imprt" is not known; did you mean energy_import?'),
        (", exclude: [power]", 'point of the profile "power" is not known'),
        (", include: energy_import", 'include "energy_import" is not a list'),
        (", include: [{a: 1}]", "point of the profile"),
        (", points: {id: a}", "points"),
        (", points: [frequency]", "points"),
        (
            ", points: [{id: active_power, addres: 20}]",
            'point EM-01.active_power: key "addres" is not known; did you mean address?',
        ),
        (", points: [{id: active_power, address: 1}]", "registers 0 to 1 cross 1 to 2 of EM-01.active_power"),
        (", points: [{id: active_power, unit: kvar}]", 'point EM-01.active_power: unit "kvar" does not measure active_power'),
        (", unti_id: 3", 'key "unti_id" is not known; did you mean unit_id?'),
    ],
)
def test_a_mistake_is_named_with_file_line_and_remedy(tmp_path: Path, more: str, message: str) -> None:
    (problem,) = mistakes(tmp_path, more)
    assert problem.startswith("hall.yaml:5: ")
    assert message in problem


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("{}", "meter EM-01: parameter unit is missing, one of Wh, kWh: the unit it was ordered with"),
        ("{unit: Wh, ratios: 4}", 'meter EM-01: parameter "ratios" is not known; did you mean ratio?'),
        ("{unit: J}", 'meter EM-01: parameter unit "J" is none of Wh, kWh'),
        ("{unit: Wh, ratio: true}", 'meter EM-01: parameter ratio "True" is not a number above 0'),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_named_with_file_and_line(tmp_path: Path, parameters: str, message: str) -> None:
    write_profile(tmp_path)
    (problem,) = problems(tmp_path, HEAD.replace("{unit: kWh}", parameters) + "}")
    assert problem.startswith(f"hall.yaml:5: {message}")


@pytest.mark.parametrize("key", ["parameters: {a: 1}", "include: [a]", "exclude: [a]"])
def test_keys_of_profiles_are_refused_without_one(tmp_path: Path, key: str) -> None:
    point = "{id: a, register: holding, address: 1, type: uint16, quantity: voltage, unit: V}"
    (problem,) = problems(tmp_path, f"{{id: EM-01, unit_id: 1, {key}, points: [{point}]}}")
    assert "say which, as profile: eastron/sdm630" in problem


def test_a_meter_with_neither_points_nor_profile_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "{id: EM-01, unit_id: 1}")
    assert "a meter needs points, or a profile that brings them" in problem


def test_a_hole_of_a_profile_holds_for_points_of_the_file(tmp_path: Path) -> None:
    write_profile(tmp_path, text=OWN.replace("points:", "holes: [{register: input, first: 8, last: 9}]\npoints:"))
    (problem,) = problems(tmp_path, f"{HEAD}, points: [{{id: active_power, address: 8}}]}}")
    assert "wire address 8 lies in a hole, 8 to 9, that must not be read" in problem
