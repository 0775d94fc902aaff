"""What somebody asks to be computed anew, and how computing stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import args_row

from ems_telemetry.storage.audit import SERVICE, Act, Actor, append_now
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.interval_marks import SHARE_PROGRESS


class ComputingStatus(NamedTuple):
    """How computing intervals stands, as the database tells it."""

    points: int
    """Points that have intervals."""
    waiting: int
    """Points of which something must be computed anew."""
    oldest_waiting: datetime | None
    """The earliest time that something waits for."""
    behind: datetime | None
    """Up to where the configured point that is furthest behind is computed."""
    ahead: datetime | None


MARK = """
    INSERT INTO interval_marks (point_id, since, until)
    SELECT p.id, %(since)s, least(%(until)s, g.computed_to) - interval '1 microsecond'
    FROM points p
    JOIN meters m ON m.id = p.meter_id
    JOIN interval_progress g ON g.point_id = p.id
    WHERE (%(point)s::text IS NULL OR p.key = %(point)s)
      AND (%(meter)s::text IS NULL OR p.meter_id = %(meter)s)
      AND (%(site)s::text IS NULL OR m.site_id = %(site)s)
      AND %(since)s < least(%(until)s, g.computed_to)
    RETURNING point_id"""
"""Marks a stretch of the points asked for, as far as they are computed."""

STATUS = """
    SELECT count(*), (SELECT count(DISTINCT point_id) FROM interval_marks), (SELECT min(since) FROM interval_marks),
           min(g.computed_to) FILTER (WHERE p.active), max(g.computed_to)
    FROM interval_progress g JOIN points p ON p.id = g.point_id"""
"""How computing stands."""


class Chosen(NamedTuple):
    """Which points; None: all."""

    point: str | None = None
    meter: str | None = None
    site: str | None = None


async def mark_anew(
    database: Database, chosen: Chosen, since: datetime, until: datetime, *, by: Actor = SERVICE
) -> Sequence[int]:
    """Asks for `[since, until)` of points to be computed anew, and tells the audit trail; what is not computed needs no mark.

    Returns:
        The ids of the points that were marked.
    """
    async with database.connection() as connection:
        await connection.execute(SHARE_PROGRESS)
        cursor = await connection.execute(MARK, {**chosen._asdict(), "since": since, "until": until})
        marked = [point_id for (point_id,) in await cursor.fetchall()]
        if marked:
            told = {**chosen._asdict(), "from": since, "to": until, "points": len(marked)}
            object_id = chosen.point or chosen.meter or chosen.site or "all"
            act = Act("intervals.recompute_requested", "intervals", object_id, site=chosen.site, detail=told)
            await append_now(connection, by, act)
        return marked


async def read_status(database: Database) -> ComputingStatus:
    """Tells how computing stands."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(ComputingStatus)) as cursor:
        await cursor.execute(STATUS)
        found = await cursor.fetchone()
    return found or ComputingStatus(0, 0, None, None, None)
