"""What proves a meter: registers by which it says what it is, a value known beforehand, and where else it may lie."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_files import OWN, loaded_file, write_profile

from ems_telemetry.connectors.modbus.decode import NoValue
from ems_telemetry.connectors.modbus.plan import plan_polls
from ems_telemetry.connectors.modbus.proof import OneOf, Proof, Within, other_places
from ems_telemetry.connectors.modbus.registers import Order, RegisterPoint, Spelling, Table, ValueType

METER = "{id: EM-01, unit_id: 1, profile: acme/meter-3, parameters: {unit: kWh}"
IDENTITY = "identity: [{register: holding, address: 9, type: string, length: 2, expect: [AC]}]\npoints:"


def proofs(folder: Path, more: str = "", text: str = OWN) -> tuple[Proof, ...]:
    write_profile(folder, text=text)
    (poll,) = plan_polls(loaded_file(folder, f"{METER}{more}}}"))
    return poll.proofs


@pytest.mark.parametrize(("read", "fits"), [(45, True), (65.0, True), (44.9, False), (66, False), (float("nan"), False)])
def test_a_number_fits_between_its_bounds(read: float, fits: bool) -> None:  # noqa: FBT001 - the expected answer
    assert Within(45, 65, "Hz").fits(read) is fits


@pytest.mark.parametrize("read", [True, "50", NoValue(50), NoValue()])
def test_what_is_no_number_fits_no_bounds(read: bool | str | NoValue) -> None:  # noqa: FBT001 - a value of a coil
    assert not Within(0, 65, "Hz").fits(read)


def test_bounds_are_in_the_unit_and_so_is_what_is_said_of_a_value() -> None:
    hundredths = Within(45, 65, "Hz", factor=0.01, offset=0.5)
    assert hundredths.fits(5000)
    assert not hundredths.fits(50)
    assert str(hundredths) == "45 to 65 Hz"
    assert hundredths.said(4950) == "50 Hz"
    assert hundredths.said(NoValue(5)) == "nothing"
    assert hundredths.said("text") == "nothing"


@pytest.mark.parametrize(
    ("expected", "read", "fits"),
    [
        ((1648, 1649), 1649, True),
        ((1648, 1649), 1650, False),
        (("B23",), "B23 112-100", True),
        (("B23",), "B24", False),
        (("B23",), "", False),
        (("B23", "B24"), "B24", True),
        ((7,), "7", False),
        (("7",), 7, False),
        ((0,), NoValue(), False),
    ],
)
def test_a_meter_is_one_of_those_expected(expected: tuple[int | str, ...], read: int | str, fits: bool) -> None:  # noqa: FBT001 - the answer
    assert OneOf(expected).fits(read) is fits


def test_what_is_expected_and_what_was_read_are_said_in_words() -> None:
    assert str(OneOf((1648, "B23"))) == '1648 or "B23…"'
    assert OneOf((1,)).said("AB") == '"AB"'
    assert OneOf((1,)).said(3) == "3"
    assert OneOf((1,)).said(NoValue()) == "nothing"


def test_a_profile_proves_a_meter_by_its_first_read_and_its_identity(tmp_path: Path) -> None:
    (proof,) = proofs(tmp_path, text=OWN.replace("points:", IDENTITY))
    assert (proof.meter, proof.profile) == ("EM-01", "acme/meter-3")
    assert proof.keys == {"EM-01.frequency", "EM-01.active_power", "EM-01.energy_import"}
    (identity,) = proof.identity
    assert identity.place == RegisterPoint("EM-01", Table.HOLDING, 9, Spelling(ValueType.STRING, Order.ABCD, 2))
    assert identity.expects == OneOf(("AC",))
    assert proof.first_read is not None
    assert proof.first_read.place.address == 0
    assert proof.first_read.expects == Within(45, 65, "Hz")


def test_a_value_that_proves_a_meter_is_read_for_that_even_if_it_is_excluded(tmp_path: Path) -> None:
    (proof,) = proofs(tmp_path, ", exclude: [frequency]")
    assert "EM-01.frequency" not in proof.keys
    assert proof.first_read is not None


@pytest.mark.parametrize("address", [0, 1])
def test_the_first_read_follows_the_addressing_of_the_file(tmp_path: Path, address: int) -> None:
    text = OWN.replace("addressing: zero_based", "addressing: one_based").replace("address: 0", "address: 1")
    text = text.replace("address: 2", "address: 3").replace("address: 4", "address: 5")
    (proof,) = proofs(tmp_path, ", addressing: zero_based" if address else "", text=text)
    assert proof.first_read is not None
    assert proof.first_read.place.address == address


def test_a_first_read_that_the_file_lays_elsewhere_is_looked_for_there(tmp_path: Path) -> None:
    (proof,) = proofs(tmp_path, ", points: [{id: frequency, address: 30, scale: 0.1}]")
    assert proof.first_read is not None
    assert proof.first_read.place.address == 30
    assert proof.first_read.expects == Within(45, 65, "Hz", 0.1)


def test_a_meter_whose_points_all_stand_in_the_file_has_nothing_to_prove(tmp_path: Path) -> None:
    point = "{id: a, register: holding, address: 1, type: uint16, quantity: voltage, unit: V}"
    (poll,) = plan_polls(loaded_file(tmp_path, f"{{id: EM-01, unit_id: 1, points: [{point}]}}"))
    assert poll.proofs == ()


def place(address: int, type_: ValueType = ValueType.FLOAT32, order: Order = Order.ABCD) -> RegisterPoint:
    return RegisterPoint("EM-01.frequency", Table.INPUT, address, Spelling(type_, order))


def test_a_value_is_looked_for_in_other_orders_first_and_then_one_register_off() -> None:
    others = list(other_places(place(10)))
    assert [other.place.address for other in others] == [10] * 3 + [11] * 4 + [9] * 4
    assert {other.order for other in others[:3]} == {Order.CDAB, Order.BADC, Order.DCBA}
    assert others[3].order is Order.ABCD


def test_a_value_of_one_register_may_only_be_off() -> None:
    assert [other.step for other in other_places(place(10, ValueType.UINT16))] == [1, -1]


def test_no_value_lies_before_the_first_register() -> None:
    assert [other.step for other in other_places(place(0, ValueType.UINT16))] == [1]


@given(st.integers(0, 1000), st.sampled_from([Order.ABCD, Order.CDAB, Order.BADC, Order.DCBA]))
def test_no_place_is_looked_at_twice_nor_where_it_was(address: int, order: Order) -> None:
    asked = place(address, order=order)
    found = [other.place for other in other_places(asked)]
    assert asked not in found
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("step", "order", "advice"),
    [
        (1, Order.ABCD, "its addresses are off by +1: change addressing"),
        (0, Order.CDAB, "say order: CDAB"),
        (-1, Order.DCBA, "its addresses are off by -1: change addressing, and say order: DCBA"),
    ],
)
def test_the_advice_names_what_to_change(step: int, order: Order, advice: str) -> None:
    asked = place(10)
    (found,) = [other for other in other_places(asked) if (other.step, other.order) == (step, order)]
    assert found.advice(asked) == advice
