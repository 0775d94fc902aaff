"""Every type in every order, byte for byte."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.modbus.decode import BlockDecoder, decode
from ems_telemetry.connectors.modbus.registers import Order, RegisterPoint, Table, ValueType

GOLDEN = [
    (ValueType.INT16, -2, {"ABCD": "fffe", "CDAB": "fffe", "BADC": "feff", "DCBA": "feff"}),
    (ValueType.UINT16, 0x1234, {"ABCD": "1234", "CDAB": "1234", "BADC": "3412", "DCBA": "3412"}),
    (ValueType.INT32, -123456789, {"ABCD": "f8a432eb", "CDAB": "32ebf8a4", "BADC": "a4f8eb32", "DCBA": "eb32a4f8"}),
    (ValueType.UINT32, 0x01020304, {"ABCD": "01020304", "CDAB": "03040102", "BADC": "02010403", "DCBA": "04030201"}),
    (ValueType.FLOAT32, 200.0, {"ABCD": "43480000", "CDAB": "00004348", "BADC": "48430000", "DCBA": "00004843"}),
    (
        ValueType.INT64,
        -2,
        {
            "ABCD": "fffffffffffffffe",
            "CDAB": "fffeffffffffffff",
            "BADC": "fffffffffffffeff",
            "DCBA": "feffffffffffffff",
        },
    ),
    (
        ValueType.UINT64,
        0x0102030405060708,
        {
            "ABCD": "0102030405060708",
            "CDAB": "0708050603040102",
            "BADC": "0201040306050807",
            "DCBA": "0807060504030201",
        },
    ),
    (
        ValueType.FLOAT64,
        230.5,
        {
            "ABCD": "406cd00000000000",
            "CDAB": "00000000d000406c",
            "BADC": "6c4000d000000000",
            "DCBA": "0000000000d06c40",
        },
    ),
]


def golden() -> list[tuple[ValueType, Order, str, float]]:
    return [(type_, Order(order), data, value) for type_, value, orders in GOLDEN for order, data in orders.items()]


@pytest.mark.parametrize(("type_", "order", "data", "value"), golden())
def test_each_type_in_each_order_reads_its_golden_bytes(type_: ValueType, order: Order, data: str, value: float) -> None:
    read = decode(bytes.fromhex(data), type_, order)
    assert read == value
    assert isinstance(read, float if type_.code in "fd" else int)


def test_the_golden_bytes_cover_every_number_type() -> None:
    assert {type_ for type_, _, _ in GOLDEN} == set(ValueType) - {ValueType.BOOL}
    assert all(set(orders) == set(Order) for _, _, orders in GOLDEN)


@pytest.mark.parametrize(
    ("type_", "data", "value"),
    [
        (ValueType.INT16, "8000", -32_768),
        (ValueType.INT16, "7fff", 32_767),
        (ValueType.UINT16, "ffff", 65_535),
        (ValueType.INT32, "80000000", -(2**31)),
        (ValueType.INT32, "ffffffff", -1),
        (ValueType.UINT32, "ffffffff", 2**32 - 1),
        (ValueType.INT64, "8000000000000000", -(2**63)),
        (ValueType.UINT64, "ffffffffffffffff", 2**64 - 1),
        (ValueType.UINT64, "0020000000000001", 2**53 + 1),
    ],
)
def test_the_ends_of_each_range_are_read_exactly(type_: ValueType, data: str, value: int) -> None:
    assert decode(bytes.fromhex(data), type_) == value


@pytest.mark.parametrize(("type_", "data"), [(ValueType.FLOAT32, "7fc00000"), (ValueType.FLOAT64, "ffffffffffffffff")])
def test_not_a_number_passes_as_not_a_number(type_: ValueType, data: str) -> None:
    read = decode(bytes.fromhex(data), type_)
    assert isinstance(read, float)
    assert math.isnan(read)


def test_infinity_passes_as_infinity() -> None:
    assert decode(bytes.fromhex("ff800000"), ValueType.FLOAT32) == -math.inf


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("bit", range(16))
def test_each_bit_of_a_register_is_read_alone(bit: int, order: Order) -> None:
    word = struct.pack("<H" if order.swaps_bytes else ">H", 1 << bit)
    assert [decode(word, ValueType.BOOL, order, other) for other in range(16)] == [other == bit for other in range(16)]


def permuted(big_endian: bytes, order: Order) -> bytes:
    """Lays bytes in an order, straight from the order's definition."""
    words = [big_endian[i : i + 2] for i in range(0, len(big_endian), 2)]
    words = words[::-1] if order.low_word_first else words
    return b"".join(word[::-1] if order.swaps_bytes else word for word in words)


@given(st.data())
def test_what_was_laid_in_any_order_is_read_back(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from([type_ for type_ in ValueType if type_.whole_numbers]))
    order = data.draw(st.sampled_from(Order))
    numbers = type_.whole_numbers
    assert numbers is not None
    value = data.draw(st.integers(numbers.start, numbers.stop - 1))
    assert decode(permuted(struct.pack(f">{type_.code}", value), order), type_, order) == value


def test_a_block_gives_the_value_of_each_point_from_its_own_registers() -> None:
    points = [
        RegisterPoint("a", Table.HOLDING, 40, ValueType.UINT32, Order.CDAB),
        RegisterPoint("b", Table.HOLDING, 42, ValueType.BOOL, Order.ABCD, bit=3),
        RegisterPoint("c", Table.HOLDING, 45, ValueType.INT16, Order.DCBA),
        RegisterPoint("d", Table.HOLDING, 46, ValueType.FLOAT32),
    ]
    data = bytes.fromhex("03040102 0008 0000 0000 feff 43480000")
    assert BlockDecoder(40, points).decode(data) == [0x01020304, True, -2, 200.0]


def test_coils_are_counted_from_the_lowest_bit_of_the_first_byte() -> None:
    # The specification's own example: coils 20 to 38 read as CD 6B 05.
    points = [RegisterPoint(str(address), Table.COIL, address, ValueType.BOOL) for address in range(19, 38)]
    expected = "1011001111010110101"
    assert BlockDecoder(19, points).decode(bytes.fromhex("cd6b05")) == [bit == "1" for bit in expected]
