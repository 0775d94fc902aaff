"""What stands in a Modbus connector file, checked down to the last register before anything is connected."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from ems_telemetry.config.connector import ConnectorFile, Meter, Point
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.modbus.endpoint import Endpoint, parse_endpoint
from ems_telemetry.connectors.modbus.registers import (
    ADDRESSES,
    BITS_PER_REGISTER,
    MAX_REGISTERS,
    Addressing,
    Order,
    Table,
    ValueType,
    wire_address,
)

DEFAULT_TIMEOUT_S = 1.0
DEFAULT_REGISTER_GAP = 16


def _parsed(text: str) -> str:
    parse_endpoint(text)
    return text


EndpointText: TypeAlias = Annotated[str, AfterValidator(_parsed)]
RegisterGap: TypeAlias = Annotated[int, Field(ge=0, le=MAX_REGISTERS)]
RequestSize: TypeAlias = Annotated[int, Field(ge=1, le=MAX_REGISTERS)]


class ModbusPoint(Point):
    """A quantity and the registers, or the bit, it is read from."""

    # `register` itself would hide a method that pydantic's models inherit.
    table: Table = Field(alias="register")
    """Where it lies: coil, discrete, input or holding."""
    address: int = Field(ge=0)
    """Its first register, counted as `addressing` says."""
    type: ValueType
    """What the registers spell: bool, or int16, uint16, … float64."""
    order: Order = Order.ABCD
    """How the bytes lie, A the most significant. 64-bit values follow the same pattern over four registers."""
    bit: int | None = Field(default=None, ge=0, lt=BITS_PER_REGISTER)
    """Which bit of a register is meant, 0 the least significant; for type bool."""
    _unit_id: int = PrivateAttr(default=0)
    _wire_address: int = PrivateAttr(default=0)

    @property
    def wire_address(self) -> int:
        """The address that goes over the wire; known once the point stands in its file."""
        return self._wire_address

    @property
    def source(self) -> str:
        """Where it is read, by wire address, as `unit 7 holding 40 uint32 ABCD`."""
        place = f"unit {self._unit_id} {self.table} {self._wire_address}"
        if self.table.holds_bits:
            return place
        bit = "" if self.bit is None else f" bit {self.bit}"
        return f"{place} {self.type} {self.order}{bit}"

    @model_validator(mode="after")
    def _type_fits_the_table(self) -> Self:
        if problem := _misfit(self):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _sentinels_as_the_type_reads_them(self) -> Self:
        # Manuals give the bits, as 0x8000 for an int16 that then reads -32768.
        numbers = self.type.whole_numbers
        if numbers is not None:
            object.__setattr__(self, "invalid", tuple(_as_read(value, numbers, self.type) for value in self.invalid))
        return self

    def _settle(self, unit_id: int, address: int) -> None:
        self._unit_id = unit_id
        self._wire_address = address


class ModbusMeter(Meter[ModbusPoint]):
    """A meter behind one unit id."""

    unit_id: int = Field(ge=0, le=255)
    """Its address on the line, 1 to 247; behind a TCP endpoint also 0 or 255, for the endpoint itself."""
    interval: Duration | None = None
    """How often it is read; the connector's if not said."""
    timeout: Duration | None = None
    """How long a reply may take; the connector's if not said."""
    addressing: Addressing | None = None
    """How its manual counts addresses; the connector's if not said."""
    max_register_gap: RegisterGap | None = None
    """How many unused registers to read across; the connector's if not said."""
    max_registers: RequestSize | None = None
    """Most registers it serves at once; the connector's if not said."""


