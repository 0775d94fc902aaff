"""The table of intervals: written where something changed and nowhere else, and read back to be composed."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg

from ems_telemetry.storage.translation import translated

PERIODS = ("15m", "1h", "1d", "1mo")


class IntervalRow(NamedTuple):
    """An interval as the table has it, without its revision, which the table counts itself."""

    point_id: int
    period: str
    start: datetime
    value: float | None
    exact: Decimal | None
    min: float | None
    max: float | None
    samples: int
    expected: int | None
    coverage: float
    quality: int
    flags: int
    has_ended: bool
    """False as long as the period lasts."""


_NAMES = "point_id, period, start, value, exact, min, max, samples, expected, coverage, quality, flags"
_TYPES = (
    *("int4", "text", "timestamptz", "float8", "numeric", "float8", "float8", "int4", "int4", "float8", "int2", "int4"),
    "int4",
)
_STAGE = "CREATE TEMPORARY TABLE IF NOT EXISTS staged_intervals (LIKE intervals) ON COMMIT DELETE ROWS"
_PREPARE = "ALTER TABLE staged_intervals ALTER COLUMN computed_at SET DEFAULT now()"
_COPY = f"COPY staged_intervals ({_NAMES}, revision) FROM STDIN (FORMAT binary)"
_CHANGED = "value, exact, min, max, samples, expected, coverage, quality, flags"
# Readings are never taken back: where there are none any more, they were dropped for their age, and the interval outlives them.
_PUT = f"""
    WITH put AS (
    INSERT INTO intervals AS old ({_NAMES}, revision, computed_at)
    SELECT {_NAMES}, revision, now() FROM staged_intervals ORDER BY start, point_id
    ON CONFLICT (point_id, period, start) DO UPDATE
    SET ({_CHANGED}, revision, computed_at) = ({", ".join(f"excluded.{name}" for name in _CHANGED.split(", "))},
         CASE WHEN excluded.revision = 0 THEN 0 ELSE old.revision + 1 END, excluded.computed_at)
    WHERE ({", ".join(f"old.{name}" for name in _CHANGED.split(", "))}, old.revision = 0)
          IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _CHANGED.split(", "))}, excluded.revision = 0)
          AND NOT (old.samples > 0 AND excluded.samples = 0)
    RETURNING point_id, start)
    SELECT point_id, min(start), max(start), count(*) FROM put GROUP BY point_id
"""  # noqa: S608  # only constants of this module
_READ = f"""
    SELECT {_NAMES}, revision > 0 FROM intervals
    WHERE point_id = ANY (%s) AND period = %s AND start >= %s AND start < %s ORDER BY point_id, start
"""  # noqa: S608  # only constants of this module


_FIRST = "SELECT min(start) FROM intervals WHERE point_id = ANY (%s) AND period = '15m'"


class Changed(NamedTuple):
    """Which intervals of a point were new or other than before: the first and the last start of them, and how many."""

    first: datetime
    last: datetime
    amount: int


async def put_intervals(connection: psycopg.AsyncConnection[Any], rows: Sequence[IntervalRow]) -> dict[int, Changed]:
    """Stores intervals, in the transaction that is open; those that are there already and say the same stay as they are.

    Returns:
        What was new or other than before, by point.

    Raises:
        TransientError: it may work later.
    """
    if not rows:
        return {}
    with translated():
        await connection.execute(_STAGE)
        await connection.execute(_PREPARE)
        async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in rows:
                await copy.write_row((*row[:-1], int(row.has_ended)))
        cursor = await connection.execute(_PUT)
        return {point_id: Changed(*changed) for point_id, *changed in await cursor.fetchall()}


async def first_start(connection: psycopg.AsyncConnection[Any], point_ids: Sequence[int]) -> datetime | None:
    """Tells when the quarters of some points begin, of all of them together; None where there are none."""
    with translated():
        cursor = await connection.execute(_FIRST, (list(point_ids),))
        (first,) = await cursor.fetchone() or (None,)
    return first


async def read_intervals(
    connection: psycopg.AsyncConnection[Any], point_ids: Sequence[int], period: str, since: datetime, until: datetime
) -> list[IntervalRow]:
    """Reads the intervals of points that begin in `[since, until)`, ordered by point and start."""
    with translated():
        cursor = await connection.execute(_READ, (list(point_ids), period, since, until))
        return [IntervalRow(*row) for row in await cursor.fetchall()]
