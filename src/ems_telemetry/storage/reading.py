"""Readings as the API reads them: the history of one point page by page, and the newest of every point.

Pages follow the primary key, so that a page costs the same however deep it lies, and rows inserted meanwhile neither hide
nor repeat others.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import args_row

from ems_telemetry.storage.catalogue import KeyPage, Sites
from ems_telemetry.storage.database import Database

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


class ReadingRow(NamedTuple):
    """One reading of the point asked for; see `ems_telemetry.model.Reading`."""

    time: datetime
    value: float | None
    exact: Decimal | None
    raw: float | None
    quality: int
    flags: int
    source_status: int
    received_at: datetime


class LatestRow(NamedTuple):
    """A point with its newest reading. A point that has none yet has None from `time` on."""

    point: str
    point_name: str
    meter: str
    meter_name: str
    site: str
    area: str | None
    medium: str | None
    quantity: str
    unit: str
    kind: str
    expected_interval_s: float | None
    time: datetime | None
    value: float | None
    exact: Decimal | None
    raw: float | None
    quality: int | None
    flags: int | None
    source_status: int | None
    received_at: datetime | None


class Span(NamedTuple):
    """The times `[start, end)`."""

    start: datetime = BEGINNING
    end: datetime = END


_READINGS = """
    SELECT time, value, exact, raw, quality, flags, source_status, received_at
    FROM readings
    WHERE point_id = (SELECT id FROM points WHERE key = %(point)s) AND time >= %(start)s AND time < %(end)s"""

READINGS_FORWARD = f"{_READINGS} AND time > %(after)s ORDER BY time LIMIT %(limit)s"
"""A page of readings of a point, oldest first."""

READINGS_BACKWARD = f"{_READINGS} AND time < %(after)s ORDER BY time DESC LIMIT %(limit)s"
"""A page of readings of a point, newest first."""

LATEST_READINGS = """
    SELECT p.key, p.name, p.meter_id, m.name, m.site_id, m.area, p.medium, p.quantity, p.unit, p.kind,
           extract(epoch FROM p.expected_interval)::float8,
           r.time, r.value, r.exact, r.raw, r.quality, r.flags, r.source_status, r.received_at
    FROM points p
    JOIN meters m ON m.id = p.meter_id
    LEFT JOIN latest_readings r ON r.point_id = p.id
    WHERE p.active
      AND (%(sites)s::text[] IS NULL OR m.site_id = ANY(%(sites)s))
      AND (%(site)s::text IS NULL OR m.site_id = %(site)s)
      AND (%(meter)s::text IS NULL OR p.meter_id = %(meter)s)
      AND p.key > %(after)s
    ORDER BY p.key
    LIMIT %(limit)s"""
"""A page of active points by their key, each with its newest reading if it has one."""


async def list_readings(
    database: Database, point: str, span: Span, *, newest_first: bool = False, after: datetime | None = None, limit: int
) -> list[ReadingRow]:
    """Gives a page of the readings of a point.

    Args:
        database: where they are.
        point: the key of a point the caller may see; for one that does not exist the page is empty.
        span: the times asked for.
        newest_first: from the end of the span backwards.
        after: the time of the last reading of the page before; None for the first page.
        limit: how many at most.
    """
    query, beginning = (READINGS_BACKWARD, END) if newest_first else (READINGS_FORWARD, BEGINNING)
    parameters = {"point": point, "start": span.start, "end": span.end, "after": after or beginning, "limit": limit}
    async with database.connection() as connection, connection.cursor(row_factory=args_row(ReadingRow)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def list_latest(
    database: Database, sites: Sites, page: KeyPage, *, site: str | None = None, meter: str | None = None
) -> list[LatestRow]:
    """Gives a page of the active points with their newest readings, those of one site and meter where that is said."""
    parameters = {
        "sites": None if sites is None else list(sites),
        "site": site,
        "meter": meter,
        **page._asdict(),
    }
    async with database.connection() as connection, connection.cursor(row_factory=args_row(LatestRow)) as cursor:
        await cursor.execute(LATEST_READINGS, parameters)
        return await cursor.fetchall()