class ModbusFile(ConnectorFile[ModbusMeter]):
    """One Modbus TCP endpoint, a device or a gateway, and the meters behind it."""

    type: Literal["modbus"]
    endpoint: EndpointText
    """As `tcp://10.20.0.31:502`; port 502 if not said."""
    interval: Duration = 10.0
    """How often each meter is read."""
    timeout: Duration | None = None
    """How long a reply may take; if not said 1s, or half of the shortest interval where that is less."""
    addressing: Addressing = Addressing.ZERO_BASED
    """How addresses are counted: zero_based as on the wire, one_based, or modicon (40001)."""
    max_register_gap: RegisterGap = DEFAULT_REGISTER_GAP
    """How many unused registers, or coils, are read across to save a request; 0 reads none that no point needs."""
    max_registers: RequestSize = MAX_REGISTERS
    """Most registers in one request."""
    meters: tuple[ModbusMeter, ...] = Field(min_length=1)

    @property
    def where(self) -> Endpoint:
        """The endpoint's host and port."""
        return parse_endpoint(self.endpoint)

    @property
    def line(self) -> tuple[str, str]:
        """All files that name one endpoint share the link to it."""
        return self.where.place, self.where.manner

    def interval_s(self, meter: ModbusMeter) -> float:
        """Tells how often a meter is read, in seconds."""
        return meter.interval or self.interval

    def timeout_s(self, meter: ModbusMeter) -> float:
        """Tells how long a meter's reply may take, in seconds."""
        shortest_s = min(self.interval_s(other) for other in self.meters)
        return meter.timeout or self.timeout or min(DEFAULT_TIMEOUT_S, shortest_s / 2)

    def register_gap(self, meter: ModbusMeter) -> int:
        """Tells how many unused registers of a meter may be read across."""
        return self.max_register_gap if meter.max_register_gap is None else meter.max_register_gap

    def request_size(self, meter: ModbusMeter) -> int:
        """Tells how many registers a meter serves at once."""
        return meter.max_registers or self.max_registers

    @model_validator(mode="after")
    def _every_point_has_a_place(self) -> Self:
        problems = list(chain(self._settled(), self._crossing(), self._too_wide()))
        if problems:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self

    def _settled(self) -> Iterator[InitErrorDetails]:
        """Gives each point its unit and wire address; yields those that have none."""
        for place, meter, point in self._points():
            try:
                address = wire_address(point.address, point.table, meter.addressing or self.addressing)
            except ValueError as error:
                yield _problem((*place, "address"), str(error))
                continue
            point._settle(meter.unit_id, address)  # noqa: SLF001 - the point's own file
            if address + point.type.registers > ADDRESSES:
                yield _problem((*place, "address"), f"{point.type} at wire address {address} goes beyond the last, 65535")

    def _crossing(self) -> Iterator[InitErrorDetails]:
        """Yields values that share some but not all of their registers: one of them is off by one."""
        seen: dict[tuple[int, Table], list[tuple[int, int, str]]] = {}
        for place, meter, point in self._points():
            start, end = point.wire_address, point.wire_address + point.type.registers
            others = seen.setdefault((meter.unit_id, point.table), [])
            crossed = next((other for other in others if _cross((start, end), other[:2])), None)
            if crossed is not None:
                message = (
                    f"registers {start} to {end - 1} cross {crossed[0]} to {crossed[1] - 1} of {crossed[2]} "
                    "(wire addresses); one of the two addresses is wrong"
                )
                yield _problem((*place, "address"), message)
            others.append((start, end, f"{meter.id}.{point.id}"))

    def _too_wide(self) -> Iterator[InitErrorDetails]:
        for place, meter, point in self._points():
            if point.type.registers > self.request_size(meter):
                message = (
                    f"{point.type} takes {point.type.registers} registers, more than max_registers {self.request_size(meter)}"
                )
                yield _problem((*place, "type"), message)

    def _points(self) -> Iterator[tuple[tuple[str | int, ...], ModbusMeter, ModbusPoint]]:
        for index, meter in enumerate(self.meters):
            for position, point in enumerate(meter.points):
                yield ("meters", index, "points", position), meter, point


def _misfit(point: ModbusPoint) -> str | None:
    """Tells why table, type, bit and order of a point do not go together."""
    if point.table.holds_bits:
        if point.type is not ValueType.BOOL:
            return f"type {point.type} does not fit a {point.table}, which is one bit; say type: bool"
        if point.bit is not None:
            return f"bit {point.bit} does not fit a {point.table}, which is one bit; its address is enough"
        if point.order is not Order.ABCD:
            return f"order {point.order} does not fit a {point.table}, which is one bit; leave it out"
    elif point.type is ValueType.BOOL and point.bit is None:
        return f"type bool in the {point.table} registers needs a bit from 0 to 15, as bit: 0 for the lowest"
    elif point.type is not ValueType.BOOL and point.bit is not None:
        return f"bit {point.bit} does not fit type {point.type}; say type: bool, or leave bit out"
    return None


def _as_read(value: float, numbers: range, type_: ValueType) -> float:
    """Turns a sentinel given as bits into the number that the type reads there."""
    lowest, past_highest = numbers.start, numbers.stop
    if past_highest <= value < past_highest - lowest:
        value -= past_highest - lowest
    if not lowest <= value < past_highest:
        message = f"invalid {value} cannot be in an {type_}, which goes from {lowest} to {past_highest - 1}"
        raise ValueError(message)
    return value


def _cross(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tells whether two half-open ranges overlap, neither lying within the other."""
    (first, first_end), (second, second_end) = sorted((one, other))
    return first < second < first_end < second_end


def _problem(place: tuple[str | int, ...], message: str) -> InitErrorDetails:
    return InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(message)})
