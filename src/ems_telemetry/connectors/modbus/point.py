"""A point of a Modbus meter as it stands in a file: where its registers lie and how they spell its value."""

import math
from typing import Annotated, Self, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema, model_validator

from ems_telemetry.config.connector import Point
from ems_telemetry.config.scalars import WrittenBits
from ems_telemetry.connectors.modbus.decode import NoValue, decode
from ems_telemetry.connectors.modbus.registers import (
    BITS_PER_REGISTER,
    MAX_REGISTERS,
    WIDE_REGISTERS,
    Order,
    RegisterPoint,
    Spelling,
    Table,
    ValueType,
)

WORDS_BASE = 1 << BITS_PER_REGISTER
_OF_ANY_LENGTH = (ValueType.BCD, ValueType.WORDS, ValueType.STRING)


def _sentinel(written: object) -> object:
    return WrittenBits.read(written)


Sentinel: TypeAlias = Annotated[
    WrittenBits | int | float | str,
    BeforeValidator(_sentinel),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}], "examples": [65535, "0x7FC00000"]}),
]


class ModbusPoint(Point):
    """A quantity and the registers, or the bit, it is read from."""

    # What a profile brings need not stand in the file; the schema of the meter asks for the rest.
    model_config = ConfigDict(json_schema_extra={"required": ["id"]})

    # `register` itself would hide a method that pydantic's models inherit.
    table: Table | None = Field(default=None, alias="register")
    """Where it lies: coil, discrete, input or holding."""
    address: int | None = Field(default=None, ge=0)
    """Its first register, counted as `addressing` says."""
    type: ValueType | None = None
    """What the registers spell: bool, int16, uint16, … float64, bcd, words, string."""
    order: Order | None = None
    """How the bytes lie, A the most significant; the meter's if not said. 64-bit values may have one of eight letters."""
    length: int | None = Field(default=None, ge=1, le=MAX_REGISTERS)
    """How many registers a bcd, words or string takes."""
    base: int | None = Field(default=None, ge=2, le=WORDS_BASE)
    """For words: what its registers are digits to, as 1000 or 10000; 65536 if not said."""
    bit: int | None = Field(default=None, ge=0, lt=BITS_PER_REGISTER)
    """Which bit of a register is meant, 0 the least significant; for type bool."""
    exponent_address: int | None = Field(default=None, ge=0)
    """The register, of the same kind, that tells by which power of ten the number is multiplied."""
    field: str | None = None
    """In the place of register, address and type: the name of a field of a SunSpec model, as `TotWhImp`."""
    invalid: tuple[Sentinel, ...] = ()  # type: ignore[assignment]  # also bits, which are numbers once their type is known
    """What means "no value", before scaling: the bits, as `0xFFFF`, or the number that is read."""
    _sentinels: frozenset[float | str] = PrivateAttr(default=frozenset())
    _place: RegisterPoint | None = PrivateAttr(default=None)
    _unit_id: int = PrivateAttr(default=0)

    @property
    def source(self) -> str:
        """Where it is read, by wire address, as `unit 7 holding 40 uint32 ABCD`."""
        if self._place is None:
            return f"unit {self._unit_id} SunSpec {self.field}"
        place = f"unit {self._unit_id} {self.table} {self._place.address}"
        spelling = self._place.spelling
        if self._place.table.holds_bits:
            return place
        bit = "" if spelling.bit is None else f" bit {spelling.bit}"
        exponent = "" if self._place.exponent is None else f" exponent at {self._place.exponent}"
        return f"{place} {spelling.type} {spelling.order}{bit}{exponent}"

    @property
    def place(self) -> RegisterPoint | None:
        """Where it lies by wire address; None before it stands in its file, and for a field of a SunSpec model."""
        return self._place

    @property
    def sentinels(self) -> frozenset[float | str]:
        """What stands for "no value", as it is read."""
        return self._sentinels

    @property
    def takes(self) -> str:
        """How it is called where its width matters, as `uint32`."""
        return str(self.type) if self.length is None else f"{self.type} of length {self.length}"

    def spelled(self, order: Order) -> Spelling:
        """Tells how its registers spell it, in an order that holds where it says none."""
        kept = self.order or order
        base = self.base or WORDS_BASE
        return Spelling(self.type or ValueType.UINT16, kept, self.length or 0, self.bit, base)

    def settle(self, unit_id: int, place: RegisterPoint | None) -> None:
        """Takes note of where it lies, once its file knows."""
        self._unit_id = unit_id
        self._place = place

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        keys = {"register": self.table, "address": self.address, "type": self.type}
        missing = [key for key, value in keys.items() if value is None]
        if self.field is not None and len(missing) < len(keys):
            raise ValueError("field is for SunSpec models, which tell register, address and type themselves; leave these out")
        if self.field is None and missing:
            raise ValueError(f"{', '.join(missing)} missing; say register, address and type, or the field of a SunSpec model")
        return self

    @model_validator(mode="after")
    def _type_fits_the_table(self) -> Self:
        if self.type is not None and self.table is not None and (problem := _misfit(self, self.type, self.table)):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _sentinels_as_the_type_reads_them(self) -> Self:
        # They are compared before scaling, and so by whoever decodes: what is compared later would be another number.
        if self.type is not None:
            spelling = self.spelled(Order.ABCD)._replace(order=Order.ABCD)
            read = (_as_read(value, spelling) for value in self.invalid)
            self._sentinels = frozenset(value for value in read if value is not None)
            object.__setattr__(self, "invalid", ())
        elif self.invalid:
            raise ValueError("invalid does not fit a SunSpec field, whose model tells what stands for no value")
        return self


