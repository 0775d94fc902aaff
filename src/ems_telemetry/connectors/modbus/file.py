"""What stands in a Modbus connector file, checked down to the last register before anything is connected."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from ems_telemetry.config.base import SecretFile
from ems_telemetry.config.connector import ConnectorFile, Tls, point_key
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.modbus.endpoint import Endpoint, Pauses, Scheme, parse_endpoint
from ems_telemetry.connectors.modbus.meter import MOST_RETRIES, ModbusMeter
from ems_telemetry.connectors.modbus.point import ModbusPoint
from ems_telemetry.connectors.modbus.registers import (
    ADDRESSES,
    MAX_REGISTERS,
    WIDE_REGISTERS,
    Addressing,
    Order,
    RegisterPoint,
    Table,
    wire_address,
)
from ems_telemetry.connectors.modbus.tls import TlsSettings

DEFAULT_TIMEOUT_S = 1.0
DEFAULT_REGISTER_GAP = 16
DEFAULT_RETRIES = 1
LONGEST_PAUSE_S = 60.0

Place: TypeAlias = tuple[str | int, ...]
"""The way to a point in its file: meters, its place, points, its place."""


def _parsed(text: str) -> str:
    parse_endpoint(text)
    return text


EndpointText: TypeAlias = Annotated[str, AfterValidator(_parsed)]


class ModbusTls(Tls):
    """Certificates, as PEM files; relative paths start from the folder of this file."""

    ca: SecretFile
    """Who vouches for the server."""
    server_name: str | None = None
    """The name that the server's certificate must hold; the endpoint's host if not said."""


class ModbusFile(ConnectorFile[ModbusMeter]):
    """One Modbus endpoint, a device or a gateway or a line, and the meters behind it."""

    type: Literal["modbus"]
    endpoint: EndpointText
    """As `tcp://10.20.0.31:502`; port 502 if not said."""
    interval: Duration = 10.0
    """How often each meter is read."""
    timeout: Duration | None = None
    """How long a reply may take; if not said 1s, or half of the shortest interval where that is less."""
    pause_between_requests: Annotated[Duration, Field(le=LONGEST_PAUSE_S)] | None = None
    """How long the link rests after each reply."""
    pause_after_connect: Annotated[Duration, Field(le=LONGEST_PAUSE_S)] | None = None
    """How long a new connection rests before the first request."""
    tls: ModbusTls | None = None
    """Certificates, for tls://."""
    retries: int = Field(default=DEFAULT_RETRIES, ge=0, le=MOST_RETRIES)
    """How often a meter is asked again at once if it is silent and answered the time before."""
    addressing: Addressing = Addressing.ZERO_BASED
    """How addresses are counted: zero_based as on the wire, one_based, or modicon (40001)."""
    order: Order = Order.ABCD
    """How the bytes of values lie, A the most significant."""
    order_64: Order | None = None
    """The same for 64-bit values, where these differ."""
    max_register_gap: int = Field(default=DEFAULT_REGISTER_GAP, ge=0, le=MAX_REGISTERS)
    """How many unused registers, or coils, are read across to save a request; 0 reads none that no point needs."""
    max_registers: int = Field(default=MAX_REGISTERS, ge=1, le=MAX_REGISTERS)
    """Most registers in one request."""
    meters: tuple[ModbusMeter, ...] = Field(min_length=1)

    @property
    def where(self) -> Endpoint:
        """The endpoint, taken apart."""
        return parse_endpoint(self.endpoint)

    @property
    def line(self) -> tuple[str, str]:
        """All files that name one endpoint share the link to it."""
        return self.where.place, self.where.manner

    @property
    def pauses(self) -> Pauses:
        """The rest that the meters need."""
        return Pauses(self.pause_between_requests or 0.0, self.pause_after_connect or 0.0)

    @property
    def certificates(self) -> TlsSettings | None:
        """The certificates of a tls:// endpoint."""
        tls = self.tls
        return None if tls is None else TlsSettings(tls.ca, tls.certificate, tls.key, tls.server_name)

    def interval_s(self, meter: ModbusMeter) -> float:
        """Tells how often a meter is read, in seconds."""
        return meter.interval or self.interval

    def timeout_s(self, meter: ModbusMeter) -> float:
        """Tells how long a meter's reply may take, in seconds."""
        shortest_s = min(self.interval_s(other) for other in self.meters)
        return meter.timeout or self.timeout or min(DEFAULT_TIMEOUT_S, shortest_s / 2)

    def retries_of(self, meter: ModbusMeter) -> int:
        """Tells how often a silent meter is asked again at once."""
        return self.retries if meter.retries is None else meter.retries

    def register_gap(self, meter: ModbusMeter) -> int:
        """Tells how many unused registers of a meter may be read across."""
        return self.max_register_gap if meter.max_register_gap is None else meter.max_register_gap

    def request_size(self, meter: ModbusMeter) -> int:
        """Tells how many registers a meter serves at once."""
        return meter.max_registers or self.max_registers

    def addressing_of(self, meter: ModbusMeter) -> Addressing:
        """Tells how a meter's addresses are counted."""
        return meter.addressing or self.addressing

    def order_of(self, meter: ModbusMeter, point: ModbusPoint) -> Order:
        """Tells how the bytes of a point lie."""
        if point.order is not None:
            return point.order
        # What a meter or its profile says of orders comes before all that the file says.
        order, order_64 = (self.order, self.order_64) if meter.order is None else (meter.order, None)
        is_wide = point.type is not None and point.type.registers == WIDE_REGISTERS
        return (is_wide and (meter.order_64 or order_64)) or order

    def holes_of(self, meter: ModbusMeter) -> tuple[tuple[Table, int, int], ...]:
        """Tells what of a meter must not be read: the table, the first wire address, and the first behind it."""
        addressing = self.addressing_of(meter)
        return tuple(
            (hole.table, wire_address(hole.first, hole.table, addressing), wire_address(hole.last, hole.table, addressing) + 1)
            for hole in meter.holes
        )

    def placed(self, meter: ModbusMeter, point: ModbusPoint) -> RegisterPoint:
        """Tells where a point of a meter lies on the wire.

        Raises:
            ValueError: there is no such address, in words for the person who wrote the file.
        """
        table, addressing = point.table or Table.HOLDING, self.addressing_of(meter)
        spelling = point.spelled(self.order_of(meter, point))
        address = wire_address(point.address or 0, table, addressing)
        if address + spelling.registers > ADDRESSES:
            raise ValueError(f"{point.takes} at wire address {address} goes beyond the last, 65535")
        exponent = None if point.exponent_address is None else wire_address(point.exponent_address, table, addressing)
        return RegisterPoint(point_key(meter, point), table, address, spelling, exponent, point.sentinels)

    @model_validator(mode="after")
    def _tls_has_its_certificates(self) -> Self:
        if (self.tls is None) == (self.where.scheme is Scheme.TLS):
            raise ValueError(
                'a tls:// endpoint needs "tls" with at least "ca", the file that vouches for the server'
                if self.tls is None
                else f'"tls" needs an endpoint that begins with tls://, as tls://{self.where.host or "10.20.0.31"}:802'
            )
        return self

    @model_validator(mode="after")
    def _every_point_has_a_place(self) -> Self:
        problems = [*self._misplaced_holes(), *self._settled()]
        if not problems:
            problems = list(chain(self._crossing(), self._too_wide(), self._in_holes()))
        if problems:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self

    def _misplaced_holes(self) -> Iterator[InitErrorDetails]:
        for index, meter in enumerate(self.meters):
            try:
                self.holes_of(meter)
            except ValueError as error:
                yield _problem(("meters", index, "holes"), str(error))

    def _settled(self) -> Iterator[InitErrorDetails]:
        """Gives each point its unit and wire address; yields those that have none."""
        for place, meter, point in self._points():
            if point.field is not None:
                point.settle(meter.unit_id, None)
                continue
            try:
                point.settle(meter.unit_id, self.placed(meter, point))
            except ValueError as error:
                yield _problem((*place, "address"), str(error))

    def _crossing(self) -> Iterator[InitErrorDetails]:
        """Yields values that share some but not all of their registers: one of them is off by one."""
        seen: dict[tuple[int, Table], list[RegisterPoint]] = {}
        for location, meter, _, place in self._placed_points():
            others = seen.setdefault((meter.unit_id, place.table), [])
            crossed = next((other for other in others if _cross(place, other)), None)
            if crossed is not None:
                message = (
                    f"registers {place.address} to {place.value_end - 1} cross {crossed.address} to {crossed.value_end - 1} "
                    f"of {crossed.key} (wire addresses); one of the two addresses is wrong"
                )
                yield _problem((*location, "address"), message)
            others.append(place)

    def _too_wide(self) -> Iterator[InitErrorDetails]:
        for location, meter, point, place in self._placed_points():
            most, taken = self.request_size(meter), place.end - place.start
            if taken <= most:
                continue
            if place.exponent is not None and place.spelling.registers <= most:
                message = f"value and exponent lie {taken} registers apart, more than max_registers {most}"
                yield _problem((*location, "exponent_address"), message)
            else:
                message = f"{point.takes} takes {place.spelling.registers} registers, more than max_registers {most}"
                yield _problem((*location, "type"), message)

    def _in_holes(self) -> Iterator[InitErrorDetails]:
        for location, meter, _, place in self._placed_points():
            for table, first, end in self.holes_of(meter):
                if table is place.table and place.start < end and first < place.end:
                    message = (
                        f"wire address {max(first, place.start)} lies in a hole, {first} to {end - 1}, that must not be read"
                    )
                    yield _problem((*location, "address"), message)

    def _placed_points(self) -> Iterator[tuple[Place, ModbusMeter, ModbusPoint, RegisterPoint]]:
        for location, meter, point in self._points():
            if point.place is not None:
                yield location, meter, point, point.place

    def _points(self) -> Iterator[tuple[Place, ModbusMeter, ModbusPoint]]:
        for index, meter in enumerate(self.meters):
            for position, point in enumerate(meter.points):
                yield ("meters", index, "points", position), meter, point


def _cross(one: RegisterPoint, other: RegisterPoint) -> bool:
    """Tells whether two values overlap, neither lying within the other."""
    (first, first_end), (second, second_end) = sorted(((one.address, one.value_end), (other.address, other.value_end)))
    return first < second < first_end < second_end


def _problem(place: Place, message: str) -> InitErrorDetails:
    return InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(message)})
