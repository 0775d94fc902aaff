"""Intervals as figures are made of them: without holes, exact, and as the inputs of methods have them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.interval_series import StoredInterval
from ems_telemetry.storage.point_facts import PointFacts, read_intervals_of

Json = dict[str, Any]


class Child(NamedTuple):
    """An interval that a figure is made of. `value` is exact of counters and totals, and the mean over time of gauges.

    `coverage` is the share of its time that was measured, 0 to 1; `flags` are names of `IntervalFlag`.
    """

    start: datetime
    end: datetime
    value: Decimal | None
    coverage: Decimal
    quality: int
    flags: Sequence[str]
    samples: int
    expected: int | None
    min: Decimal | None
    max: Decimal | None
    revision: int


async def read_children(
    connection: Connection, point: PointFacts, period: Period, start: datetime, end: datetime
) -> list[Child]:
    """Gives the intervals of a point within `[start, end)` as they are now, without holes."""
    zone = ZoneInfo(point.timezone)
    edges = [moment_of(edge) for edge in edges_of(period, microseconds(start), microseconds(end), zone)]
    stored = {row.start: row for row in await read_intervals_of(connection, point.id, period, start, end)}
    return [_child(left, right, stored.get(left)) for left, right in pairwise(edges)]


def _child(start: datetime, end: datetime, row: StoredInterval | None) -> Child:
    if row is None:
        return Child(start, end, None, Decimal(0), 0, ("missing",), 0, None, None, None, 0)
    value = _decimal(row.value) if row.exact is None else Decimal(row.exact)
    names = tuple(flag.name.lower() for flag in IntervalFlag(row.flags) if flag.name)
    return Child(
        start, end, value, _decimal(row.coverage) or Decimal(0), row.quality, names, row.samples, row.expected,
        _decimal(row.min), _decimal(row.max), row.revision,
    )  # fmt: skip


def _decimal(value: float | None) -> Decimal | None:
    """Gives a double as the shortest decimal that means it."""
    return None if value is None else Decimal(repr(value))


def children_as_inputs(children: Iterable[Child]) -> list[Json]:
    """Writes intervals as inputs of a method have them."""
    return [child._asdict() for child in children]


def children_of(inputs: Iterable[Mapping[str, Any]]) -> list[Child]:
    """Reads intervals back from inputs."""
    return [
        Child(
            datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"]), decimal_of(each["value"]),
            Decimal(each["coverage"]), each["quality"], tuple(each["flags"]), each["samples"], each["expected"],
            decimal_of(each["min"]), decimal_of(each["max"]), each["revision"],
        )
        for each in inputs
    ]  # fmt: skip


def decimal_of(text: str | None) -> Decimal | None:
    """Reads a decimal back from inputs."""
    return None if text is None else Decimal(text)
