"""What proves that a meter is what its profile says: registers by which it says so, and a value known beforehand."""

from collections.abc import Iterator
from typing import NamedTuple

from ems_telemetry.config.connector import point_key
from ems_telemetry.connectors.modbus.decode import Decoded, NoValue
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.meter import ModbusMeter
from ems_telemetry.connectors.modbus.point import ModbusPoint
from ems_telemetry.connectors.modbus.profile import Identity, Profile
from ems_telemetry.connectors.modbus.registers import SHORT_ORDERS, Order, RegisterPoint, Spelling, wire_address

SHORT_REGISTERS = 2
"""How many registers a 32-bit value takes."""


class Within(NamedTuple):
    """A number must lie in a range."""

    low: float
    high: float
    unit: str
    factor: float = 1.0
    offset: float = 0.0
    """From the number read to `unit`."""

    def fits(self, read: Decoded) -> bool:
        """Tells whether what was read is such a number."""
        if isinstance(read, bool) or not isinstance(read, int | float):
            return False
        return self.low <= read * self.factor + self.offset <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} {self.unit}"

    def said(self, read: Decoded) -> str:
        """Writes what was read, in the unit."""
        if isinstance(read, NoValue) or not isinstance(read, int | float):
            return "nothing"
        return f"{read * self.factor + self.offset:.6g} {self.unit}"


class OneOf(NamedTuple):
    """A number must be one of these, or a text begin with one of these."""

    expected: tuple[int | str, ...]

    def fits(self, read: Decoded) -> bool:
        """Tells whether what was read is expected."""
        if isinstance(read, str):
            return any(read.startswith(one) for one in self.expected if isinstance(one, str))
        return read in self.expected

    def __str__(self) -> str:
        return " or ".join(f'"{one}…"' if isinstance(one, str) else str(one) for one in self.expected)

    def said(self, read: Decoded) -> str:
        """Writes what was read."""
        return "nothing" if isinstance(read, NoValue) else f'"{read}"' if isinstance(read, str) else str(read)


class Check(NamedTuple):
    """One value to read, and what it must be."""

    what: str
    """How it is called in a message, as `frequency`."""
    place: RegisterPoint
    expects: Within | OneOf


class Proof(NamedTuple):
    """What proves one meter. As long as it does not hold, the meter's values are marked."""

    meter: str
    profile: str
    keys: frozenset[str]
    """The meter's points."""
    identity: tuple[Check, ...]
    first_read: Check | None


def proofs_of(file: ModbusFile, meter: ModbusMeter) -> Iterator[Proof]:
    """Gives the proof of a meter whose profile has one."""
    profile = meter.known
    if profile is None or meter.profile is None or meter.sunspec:
        return
    identity = tuple(_identity(file, meter, known) for known in profile.identity)
    first_read = _first_read(file, meter, profile)
    if identity or first_read:
        keys = frozenset(point_key(meter, point) for point in meter.points)
        yield Proof(meter.id, meter.profile, keys, identity, first_read)


def _identity(file: ModbusFile, meter: ModbusMeter, known: Identity) -> Check:
    order = known.order or meter.order or file.order
    spelling = Spelling(known.type, order, known.length or 0)
    address = wire_address(known.address, known.table, file.addressing_of(meter))
    return Check("model", RegisterPoint(meter.id, known.table, address, spelling), OneOf(known.expect))


def _first_read(file: ModbusFile, meter: ModbusMeter, profile: Profile) -> Check | None:
    if profile.first_read is None:
        return None
    point = _point_named(meter, profile, profile.first_read.point)
    place = None if point is None else file.placed(meter, point)
    if point is None or place is None:
        return None
    return Check(point.id, place, Within(*profile.first_read.range, point.unit, float(point.scale), float(point.offset)))


def _point_named(meter: ModbusMeter, profile: Profile, id_: str) -> ModbusPoint | None:
    """Finds a point of a meter, also one that is not read otherwise."""
    for point in meter.points:
        if point.id == id_:
            return point
    written = profile.points_for(profile.settings_from(meter.parameters))
    return next((ModbusPoint.model_validate(one) for one in written if one["id"] == id_), None)


class Elsewhere(NamedTuple):
    """Where a value may lie instead of where it was looked for."""

    place: RegisterPoint
    step: int
    """How many registers further on."""
    order: Order

    def advice(self, asked: RegisterPoint) -> str:
        """Says what to change in the file if the value lies here."""
        moved = f"its addresses are off by {self.step:+d}: change addressing" if self.step else ""
        turned = f"say order: {self.order}" if self.order is not asked.spelling.order else ""
        return ", and ".join(words for words in (moved, turned) if words)


def other_places(asked: RegisterPoint) -> Iterator[Elsewhere]:
    """Gives where a value may lie that is not what it must be: one register off, or in another order; the likeliest first."""
    orders = [asked.spelling.order]
    if asked.spelling.registers == SHORT_REGISTERS:
        orders += [order for order in SHORT_ORDERS if order is not asked.spelling.order]
    for step in (0, 1, -1):
        for order in orders:
            if asked.address + step >= 0 and (step or order is not asked.spelling.order):
                spelling = asked.spelling._replace(order=order)
                yield Elsewhere(asked._replace(address=asked.address + step, spelling=spelling), step, order)