def _misfit(point: ModbusPoint, type_: ValueType, table: Table) -> str | None:
    """Tells why table, type and the other keys of a point do not go together."""
    if table.holds_bits:
        return _misfit_of_bit(point, type_, table)
    if type_ is ValueType.BOOL and point.bit is None:
        return f"type bool in the {table} registers needs a bit from 0 to 15, as bit: 0 for the lowest"
    if type_ is not ValueType.BOOL and point.bit is not None:
        return f"bit {point.bit} does not fit type {type_}; say type: bool, or leave bit out"
    return _misfit_of_width(point, type_)


def _misfit_of_bit(point: ModbusPoint, type_: ValueType, table: Table) -> str | None:
    if type_ is not ValueType.BOOL:
        return f"type {type_} does not fit a {table}, which is one bit; say type: bool"
    if point.bit is not None:
        return f"bit {point.bit} does not fit a {table}, which is one bit; its address is enough"
    if point.order is not None:
        return f"order {point.order} does not fit a {table}, which is one bit; leave it out"
    if point.exponent_address is not None:
        return f"exponent_address does not fit a {table}, which is one bit; leave it out"
    return None


def _misfit_of_width(point: ModbusPoint, type_: ValueType) -> str | None:
    if type_ in _OF_ANY_LENGTH and point.length is None:
        return f"type {type_} needs its length in registers, as length: 4"
    if type_ not in _OF_ANY_LENGTH and point.length is not None:
        return f"length {point.length} does not fit type {type_}, which takes {type_.registers}; leave it out"
    if point.order is not None and point.order.is_wide and type_.registers != WIDE_REGISTERS:
        return f"order {point.order} is for 64-bit values; {type_} takes one of ABCD, CDAB, BADC, DCBA"
    return _misfit_of_number(point, type_)


def _misfit_of_number(point: ModbusPoint, type_: ValueType) -> str | None:
    if type_ is not ValueType.WORDS and point.base is not None:
        return f"base {point.base} does not fit type {type_}; say type: words, or leave base out"
    if point.exponent_address is not None and type_ in (ValueType.BOOL, ValueType.STRING):
        return f"exponent_address does not fit type {type_}, which is no number; leave it out"
    if type_ is ValueType.STRING and point.states is None:
        return "a string is a value only with states: that turn its words into numbers"
    return None


def _as_read(value: WrittenBits | float | str, spelling: Spelling) -> float | str | None:
    """Turns a sentinel into what is read where it stands; None for what is never a value."""
    if isinstance(value, str):
        return _text_sentinel(value, spelling)
    if isinstance(value, WrittenBits):
        return _read_bits(value.bits, value, spelling)
    numbers = spelling.type.whole_numbers
    if numbers is not None and value not in numbers:
        # Manuals give the bits, as 65535 for an int16 that then reads -1.
        return _read_bits(int(value) if float(value).is_integer() else -1, value, spelling)
    return None if math.isnan(value) else value


def _read_bits(bits: int, written: object, spelling: Spelling) -> float | str | None:
    if not 0 <= bits < 1 << (BITS_PER_REGISTER * spelling.registers):
        raise ValueError(f"invalid {_written(written)} cannot be in {_described(spelling)}")
    read = decode(bits.to_bytes(2 * spelling.registers), spelling)
    if isinstance(read, NoValue) or read is None or (isinstance(read, float) and math.isnan(read)):
        return None
    return read


def _text_sentinel(value: str, spelling: Spelling) -> str:
    if spelling.type is not ValueType.STRING:
        raise ValueError(f'invalid "{value}" is a text; in {_described(spelling)} stand numbers, or bits as 0xFFFF')
    return value


def _written(value: object) -> str:
    return f"0x{value.bits:X}" if isinstance(value, WrittenBits) else str(value)


def _described(spelling: Spelling) -> str:
    numbers = spelling.type.whole_numbers
    within = "" if numbers is None else f", which goes from {numbers.start} to {numbers.stop - 1}"
    return f"{'an' if spelling.type[0] in 'aeiou' else 'a'} {spelling.type}{within}"
