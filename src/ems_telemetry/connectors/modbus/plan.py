"""Points to requests: pure functions. Every point is in exactly one block, no block is too long, no value is split."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, TypeAlias

from ems_telemetry.config.connector import point_key
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.meter import ModbusMeter
from ems_telemetry.connectors.modbus.proof import Proof, proofs_of
from ems_telemetry.connectors.modbus.registers import BITS_PER_REGISTER, RegisterPoint, Table

Hole: TypeAlias = tuple[Table, int, int]
"""Addresses that must not be read: the table, the first, and the first behind them."""


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

    def halves(self) -> "tuple[Block, Block] | None":
        """Splits it between two values, each half no longer than its own values; None if it holds one place only."""
        clusters = _clusters(self.points)
        if len(clusters) == 1:
            return None
        middle = len(clusters) // 2
        first, second = clusters[:middle], clusters[middle:]
        return _block_of(self.table, first), _block_of(self.table, second)


class Limits(NamedTuple):
    """How a unit may be asked."""

    register_gap: int
    """How many unused addresses in a row may be read across."""
    request_size: int
    """Most registers in one request; sixteen bits count as one."""
    holes: tuple[Hole, ...] = ()


class FieldPoint(NamedTuple):
    """A point that is a field of a SunSpec model; where that lies the device itself tells."""

    key: str
    field: str


class SunSpecFields(NamedTuple):
    """The fields read of one model of a device."""

    models: tuple[int, ...]
    """Any one of these."""
    instance: int
    """Which of several of its kind, from 1."""
    fields: tuple[FieldPoint, ...]


@dataclass(frozen=True, slots=True)
class Poll:
    """What is read from one unit at one interval, in seconds. Each reply may take `timeout_s`."""

    unit_id: int
    interval_s: float
    timeout_s: float
    retries: int
    limits: Limits
    points: tuple[RegisterPoint, ...]
    sunspec: SunSpecFields | None = None
    proofs: tuple[Proof, ...] = ()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The requests, without those of SunSpec fields."""
        return plan_blocks(self.points, self.limits)


class _Manner(NamedTuple):
    """What the meters of one poll have in common."""

    unit_id: int
    interval_s: float
    timeout_s: float
    retries: int
    limits: Limits
    models: tuple[int, ...]
    instance: int


def plan_polls(file: ModbusFile) -> tuple[Poll, ...]:
    """Plans a whole file: one poll for each unit and way of reading it, in the order of units."""

    def manner(meter: ModbusMeter) -> _Manner:
        limits = Limits(file.register_gap(meter), file.request_size(meter), file.holes_of(meter))
        timing = meter.unit_id, file.interval_s(meter), file.timeout_s(meter), file.retries_of(meter)
        return _Manner(*timing, limits, meter.sunspec, meter.sunspec_instance)

    return tuple(_poll(file, read, tuple(meters)) for read, meters in groupby(sorted(file.meters, key=manner), manner))


def _poll(file: ModbusFile, read: _Manner, meters: Sequence[ModbusMeter]) -> Poll:
    points = tuple(point.place for meter in meters for point in meter.points if point.place is not None)
    fields = tuple(
        FieldPoint(point_key(meter, point), point.field)
        for meter in meters
        for point in meter.points
        if point.field is not None
    )
    sunspec = SunSpecFields(read.models, read.instance, fields) if fields else None
    proofs = tuple(proof for meter in meters for proof in proofs_of(file, meter))
    return Poll(read.unit_id, read.interval_s, read.timeout_s, read.retries, read.limits, points, sunspec, proofs)


def plan_blocks(points: Iterable[RegisterPoint], limits: Limits) -> tuple[Block, ...]:
    """Joins the points of one unit into as few requests as the limits allow.

    Args:
        points: in any order; they may overlap. None may be wider than a request.
        limits: how the unit may be asked.
    """
    ordered = sorted(points, key=lambda point: (point.table, point.start, point.end))
    blocks: list[Block] = []
    for table, of_table in groupby(ordered, lambda point: point.table):
        holes = sorted(first for in_table, first, _ in limits.holes if in_table is table)
        blocks.extend(_join(table, list(of_table), limits, holes))
    return tuple(blocks)


def _join(table: Table, points: Sequence[RegisterPoint], limits: Limits, holes: Sequence[int]) -> Iterator[Block]:
    """Walks points in the order of their addresses, opening a new block where the next does not fit the current."""
    most = limits.request_size * BITS_PER_REGISTER if table.holds_bits else limits.request_size
    current: list[RegisterPoint] = []
    start = end = 0
    for point in points:
        across_hole = any(end <= hole < point.start for hole in holes)
        if current and (point.start - end > limits.register_gap or max(end, point.end) - start > most or across_hole):
            yield Block(table, start, end - start, tuple(current))
            current = []
        if not current:
            start, end = point.start, point.end
        end = max(end, point.end)
        current.append(point)
    if current:
        yield Block(table, start, end - start, tuple(current))


def _clusters(points: Sequence[RegisterPoint]) -> list[list[RegisterPoint]]:
    """Puts together the points that share registers, in the order of their addresses."""
    clusters: list[list[RegisterPoint]] = []
    end = -1
    for point in sorted(points, key=lambda point: (point.start, point.end)):
        if point.start < end:
            clusters[-1].append(point)
        else:
            clusters.append([point])
        end = max(end, point.end)
    return clusters


def _block_of(table: Table, clusters: Sequence[Sequence[RegisterPoint]]) -> Block:
    points = tuple(point for cluster in clusters for point in cluster)
    start = min(point.start for point in points)
    return Block(table, start, max(point.end for point in points) - start, points)
