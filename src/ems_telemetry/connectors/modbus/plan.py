"""Points to requests: pure functions. Every point is in exactly one block, no block is too long, no value is split."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from ems_telemetry.config.connector import point_key
from ems_telemetry.connectors.modbus.file import ModbusFile, ModbusMeter, ModbusPoint
from ems_telemetry.connectors.modbus.registers import BITS_PER_REGISTER, RegisterPoint, Table


@dataclass(frozen=True, slots=True)
class Block:
    """What one request reads: `count` registers or bits of a table from the wire address `address` on."""

    table: Table
    address: int
    count: int
    points: tuple[RegisterPoint, ...]

    def __str__(self) -> str:
        last = self.address + self.count - 1
        return f"{self.table} {self.address}" if self.count == 1 else f"{self.table} {self.address} to {last}"


class Poll(NamedTuple):
    """What is read from one unit at one interval, in seconds. Each reply may take `timeout_s`."""

    unit_id: int
    interval_s: float
    timeout_s: float
    blocks: tuple[Block, ...]


class _Manner(NamedTuple):
    """What the meters of one poll have in common."""

    unit_id: int
    interval_s: float
    timeout_s: float
    register_gap: int
    request_size: int


def plan_polls(file: ModbusFile) -> tuple[Poll, ...]:
    """Plans a whole file: one poll for each unit and way of reading it, in the order of units."""

    def manner(meter: ModbusMeter) -> _Manner:
        timing = meter.unit_id, file.interval_s(meter), file.timeout_s(meter)
        return _Manner(*timing, file.register_gap(meter), file.request_size(meter))

    polls = []
    for read, meters in groupby(sorted(file.meters, key=manner), manner):
        points = [_register_point(meter, point) for meter in meters for point in meter.points]
        blocks = plan_blocks(points, read.register_gap, read.request_size)
        polls.append(Poll(read.unit_id, read.interval_s, read.timeout_s, blocks))
    return tuple(polls)


def plan_blocks(points: Iterable[RegisterPoint], max_gap: int, max_registers: int) -> tuple[Block, ...]:
    """Joins the points of one unit into as few requests as the limits allow.

    Args:
        points: in any order; they may overlap. None may be wider than `max_registers`.
        max_gap: how many unused addresses in a row may be read across.
        max_registers: most registers in one request; sixteen bits count as one register.
    """
    ordered = sorted(points, key=lambda point: (point.table, point.address, point.end))
    blocks: list[Block] = []
    for table, of_table in groupby(ordered, lambda point: point.table):
        most = max_registers * BITS_PER_REGISTER if table.holds_bits else max_registers
        blocks.extend(_join(table, list(of_table), max_gap, most))
    return tuple(blocks)


def _join(table: Table, points: Sequence[RegisterPoint], max_gap: int, most: int) -> Iterable[Block]:
    """Walks points in the order of their addresses, opening a new block where the next does not fit the current."""
    current: list[RegisterPoint] = []
    start = end = 0
    for point in points:
        if current and (point.address - end > max_gap or max(end, point.end) - start > most):
            yield Block(table, start, end - start, tuple(current))
            current = []
        if not current:
            start, end = point.address, point.end
        end = max(end, point.end)
        current.append(point)
    if current:
        yield Block(table, start, end - start, tuple(current))


def _register_point(meter: ModbusMeter, point: ModbusPoint) -> RegisterPoint:
    return RegisterPoint(point_key(meter, point), point.table, point.wire_address, point.type, point.order, point.bit)
