"""Which records need which raw readings, directly or through the records that they are made of."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated


class Need(NamedTuple):
    """A record that was made of readings; `timezone` is that of its site."""

    id: UUID
    type: str
    site: str
    scope: str
    period_start: datetime
    period_end: datetime
    timezone: str
    retention_class: str


class NeededSpan(NamedTuple):
    """Readings of `[since, until)` that records of a class and period were made of."""

    since: datetime
    until: datetime
    period_end: datetime
    timezone: str
    retention_class: str


_NEEDS = """
    WITH RECURSIVE need (id) AS (
        SELECT record_id FROM record_sources
        WHERE kind = 'point' AND since < %(until)s AND until > %(since)s AND (%(point)s::text IS NULL OR source = %(point)s)
        UNION
        SELECT s.record_id FROM need n JOIN record_sources s ON s.kind = 'record' AND s.source = n.id::text
    )
    SELECT DISTINCT ON (r.period_start, r.id) r.id, r.type, r.site_id, r.scope, r.period_start, r.period_end,
           coalesce(z.timezone, 'UTC'), r.retention_class
    FROM need n JOIN records r ON r.id = n.id LEFT JOIN sites z ON z.id = r.site_id
    ORDER BY r.period_start, r.id, r.revision DESC LIMIT %(limit)s"""
_SPANS = """
    WITH RECURSIVE need (top, id) AS (
        SELECT DISTINCT record_id, record_id FROM record_sources
        UNION
        SELECT n.top, s.source::uuid FROM need n JOIN record_sources s ON s.record_id = n.id AND s.kind = 'record'
    )
    SELECT DISTINCT s.since, s.until, r.period_end, coalesce(z.timezone, 'UTC'), r.retention_class
    FROM need n
    JOIN record_sources s ON s.record_id = n.id AND s.kind = 'point'
    JOIN records r ON r.id = n.top
    LEFT JOIN sites z ON z.id = r.site_id"""
_OF_RECORD = """
    WITH RECURSIVE need (id) AS (
        SELECT %(id)s::uuid
        UNION
        SELECT s.source::uuid FROM need n JOIN record_sources s ON s.record_id = n.id AND s.kind = 'record'
    )
    SELECT DISTINCT s.source, s.since, s.until FROM need n JOIN record_sources s ON s.record_id = n.id AND s.kind = 'point'"""


async def read_needs(
    connection: Connection, since: datetime, until: datetime, limit: int, point: str | None = None
) -> list[Need]:
    """Gives the records that were made of readings within `[since, until)`, in whatever revision, by their period."""
    told = {"since": since, "until": until, "limit": limit, "point": point}
    with translated():
        async with connection.cursor(row_factory=args_row(Need)) as cursor:
            await cursor.execute(_NEEDS, told)
            return await cursor.fetchall()


async def read_needed_spans(connection: Connection) -> list[NeededSpan]:
    """Gives the spans of readings that records were made of, each with the classes and periods of those records."""
    with translated():
        async with connection.cursor(row_factory=args_row(NeededSpan)) as cursor:
            await cursor.execute(_SPANS)
            return await cursor.fetchall()


async def read_points_of_record(connection: Connection, id_: UUID) -> list[tuple[str, datetime, datetime]]:
    """Gives the points a record was made of, and of which time."""
    with translated():
        return [tuple(row) for row in await (await connection.execute(_OF_RECORD, {"id": id_})).fetchall()]
