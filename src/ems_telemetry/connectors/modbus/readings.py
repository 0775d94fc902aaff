"""Every way to read some registers whose type and order nobody knows, and which of them are likely. Pure functions."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ems_telemetry.connectors.modbus.decode import decode
from ems_telemetry.connectors.modbus.registers import SHORT_ORDERS, WIDE_ORDERS, Order, Spelling, ValueType

SMALLEST_LIKELY = 1e-3
LARGEST_LIKELY = 1e9
"""Between these, and zero, lies what meters say in their units; a float read in a wrong order is nearly always outside."""
LARGEST_WIDE = 1e13
"""The same for whole numbers of 64 bits, which count single watt-hours."""
LEAST_TEXT = 3
SCALES = (1.0, 0.1, 0.01, 0.001, 10.0, 100.0, 1000.0)
"""Factors by which whole numbers are given, the commonest first."""
MOST_DIGITS_OF_BCD = 4
_NUMBERS = tuple(type_ for type_ in ValueType if type_.code and type_ is not ValueType.BOOL)
_BYTES = 2


class Reading(NamedTuple):
    """What some registers say if they are of this type and order."""

    at: int
    """The first of its registers, counted from the first given."""
    spelling: Spelling
    value: float
    likely: bool

    @property
    def type(self) -> ValueType:
        """What they spell."""
        return self.spelling.type

    def scale_for(self, low: float, high: float) -> float | None:
        """Tells which usual factor, if any, brings the value into a range."""
        scales = SCALES if self.type.code not in ("f", "d") else SCALES[:1]
        return next((scale for scale in scales if low <= self.value * scale <= high), None)


def every_reading(data: bytes) -> Iterator[Reading]:
    """Gives every number that the registers may spell, at each of them.

    Args:
        data: two bytes for each register.

    Yields:
        By the place of the first register, then by type; each type in each order that makes a difference.
    """
    registers = len(data) // _BYTES
    for at in range(registers):
        for spelling in _spellings(registers - at):
            value = decode(data[at * _BYTES : (at + spelling.registers) * _BYTES], spelling)
            if isinstance(value, int | float):
                yield Reading(at, spelling, value, _is_likely(value, spelling))


def text_in(data: bytes) -> tuple[str, Order] | None:
    """Tells what text the registers hold, if they hold one: letters, digits and what stands between them."""
    for order in (Order.ABCD, Order.BADC):
        text = decode(data, Spelling(ValueType.STRING, order, len(data) // _BYTES))
        if isinstance(text, str) and len(text) >= LEAST_TEXT and text.isascii() and text.isprintable():
            return text, order
    return None


def _spellings(registers: int) -> Iterator[Spelling]:
    for type_ in _NUMBERS:
        if type_.registers <= registers:
            yield from (Spelling(type_, order) for order in _orders_of(type_))
    for length in range(1, min(registers, MOST_DIGITS_OF_BCD) + 1):
        yield from (Spelling(ValueType.BCD, order, length) for order in SHORT_ORDERS[: 1 if length == 1 else 2])


def _orders_of(type_: ValueType) -> Sequence[Order]:
    """For 16 bits only the order within the register makes a difference; for 64 bits the short names are among the wide."""
    if type_.registers == 1:
        return (Order.ABCD, Order.BADC)
    return WIDE_ORDERS if type_.registers * _BYTES == len(Order.ABCDEFGH) else SHORT_ORDERS


def _is_likely(value: float, spelling: Spelling) -> bool:
    if not math.isfinite(value):
        return False
    if value == 0:
        return spelling.type is not ValueType.BCD
    size = abs(value)
    if spelling.type.code in ("f", "d"):
        return SMALLEST_LIKELY <= size <= LARGEST_LIKELY
    numbers = spelling.type.whole_numbers
    # All bits set, or the sign alone, is what meters say for "no value".
    is_sentinel = numbers is not None and value in (numbers.stop - 1, numbers.start)
    largest = LARGEST_WIDE if spelling.registers * _BYTES == len(Order.ABCDEFGH) else LARGEST_LIKELY
    return size <= largest and not is_sentinel and not (numbers is not None and numbers.start < 0 and value == -1)


def parse_registers(words: Sequence[str], *, decimal: bool = False) -> bytes:
    """Reads registers as people write them: `4348 0000`, `0x43480000`, `43:48:00:00`, or as decimal numbers.

    Args:
        words: one or more of these.
        decimal: each word is one register as a decimal number, also a negative one.

    Returns:
        Two bytes for each register.

    Raises:
        ValueError: in words for the person who wrote them.
    """
    if decimal:
        return b"".join(_decimal(word) for word in words)
    digits = "".join(
        word.removeprefix("0x").removeprefix("0X").replace(":", "").replace("-", "").replace(" ", "") for word in words
    )
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f'"{" ".join(words)}" is not hexadecimal; write registers as 4348 0000, or use --decimal') from None
    if not data or len(data) % _BYTES:
        raise ValueError(f'"{" ".join(words)}" holds {len(digits)} hexadecimal digits; a register has four')
    return data


def _decimal(word: str) -> bytes:
    try:
        number = int(word)
        return number.to_bytes(_BYTES, signed=number < 0)
    except (ValueError, OverflowError):
        raise ValueError(f'"{word}" is not a register; as a decimal number it lies between -32768 and 65535') from None
