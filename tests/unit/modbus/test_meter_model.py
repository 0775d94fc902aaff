"""The encoder that the served meters are written by: against bytes written out by hand, and against the decoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.meter_model import encode, wire

from ems_telemetry.connectors.modbus.decode import decode
from ems_telemetry.connectors.modbus.registers import Order, Spelling, ValueType

NUMBERS = [type_ for type_ in ValueType if type_.code and type_ is not ValueType.BOOL]


@pytest.mark.parametrize(
    ("type_", "order", "value", "registers"),
    [
        ("uint16", "ABCD", 0x1234, [0x1234]),
        ("uint16", "CDAB", 0x1234, [0x1234]),
        ("uint16", "DCBA", 0x1234, [0x3412]),
        ("int16", "ABCD", -2, [0xFFFE]),
        ("uint32", "ABCD", 0x12345678, [0x1234, 0x5678]),
        ("uint32", "CDAB", 0x12345678, [0x5678, 0x1234]),
        ("uint32", "BADC", 0x12345678, [0x3412, 0x7856]),
        ("uint32", "DCBA", 0x12345678, [0x7856, 0x3412]),
        ("float32", "ABCD", 50.0, [0x4248, 0x0000]),
        ("uint64", "ABCD", 0x0123456789ABCDEF, [0x0123, 0x4567, 0x89AB, 0xCDEF]),
        ("uint64", "CDAB", 0x0123456789ABCDEF, [0xCDEF, 0x89AB, 0x4567, 0x0123]),
        ("uint64", "EFGHABCD", 0x0123456789ABCDEF, [0x89AB, 0xCDEF, 0x0123, 0x4567]),
        ("uint64", "DCBAHGFE", 0x0123456789ABCDEF, [0x6745, 0x2301, 0xEFCD, 0xAB89]),
    ],
)
def test_numbers_are_spelled_as_the_documentation_defines(type_: str, order: str, value: float, registers: list[int]) -> None:
    assert encode(type_, value, order) == registers


@pytest.mark.parametrize(
    ("type_", "value", "order", "length", "base", "registers"),
    [
        ("bcd", 12345678, "ABCD", 2, 0, [0x1234, 0x5678]),
        ("bcd", 12345678, "CDAB", 2, 0, [0x5678, 0x1234]),
        ("words", 111_015_500, "CDAB", 3, 1000, [500, 15, 111]),
        ("words", 111_015_500, "ABCD", 3, 1000, [111, 15, 500]),
        ("string", "SunS", "ABCD", 2, 0, [0x5375, 0x6E53]),
        ("string", "B23", "ABCD", 3, 0, [0x4232, 0x3300, 0x0000]),
        ("string", "B23", "BADC", 2, 0, [0x3242, 0x0033]),
    ],
)
def test_digits_and_texts_are_spelled_as_the_documentation_defines(
    type_: str, value: int | str, order: str, length: int, base: int, registers: list[int]
) -> None:
    assert encode(type_, value, order, length, base) == registers


@given(st.data())
def test_the_decoder_reads_what_the_encoder_wrote(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(NUMBERS))
    order = data.draw(st.sampled_from([order for order in Order if not order.is_wide or type_.registers == 4]))
    numbers = type_.whole_numbers
    wanted = (
        st.floats(width=32 if type_ is ValueType.FLOAT32 else 64, allow_nan=False)
        if numbers is None
        else st.integers(numbers.start, numbers.stop - 1)
    )
    value: float = data.draw(wanted)
    registers = encode(type_, value, order)
    assert decode(b"".join(word.to_bytes(2) for word in registers), Spelling(type_, order)) == value


@pytest.mark.parametrize(
    ("address", "table", "addressing", "on_the_wire"),
    [
        (7, "input", "zero_based", 7),
        (7, "input", "one_based", 6),
        (40_008, "holding", "modicon", 7),
        (30_008, "input", "modicon", 7),
    ],
)
def test_addresses_are_counted_as_the_documentation_defines(
    address: int, table: str, addressing: str, on_the_wire: int
) -> None:
    assert wire(address, table, addressing) == on_the_wire
