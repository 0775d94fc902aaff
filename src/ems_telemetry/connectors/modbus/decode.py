"""Bytes of a reply to values: pure functions. Each value is read exactly, whole numbers as whole numbers of any width."""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import NamedTuple, TypeAlias

from ems_telemetry.connectors.modbus.registers import BITS_PER_REGISTER, Order, RegisterPoint, Spelling, Table, ValueType
from ems_telemetry.model import RawValue

MOST_EXPONENT = 30
"""A power of ten beyond it is no scale but what stands for none (SunSpec: -32768)."""
_BYTES = BITS_PER_REGISTER // 8


class NoValue(NamedTuple):
    """What stands for "no value": a sentinel, digits that are none. `raw` is the number it would be."""

    raw: float | None = None


Decoded: TypeAlias = RawValue | NoValue
Read: TypeAlias = Callable[[bytes, bytes], Decoded]
"""Reads one value from the data of a reply, given as it came and with the bytes of each register swapped."""


def decode(data: bytes, spelling: Spelling) -> Decoded:
    """Reads one value from its registers.

    Args:
        data: two bytes for each register, as they came over the wire.
        spelling: how they spell it.

    Returns:
        A float, which may be NaN or infinite, a whole number, a bool or a text; `NoValue` for digits that are none.
    """
    return _reader(spelling, 0)(data, swap_bytes(data))


def swap_bytes(data: bytes) -> bytes:
    """Exchanges the two bytes of each register."""
    swapped = bytearray(len(data))
    swapped[0::2] = data[1::2]
    swapped[1::2] = data[0::2]
    return bytes(swapped)


class BlockDecoder:
    """Reads the values of all points of one block; made once, used for every reply."""

    def __init__(self, address: int, points: Sequence[RegisterPoint]) -> None:
        """Takes the block's first wire address, and points that all lie within the block."""
        self._reads: list[Read] = [_point_reader(point, address) for point in points]
        self._swapped = any(point.spelling.order is not Order.ABCD for point in points)

    def decode(self, data: bytes) -> list[Decoded]:
        """Reads the values, in the order of the points.

        Args:
            data: the reply's data: two bytes for each register, or eight coils a byte.
        """
        swapped = swap_bytes(data) if self._swapped else data
        return [read(data, swapped) for read in self._reads]


def _point_reader(point: RegisterPoint, start: int) -> Read:
    offset = point.address - start
    if point.table.holds_bits:
        return _bit_reader(offset)
    read = _reader(point.spelling, offset * _BYTES)
    if point.sentinels:
        read = _watching_for(point.sentinels, read)
    if point.exponent is None:
        return read
    exponent = _number_reader(Spelling(ValueType.INT16, point.spelling.order), (point.exponent - start) * _BYTES)
    return _scaled(read, exponent)


def _bit_reader(offset: int) -> Read:
    index, mask = offset // 8, 1 << offset % 8
    return lambda data, _swapped: bool(data[index] & mask)


def _watching_for(sentinels: frozenset[float | str], read_value: Read) -> Read:
    def read(data: bytes, swapped: bytes) -> Decoded:
        value = read_value(data, swapped)
        if value not in sentinels:
            return value
        return NoValue(None if isinstance(value, str | NoValue) else value)

    return read


def _scaled(read_value: Read, read_exponent: Read) -> Read:
    """Multiplies by the power of ten that another register tells. Whole numbers stay exact where the power is not negative."""

    def read(data: bytes, swapped: bytes) -> Decoded:
        value = read_value(data, swapped)
        if not isinstance(value, int | float):
            return value
        exponent = read_exponent(data, swapped)
        if not isinstance(exponent, int) or abs(exponent) > MOST_EXPONENT:
            return NoValue(value)
        scaled: float = value / 10**-exponent if exponent < 0 else value * 10**exponent
        return scaled

    return read


def _reader(spelling: Spelling, offset: int) -> Read:
    match spelling.type:
        case ValueType.BOOL:
            return _register_bit_reader(spelling, offset)
        case ValueType.BCD:
            return _whole(spelling, offset, _from_bcd)
        case ValueType.WORDS:
            return _whole(spelling, offset, lambda words: _from_words(words, spelling.base))
        case ValueType.STRING:
            return _text_reader(spelling, offset)
        case _:
            return _number_reader(spelling, offset)


def _number_reader(spelling: Spelling, offset: int) -> Read:
    places = spelling.order.words(spelling.registers)
    in_a_row = tuple(range(spelling.registers))
    if places == in_a_row or places == in_a_row[::-1]:
        # Low word first is the number written backwards: C D A B is D C B A once the bytes of each register are swapped.
        backwards = places != in_a_row
        from_swapped = spelling.order.swaps_bytes != backwards
        unpack_from = Struct(("<" if backwards else ">") + spelling.type.code).unpack_from

        def read(data: bytes, swapped: bytes) -> Decoded:
            value: RawValue = unpack_from(swapped if from_swapped else data, offset)[0]
            return value

        return read
    unpack = Struct(">" + spelling.type.code).unpack

    def read_halves(data: bytes, swapped: bytes) -> Decoded:
        value: RawValue = unpack(_gathered(swapped if spelling.order.swaps_bytes else data, offset, places))[0]
        return value

    return read_halves


def _register_bit_reader(spelling: Spelling, offset: int) -> Read:
    index, bit = divmod(spelling.bit or 0, 8)
    # Bit 0 stands in the second byte of a register, or in the first where they are swapped.
    place, mask = offset + (index if spelling.order.swaps_bytes else 1 - index), 1 << bit
    return lambda data, _swapped: bool(data[place] & mask)


def _whole(spelling: Spelling, offset: int, number_from: "Callable[[bytes], int | None]") -> Read:
    places = spelling.order.words(spelling.registers)

    def read(data: bytes, swapped: bytes) -> Decoded:
        number = number_from(_gathered(swapped if spelling.order.swaps_bytes else data, offset, places))
        return NoValue() if number is None else number

    return read


def _from_bcd(digits: bytes) -> int | None:
    text = digits.hex()
    return int(text) if text.isdecimal() else None


def _from_words(data: bytes, base: int) -> int | None:
    number = 0
    for place in range(0, len(data), _BYTES):
        digit = int.from_bytes(data[place : place + _BYTES])
        if digit >= base:
            return None
        number = number * base + digit
    return number


def _text_reader(spelling: Spelling, offset: int) -> Read:
    end = offset + spelling.registers * _BYTES

    def read(data: bytes, swapped: bytes) -> Decoded:
        kept = (swapped if spelling.order.swaps_bytes else data)[offset:end].split(b"\0")[0]
        return kept.decode("latin-1").strip()

    return read


def _gathered(data: bytes, offset: int, places: Sequence[int]) -> bytes:
    """Puts the words into the order of their weight, the most significant first."""
    starts = [offset + place * _BYTES for place in places]
    return b"".join(data[start : start + _BYTES] for start in starts)


def data_size_bytes(table: Table, count: int) -> int:
    """Tells how many bytes of data answer a request for that many registers or coils."""
    return (count + 7) // 8 if table.holds_bits else count * _BYTES
