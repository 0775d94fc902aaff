"""What interval data is computed by: the rules of each point, how far it is computed, and what happened to its meter."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from ems_telemetry.storage.translation import translated


class PointRule(NamedTuple):
    """A point as far as computing its intervals needs it. Durations are in seconds, `max_rate` is per hour."""

    id: int
    key: str
    quantity: str
    unit: str
    kind: str
    timezone: str
    expected_interval_s: float | None
    max_gap_s: float | None
    max_rate: Decimal | None
    rollover_at: Decimal | None
    interpolation: str
    law: str
    expression: str | None
    computed_to: datetime | None
    """Quarters before this are computed, or marked to be; None where none is."""


class RegisterEvent(NamedTuple):
    """What happened to a register, as somebody declared it."""

    point_id: int
    at: datetime
    type: str
    final: Decimal | None
    initial: Decimal | None
    multiplier: Decimal | None


_RULES = """
    SELECT p.id, p.key, p.quantity, p.unit, p.kind, s.timezone,
           extract(epoch FROM p.expected_interval)::float8 AS expected_interval_s,
           extract(epoch FROM p.max_gap)::float8 AS max_gap_s, p.max_rate, p.rollover_at, p.interpolation, p.law, p.expression,
           g.computed_to
    FROM points p
    JOIN meters m ON m.id = p.meter_id
    JOIN sites s ON s.id = m.site_id
    LEFT JOIN interval_progress g ON g.point_id = p.id
"""
_OF_POINTS = f"{_RULES} WHERE p.id = ANY (%s)"
_VIRTUAL = f"{_RULES} WHERE p.expression IS NOT NULL AND p.active"
_EVENTS = """
    SELECT r.point_id, e.at, e.type, r.final, r.initial, r.multiplier
    FROM meter_event_registers r JOIN meter_events e ON e.id = r.event_id
    WHERE r.point_id = ANY (%s) AND e.voided_at IS NULL ORDER BY r.point_id, e.at, e.recorded_at
"""


async def read_rules(connection: psycopg.AsyncConnection[Any], point_ids: Sequence[int]) -> Mapping[int, PointRule]:
    """Reads the rules of some points, by their ids."""
    with translated():
        async with connection.cursor(row_factory=class_row(PointRule)) as cursor:
            await cursor.execute(_OF_POINTS.encode(), (list(point_ids),))
            return {rule.id: rule for rule in await cursor.fetchall()}


async def read_virtual(connection: psycopg.AsyncConnection[Any]) -> list[PointRule]:
    """Reads the rules of all virtual points that are configured."""
    with translated():
        async with connection.cursor(row_factory=class_row(PointRule)) as cursor:
            await cursor.execute(_VIRTUAL.encode())
            return await cursor.fetchall()


async def read_ids(connection: psycopg.AsyncConnection[Any], keys: Sequence[str]) -> Mapping[str, int]:
    """Reads the ids of points by their keys; one that is not known is left out."""
    with translated():
        cursor = await connection.execute("SELECT key, id FROM points WHERE key = ANY (%s)", (list(keys),))
        return dict(await cursor.fetchall())


async def read_events(
    connection: psycopg.AsyncConnection[Any], point_ids: Sequence[int]
) -> Mapping[int, Sequence[RegisterEvent]]:
    """Reads the events that hold, by point, in the order of their time."""
    found: dict[int, list[RegisterEvent]] = {}
    with translated():
        cursor = await connection.execute(_EVENTS, (list(point_ids),))
        for row in await cursor.fetchall():
            found.setdefault(row[0], []).append(RegisterEvent(*row))
    return found
