"""The words of Modbus: its four tables, the types values are made of, and the orders their bytes come in."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

ADDRESSES = 65_536
"""Each table has the wire addresses 0 to 65535."""
MAX_REGISTERS = 125
"""Most registers one request may ask for."""
BITS_PER_REGISTER = 16


class Table(StrEnum):
    """One of the four address spaces of a unit."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def function(self) -> int:
        """The function code that reads it: 1 to 4, none of which writes."""
        return _FUNCTIONS[self]

    @property
    def holds_bits(self) -> bool:
        """True where an address holds one bit, false where it holds a 16-bit register."""
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def modicon_digit(self) -> int:
        """The first digit of its addresses in Modicon's numbering, as 4 in 40001."""
        return _MODICON_DIGITS[self]


_FUNCTIONS: Mapping[Table, int] = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
_MODICON_DIGITS: Mapping[Table, int] = {Table.COIL: 0, Table.DISCRETE: 1, Table.INPUT: 3, Table.HOLDING: 4}


class ValueType(StrEnum):
    """What the registers of a value spell."""

    BOOL = "bool"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD = "bcd"
    """Decimal digits, four to a register."""
    WORDS = "words"
    """A whole number whose digits are the registers, to a `base` such as 1000 or 10000."""
    STRING = "string"
    """Text, two characters to a register."""

    @property
    def registers(self) -> int:
        """How many registers a value takes; 0 where the point says it, as `length`."""
        return _SHAPES[self][0]

    @property
    def code(self) -> str:
        """Its letter in the `struct` module; empty where that knows none."""
        return _SHAPES[self][1]

    @property
    def whole_numbers(self) -> range | None:
        """The numbers it can hold; None where its width does not tell."""
        if not self.code or self.code not in "hHiIqQ":
            return None
        size = 1 << (self.registers * BITS_PER_REGISTER)
        return range(-size // 2, size // 2) if self.code.islower() else range(size)


_SHAPES: Mapping[ValueType, tuple[int, str]] = {
    ValueType.BOOL: (1, "?"),
    ValueType.INT16: (1, "h"),
    ValueType.UINT16: (1, "H"),
    ValueType.INT32: (2, "i"),
    ValueType.UINT32: (2, "I"),
    ValueType.INT64: (4, "q"),
    ValueType.UINT64: (4, "Q"),
    ValueType.FLOAT32: (2, "f"),
    ValueType.FLOAT64: (4, "d"),
    ValueType.BCD: (0, ""),
    ValueType.WORDS: (0, ""),
    ValueType.STRING: (0, ""),
}
WIDE_REGISTERS = 4
"""How many registers a 64-bit value takes."""


class Order(StrEnum):
    """How the bytes of a value lie in its registers, as they come over the wire; A is the most significant byte.

    The four of four letters stand for the pattern, whatever the width: over one register only the order within it matters,
    over more the pattern goes on (for 64 bits `ABCDEFGH`, `GHEFCDAB`, `BADCFEHG`, `HGFEDCBA`). Those of eight letters are for
    64-bit values alone, whose halves some devices put the other way round.
    """

    ABCD = "ABCD"
    """High word first, high byte first: big-endian, as the specification has it."""
    CDAB = "CDAB"
    """Low word first, high byte first."""
    BADC = "BADC"
    """High word first, low byte first."""
    DCBA = "DCBA"
    """Low word first, low byte first: little-endian."""
    ABCDEFGH = "ABCDEFGH"
    GHEFCDAB = "GHEFCDAB"
    BADCFEHG = "BADCFEHG"
    HGFEDCBA = "HGFEDCBA"
    EFGHABCD = "EFGHABCD"
    """The low half first, each half big-endian."""
    CDABGHEF = "CDABGHEF"
    """The high half first, each half low word first."""
    FEHGBADC = "FEHGBADC"
    DCBAHGFE = "DCBAHGFE"
    """The high half first, each half little-endian."""

    @property
    def is_wide(self) -> bool:
        """True for those of 64-bit values alone."""
        return len(self) == 2 * WIDE_REGISTERS

    @property
    def swaps_bytes(self) -> bool:
        """True where each register has its low byte first."""
        return self[0] > self[1]

    def words(self, registers: int) -> tuple[int, ...]:
        """Tells where the words lie.

        Args:
            registers: how many the value takes; four if the order is wide.

        Returns:
            The places of the registers, from the most significant word to the least.
        """
        if self.is_wide:
            pairs = [min(self[place : place + 2]) for place in range(0, len(self), 2)]
            return tuple(sorted(range(registers), key=pairs.__getitem__))
        low_first = self in (Order.CDAB, Order.DCBA)
        return tuple(reversed(range(registers))) if low_first else tuple(range(registers))


SHORT_ORDERS = tuple(order for order in Order if not order.is_wide)
WIDE_ORDERS = tuple(order for order in Order if order.is_wide)


class Addressing(StrEnum):
    """How a manual counts addresses. On the wire the first one is always 0."""

    ZERO_BASED = "zero_based"
    """As on the wire."""
    ONE_BASED = "one_based"
    """The first one is 1."""
    MODICON = "modicon"
    """The table leads, the first is 1: 40001 or 400001 for holding, 30001 for input, 10001 for discrete, 1 for coil."""


def wire_address(address: int, table: Table, addressing: Addressing) -> int:
    """Tells the address that goes over the wire.

    Raises:
        ValueError: there is no such address, in words for the person who wrote the file.
    """
    first = 0 if addressing is Addressing.ZERO_BASED else 1
    if addressing is Addressing.MODICON and table is not Table.COIL:
        first = _modicon_first(address, table)
    found = address - first
    if not 0 <= found < ADDRESSES:
        message = (
            f"address {address} does not exist; with {addressing} addressing they go from {first} to {first + ADDRESSES - 1}"
        )
        raise ValueError(message)
    return found


def _modicon_first(address: int, table: Table) -> int:
    """Tells the table's first address in as many digits as this one has."""
    digits = str(address)
    if len(digits) not in (5, 6) or int(digits[0]) != table.modicon_digit:
        example = table.modicon_digit * 10_000 + 1
        message = (
            f"address {address} is no {table} address in modicon addressing, where they begin at {example}; "
            "correct the address or `register`, or say addressing: one_based or zero_based"
        )
        raise ValueError(message)
    return table.modicon_digit * int(10 ** (len(digits) - 1)) + 1


class Spelling(NamedTuple):
    """How some registers spell a value."""

    type: ValueType
    order: Order = Order.ABCD
    length: int = 0
    """How many registers, where the type does not tell."""
    bit: int | None = None
    """Which bit of the register is meant, 0 the least significant, for `bool`."""
    base: int = 1 << BITS_PER_REGISTER
    """What the registers of `words` are digits to."""

    @property
    def registers(self) -> int:
        """How many registers, or bits of a table of bits, it takes."""
        return self.type.registers or self.length


class RegisterPoint(NamedTuple):
    """A point as the planner and the decoder see it: where its value lies, by wire address, and how to read it."""

    key: str
    table: Table
    address: int
    spelling: Spelling
    exponent: int | None = None
    """The wire address of the register that tells by which power of ten the number is to be multiplied."""
    sentinels: frozenset[float | str] = frozenset()
    """What stands for "no value", as it is read."""

    @property
    def value_end(self) -> int:
        """The first address after its value."""
        return self.address + self.spelling.registers

    @property
    def start(self) -> int:
        """The first address that is read for it."""
        return self.address if self.exponent is None else min(self.address, self.exponent)

    @property
    def end(self) -> int:
        """The first address after what is read for it."""
        return self.value_end if self.exponent is None else max(self.value_end, self.exponent + 1)
