"""Every type in every order, byte for byte."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_files import permuted

from ems_telemetry.connectors.modbus.decode import BlockDecoder, Decoded, NoValue, decode
from ems_telemetry.connectors.modbus.registers import (
    SHORT_ORDERS,
    WIDE_ORDERS,
    Order,
    RegisterPoint,
    Spelling,
    Table,
    ValueType,
)

NUMBERS = [type_ for type_ in ValueType if type_.code and type_ is not ValueType.BOOL]
GOLDEN: list[tuple[ValueType, float, dict[str, str]]] = [
    (ValueType.INT16, -2, {"ABCD": "fffe", "CDAB": "fffe", "BADC": "feff", "DCBA": "feff"}),
    (ValueType.UINT16, 0x1234, {"ABCD": "1234", "CDAB": "1234", "BADC": "3412", "DCBA": "3412"}),
    (ValueType.INT32, -123456789, {"ABCD": "f8a432eb", "CDAB": "32ebf8a4", "BADC": "a4f8eb32", "DCBA": "eb32a4f8"}),
    (ValueType.UINT32, 0x01020304, {"ABCD": "01020304", "CDAB": "03040102", "BADC": "02010403", "DCBA": "04030201"}),
    (ValueType.FLOAT32, 200.0, {"ABCD": "43480000", "CDAB": "00004348", "BADC": "48430000", "DCBA": "00004843"}),
    (
        ValueType.INT64,
        -0x0102030405060709,
        {
            "ABCD": "fefdfcfbfaf9f8f7",
            "ABCDEFGH": "fefdfcfbfaf9f8f7",
            "CDAB": "f8f7faf9fcfbfefd",
            "GHEFCDAB": "f8f7faf9fcfbfefd",
            "BADC": "fdfefbfcf9faf7f8",
            "BADCFEHG": "fdfefbfcf9faf7f8",
            "DCBA": "f7f8f9fafbfcfdfe",
            "HGFEDCBA": "f7f8f9fafbfcfdfe",
            "EFGHABCD": "faf9f8f7fefdfcfb",
            "CDABGHEF": "fcfbfefdf8f7faf9",
            "FEHGBADC": "f9faf7f8fdfefbfc",
            "DCBAHGFE": "fbfcfdfef7f8f9fa",
        },
    ),
    (
        ValueType.UINT64,
        0x0102030405060708,
        {
            "ABCD": "0102030405060708",
            "ABCDEFGH": "0102030405060708",
            "CDAB": "0708050603040102",
            "GHEFCDAB": "0708050603040102",
            "BADC": "0201040306050807",
            "BADCFEHG": "0201040306050807",
            "DCBA": "0807060504030201",
            "HGFEDCBA": "0807060504030201",
            "EFGHABCD": "0506070801020304",
            "CDABGHEF": "0304010207080506",
            "FEHGBADC": "0605080702010403",
            "DCBAHGFE": "0403020108070605",
        },
    ),
    (
        ValueType.FLOAT64,
        230.5,
        {
            "ABCD": "406cd00000000000",
            "ABCDEFGH": "406cd00000000000",
            "CDAB": "00000000d000406c",
            "GHEFCDAB": "00000000d000406c",
            "BADC": "6c4000d000000000",
            "BADCFEHG": "6c4000d000000000",
            "DCBA": "0000000000d06c40",
            "HGFEDCBA": "0000000000d06c40",
            "EFGHABCD": "00000000406cd000",
            "CDABGHEF": "d000406c00000000",
            "FEHGBADC": "000000006c4000d0",
            "DCBAHGFE": "00d06c4000000000",
        },
    ),
]


def golden() -> list[tuple[ValueType, Order, str, float]]:
    return [(type_, Order(order), data, value) for type_, value, orders in GOLDEN for order, data in orders.items()]


def read(data: str, type_: ValueType, order: Order = Order.ABCD, *, length: int = 0, base: int = 65_536) -> Decoded:
    return decode(bytes.fromhex(data), Spelling(type_, order, length, base=base))


@pytest.mark.parametrize(("type_", "order", "data", "value"), golden())
def test_each_type_in_each_order_reads_its_golden_bytes(type_: ValueType, order: Order, data: str, value: float) -> None:
    found = read(data, type_, order)
    assert found == value
    assert isinstance(found, float if type_.code in "fd" else int)


def test_the_golden_bytes_cover_every_number_type_and_order() -> None:
    assert {type_ for type_, _, _ in GOLDEN} == set(NUMBERS)
    for type_, _, orders in GOLDEN:
        assert set(orders) == set(SHORT_ORDERS) | (set(WIDE_ORDERS) if type_.registers == 4 else set())


@pytest.mark.parametrize(
    ("data", "order", "length", "value"),
    [
        ("1234", Order.ABCD, 1, 1234),
        ("3412", Order.BADC, 1, 1234),
        ("00123456", Order.ABCD, 2, 123456),
        ("34560012", Order.CDAB, 2, 123456),
        ("56341200", Order.DCBA, 2, 123456),
        ("000000123456", Order.ABCD, 3, 123456),
        ("9999999999999999", Order.ABCD, 4, 9_999_999_999_999_999),
        ("12a4", Order.ABCD, 1, NoValue()),
        ("ffff", Order.ABCD, 1, NoValue()),
    ],
)
def test_decimal_digits_are_read_four_to_a_register(data: str, order: Order, length: int, value: Decoded) -> None:
    assert read(data, ValueType.BCD, order, length=length) == value


@pytest.mark.parametrize(
    ("registers", "order", "base", "value"),
    [
        ((12, 345, 678), Order.ABCD, 1000, 12_345_678),
        ((678, 345, 12), Order.CDAB, 1000, 12_345_678),
        ((9999, 9999, 9999, 9999), Order.ABCD, 10_000, 9_999_999_999_999_999),
        ((1, 2, 3), Order.ABCD, 65_536, 0x0001_0002_0003),
        ((7, 65_535), Order.CDAB, 65_536, 0xFFFF_0007),
        ((0, 1000), Order.ABCD, 1000, NoValue()),
        ((65_535, 65_535), Order.ABCD, 10_000, NoValue()),
    ],
)
def test_registers_may_be_the_digits_of_a_number(registers: tuple[int, ...], order: Order, base: int, value: Decoded) -> None:
    data = b"".join(register.to_bytes(2) for register in registers)
    assert decode(data, Spelling(ValueType.WORDS, order, len(registers), base=base)) == value


@pytest.mark.parametrize(
    ("data", "order", "text"),
    [
        (b"SOCOMEC\0", Order.ABCD, "SOCOMEC"),
        (b"OSOCEM\0C", Order.BADC, "SOCOMEC"),
        (b"AB\0\0xyzq", Order.ABCD, "AB"),
        (b"  EM24  ", Order.ABCD, "EM24"),
        (b"\xb0C\0\0", Order.ABCD, "\u00b0C"),
        (b"\0\0\0\0", Order.ABCD, ""),
    ],
)
def test_texts_come_two_characters_to_a_register(data: bytes, order: Order, text: str) -> None:
    assert decode(data, Spelling(ValueType.STRING, order, len(data) // 2)) == text


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
    assert read(data, type_) == value


@pytest.mark.parametrize(("type_", "data"), [(ValueType.FLOAT32, "7fc00000"), (ValueType.FLOAT64, "ffffffffffffffff")])
def test_not_a_number_passes_as_not_a_number(type_: ValueType, data: str) -> None:
    found = read(data, type_)
    assert isinstance(found, float)
    assert math.isnan(found)


def test_infinity_passes_as_infinity() -> None:
    assert read("ff800000", ValueType.FLOAT32) == -math.inf


@pytest.mark.parametrize("order", SHORT_ORDERS)
@pytest.mark.parametrize("bit", range(16))
def test_each_bit_of_a_register_is_read_alone(bit: int, order: Order) -> None:
    word = struct.pack("<H" if order.swaps_bytes else ">H", 1 << bit)
    seen = [decode(word, Spelling(ValueType.BOOL, order, bit=other)) for other in range(16)]
    assert seen == [other == bit for other in range(16)]


@given(st.data())
def test_what_was_laid_in_any_order_is_read_back(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from([type_ for type_ in ValueType if type_.whole_numbers]))
    order = data.draw(st.sampled_from(list(Order) if type_.registers == 4 else SHORT_ORDERS))
    numbers = type_.whole_numbers
    assert numbers is not None
    value = data.draw(st.integers(numbers.start, numbers.stop - 1))
    assert decode(permuted(struct.pack(f">{type_.code}", value), order), Spelling(type_, order)) == value


def holding(key: str, address: int, type_: ValueType, order: Order = Order.ABCD, **more: int) -> RegisterPoint:
    return RegisterPoint(key, Table.HOLDING, address, Spelling(type_, order, **more))


def test_a_block_gives_the_value_of_each_point_from_its_own_registers() -> None:
    points = [
        holding("a", 40, ValueType.UINT32, Order.CDAB),
        holding("b", 42, ValueType.BOOL, bit=3),
        holding("c", 45, ValueType.INT16, Order.DCBA),
        holding("d", 46, ValueType.FLOAT32),
        holding("e", 48, ValueType.UINT64, Order.EFGHABCD),
        holding("f", 48, ValueType.WORDS, length=2, base=10_000),
    ]
    data = bytes.fromhex("03040102 0008 0000 0000 feff 43480000 0003000400010002")
    assert BlockDecoder(40, points).decode(data) == [0x01020304, True, -2, 200.0, 0x0001000200030004, 30_004]


@pytest.mark.parametrize(
    ("raw", "exponent", "value"),
    [
        ("04d2", "0000", 1234),
        ("04d2", "0003", 1_234_000),
        ("04d2", "fffe", 12.34),
        ("0003", "ffff", 0.3),
        ("04d2", "8000", NoValue(1234)),
        ("04d2", "0063", NoValue(1234)),
        ("ffff", "0003", NoValue(65_535)),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_another_register_may_tell_the_power_of_ten(raw: str, exponent: str, value: Decoded, *, before: bool) -> None:
    place, other = (6, 4) if before else (4, 6)
    point = RegisterPoint("a", Table.HOLDING, place, Spelling(ValueType.UINT16), other, frozenset({0xFFFF}))
    assert (point.start, point.end) == (4, 7)
    data = bytes.fromhex(f"{exponent} 0000 {raw}" if before else f"{raw} 0000 {exponent}")
    assert BlockDecoder(4, [point]).decode(data) == [value]


def test_a_power_of_ten_that_is_not_negative_keeps_every_unit_of_a_large_counter() -> None:
    point = RegisterPoint("a", Table.HOLDING, 0, Spelling(ValueType.UINT64), 4)
    assert BlockDecoder(0, [point]).decode(bytes.fromhex("0020000000000001 0001")) == [(2**53 + 1) * 10]


@pytest.mark.parametrize(
    ("type_", "data", "sentinel", "found"),
    [
        (ValueType.INT16, "8000", -32_768, NoValue(-32_768)),
        (ValueType.UINT32, "ffffffff", 2**32 - 1, NoValue(2**32 - 1)),
        (ValueType.UINT32, "fffffffe", 2**32 - 1, 2**32 - 2),
        (ValueType.FLOAT32, "c61c3c00", -9999.0, NoValue(-9999.0)),
    ],
)
def test_a_sentinel_is_no_value_and_keeps_what_was_said(type_: ValueType, data: str, sentinel: float, found: Decoded) -> None:
    point = RegisterPoint("a", Table.HOLDING, 0, Spelling(type_), sentinels=frozenset({sentinel}))
    assert BlockDecoder(0, [point]).decode(bytes.fromhex(data)) == [found]


def test_coils_are_counted_from_the_lowest_bit_of_the_first_byte() -> None:
    # The specification's own example: coils 20 to 38 read as CD 6B 05.
    points = [RegisterPoint(str(address), Table.COIL, address, Spelling(ValueType.BOOL)) for address in range(19, 38)]
    expected = "1011001111010110101"
    assert BlockDecoder(19, points).decode(bytes.fromhex("cd6b05")) == [bit == "1" for bit in expected]
