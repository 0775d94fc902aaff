"""What registers may say when nobody knows their type: nothing is left out, and the right one is among the likely ones."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.modbus.readings import Reading, every_reading, parse_registers, text_in
from ems_telemetry.connectors.modbus.registers import SHORT_ORDERS, WIDE_ORDERS, Order, ValueType


def readings(data: str) -> list[Reading]:
    return list(every_reading(bytes.fromhex(data)))


def found(data: str, type_: ValueType, order: Order) -> Reading:
    [one] = [r for r in readings(data) if (r.at, r.type, r.spelling.order, r.spelling.length) == (0, type_, order, 0)]
    return one


# https://github.com/thingsboard/thingsboard-gateway/issues/1453
def test_thingsboard_gateway_1453_a_float_is_shown_in_all_four_orders_and_only_the_right_one_is_likely() -> None:
    floats = {r.spelling.order: r for r in readings("00004366") if r.type is ValueType.FLOAT32}
    assert set(floats) == set(SHORT_ORDERS)
    assert floats[Order.CDAB].value == 230.0
    assert [order for order, reading in floats.items() if reading.likely] == [Order.CDAB]


# https://github.com/thingsboard/thingsboard-gateway/issues/614
def test_thingsboard_gateway_614_what_is_expected_tells_the_order_and_the_scale() -> None:
    fitting = {
        (str(r.type), str(r.spelling.order)) for r in readings("fc08 0000") if r.at == 0 and r.scale_for(225, 235) == 0.1
    }
    assert fitting == {("uint16", "BADC"), ("int16", "BADC"), ("uint32", "DCBA"), ("int32", "DCBA")}


def test_a_64_bit_value_is_shown_in_all_eight_orders() -> None:
    wide = [r.spelling.order for r in readings("0000000000bc614e") if r.type is ValueType.UINT64]
    assert wide == list(WIDE_ORDERS)
    assert found("0000000000bc614e", ValueType.UINT64, Order.ABCDEFGH).value == 12_345_678


@given(st.floats(min_value=2**-6, max_value=2**20, width=32), st.sampled_from(SHORT_ORDERS))
def test_whatever_a_meter_sends_is_among_the_likely_readings(value: float, order: Order) -> None:
    words = struct.pack(">f", value)
    pairs = [words[2 * place : 2 * place + 2] for place in order.words(2)]
    data = b"".join(pair[::-1] if order.swaps_bytes else pair for pair in pairs)
    assert any(r.likely and r.value == value and r.spelling.order is order for r in every_reading(data))


@given(st.binary(min_size=2, max_size=16).filter(lambda data: len(data) % 2 == 0))
def test_every_number_type_is_shown_at_every_register_it_fits(data: bytes) -> None:
    shown = {(r.at, r.type) for r in every_reading(data)}
    for at in range(len(data) // 2):
        for type_ in ValueType:
            if type_.code and type_ is not ValueType.BOOL and at + type_.registers <= len(data) // 2:
                assert (at, type_) in shown


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        ("ffff", ValueType.UINT16),
        ("ffff", ValueType.INT16),
        ("8000", ValueType.INT16),
        ("7fff", ValueType.INT16),
        ("ffffffff", ValueType.UINT32),
        ("7fffffff", ValueType.INT32),
        ("7fc00000", ValueType.FLOAT32),
    ],
)
def test_what_stands_for_no_value_is_not_likely(data: str, type_: ValueType) -> None:
    shown = [
        reading for reading in readings(data) if (reading.at, reading.type, reading.spelling.order) == (0, type_, Order.ABCD)
    ]
    assert [reading.likely for reading in shown] == [False]


@pytest.mark.parametrize(
    ("words", "data"),
    [
        (["4348", "0000"], "43480000"),
        (["0x4348", "0x0000"], "43480000"),
        (["0x43480000"], "43480000"),
        (["43:48:00:00"], "43480000"),
        (["43-48", "00 00"], "43480000"),
    ],
)
def test_registers_are_read_as_people_write_them(words: list[str], data: str) -> None:
    assert parse_registers(words) == bytes.fromhex(data)


def test_registers_may_be_decimal_numbers() -> None:
    assert parse_registers(["17224", "-1", "65535"], decimal=True) == bytes.fromhex("4348ffffffff")


@pytest.mark.parametrize(
    ("words", "decimal", "message"),
    [
        (["xyz"], False, "is not hexadecimal"),
        (["434"], False, "is not hexadecimal"),
        (["434800"], False, "holds 6 hexadecimal digits; a register has four"),
        ([""], False, "holds 0 hexadecimal digits"),
        (["70000"], True, "lies between -32768 and 65535"),
        (["1.5"], True, "is not a register"),
    ],
)
def test_what_is_no_register_is_told(words: list[str], decimal: bool, message: str) -> None:  # noqa: FBT001  parametrised
    with pytest.raises(ValueError, match=message):
        parse_registers(words, decimal=decimal)


def test_a_text_is_told_with_its_order() -> None:
    assert text_in(b"SOCOMEC\0") == ("SOCOMEC", Order.ABCD)
    assert text_in(b"OSOCEM\0C") == ("OSOCEM", Order.ABCD)
    assert text_in(b"\x01\x02") is None
