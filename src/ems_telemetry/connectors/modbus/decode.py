"""Bytes of a reply to values: pure functions. Each value is read exactly, whole numbers as whole numbers of any width."""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import TypeAlias

from ems_telemetry.connectors.modbus.registers import Order, RegisterPoint, Table, ValueType
from ems_telemetry.model import RawValue

Read: TypeAlias = Callable[[bytes, bytes], RawValue]
"""Reads one value from the data of a reply, given as it came and with the bytes of each register swapped."""


def decode(data: bytes, type_: ValueType, order: Order = Order.ABCD, bit: int | None = None) -> RawValue:
    """Reads one value from its registers.

    Args:
        data: two bytes for each register, as they came over the wire.
        type_: what they spell.
        order: how the bytes lie.
        bit: which bit of the register is meant, 0 the least significant, for `bool`.

    Returns:
        A float, which may be NaN or infinite, a whole number, or a bool.
    """
    return _reader(type_, order, bit, 0)(data, swap_bytes(data))


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
        self._reads: list[Read] = [_point_reader(point, point.address - address) for point in points]
        self._swapped = any(point.order is not Order.ABCD for point in points)

    def decode(self, data: bytes) -> list[RawValue]:
        """Reads the values, in the order of the points.

        Args:
            data: the reply's data: two bytes for each register, or eight coils a byte.
        """
        swapped = swap_bytes(data) if self._swapped else data
        return [read(data, swapped) for read in self._reads]


def _point_reader(point: RegisterPoint, offset: int) -> Read:
    if point.table.holds_bits:
        return _bit_reader(offset)
    return _reader(point.type, point.order, point.bit, offset * 2)


def _bit_reader(offset: int) -> Read:
    index, mask = offset // 8, 1 << offset % 8
    return lambda data, _swapped: bool(data[index] & mask)


def _reader(type_: ValueType, order: Order, bit: int | None, offset: int) -> Read:
    if type_ is ValueType.BOOL:
        word, mask = _reader(ValueType.UINT16, order, None, offset), 1 << (bit or 0)
        return lambda data, swapped: bool(int(word(data, swapped) or 0) & mask)
    # After the bytes of each register are put right, low word first is the number written backwards: C D A B → D C B A.
    backwards = order.low_word_first and type_.registers > 1
    from_swapped = order.swaps_bytes != backwards
    unpack_from = Struct(("<" if backwards else ">") + type_.code).unpack_from

    def read(data: bytes, swapped: bytes) -> RawValue:
        value: RawValue = unpack_from(swapped if from_swapped else data, offset)[0]
        return value

    return read


def data_size_bytes(table: Table, count: int) -> int:
    """Tells how many bytes of data answer a request for that many registers or coils."""
    return (count + 7) // 8 if table.holds_bits else count * 2
