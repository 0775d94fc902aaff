"""The ledger of gaps, read for the API, each with how many readings came of those that were due, and for records."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.losses import WITHIN_SITES, TimePage, visibility
from ems_telemetry.storage.reading import Span
from ems_telemetry.storage.translation import translated


class GapRow(NamedTuple):
    """A stretch `[start, end)` in which readings were refused or missed. While it lasts, `end` is now."""

    id: UUID
    connector: str
    point: str | None
    start: datetime
    end: datetime
    cause: str
    open: bool
    refused: int
    expected: int | None
    found: int | None
    filled: bool | None
    recorded_at: datetime


class GapFilter(NamedTuple):
    """Which gaps are wanted; None: all."""

    connector: str | None = None
    point: str | None = None
    cause: str | None = None
    open: bool | None = None


# The page is chosen before anything is counted: counting the readings of a gap costs more than finding it.
LIST_GAPS = f"""
    WITH page AS MATERIALIZED (
        SELECT l.id
        FROM gaps l
        LEFT JOIN points p ON p.key = l.point
        LEFT JOIN meters m ON m.id = p.meter_id
        WHERE {WITHIN_SITES}
          AND (%(connector)s::text IS NULL OR l.connector = %(connector)s)
          AND (%(point)s::text IS NULL OR l.point = %(point)s)
          AND (%(cause)s::text IS NULL OR l.cause = %(cause)s)
          AND (%(open)s::boolean IS NULL OR gap_lasts(l.open, l.ended_at) = %(open)s)
          AND (l.ended_at > %(start)s OR gap_lasts(l.open, l.ended_at)) AND l.started_at < %(end)s
          AND l.started_at <= %(time)s AND (l.started_at < %(time)s OR l.id > %(id)s)
        ORDER BY l.started_at DESC, l.id
        LIMIT %(limit)s)
    SELECT g.id, g.connector, g.point, g.started_at, g.ended_at, g.cause, g.open, g.refused, g.expected, g.found, g.filled,
           g.recorded_at
    FROM page
    JOIN gaps_by_point g USING (id)
    ORDER BY g.started_at DESC, g.id"""  # noqa: S608  # constants of this module
"""A page of gaps that reach into a span, newest first."""


class KnownGap(NamedTuple):
    """A gap as the ledger has it; `point` None: of the whole connector. While it lasts, `end` is when it was told last."""

    id: UUID
    connector: str
    point: str | None
    start: datetime
    end: datetime
    cause: str


_CONNECTORS = "SELECT DISTINCT m.connector FROM points p JOIN meters m ON m.id = p.meter_id WHERE p.key = ANY (%s) ORDER BY 1"
_GAPS_OF = """
    SELECT id, connector, point, started_at, ended_at, cause FROM gaps
    WHERE (point = ANY (%(points)s) OR (point IS NULL AND connector = ANY (%(connectors)s)))
      AND started_at < %(until)s AND ended_at > %(since)s
    ORDER BY started_at, id"""


async def read_gaps_of(
    connection: Connection, points: Sequence[str], since: datetime, until: datetime
) -> tuple[list[str], list[KnownGap]]:
    """Gives the gaps of points, and of their whole connectors, that reach into `[since, until)`, the first one first.

    Returns:
        The connectors of the points, and the gaps.
    """
    with translated():
        connectors = [name for (name,) in await (await connection.execute(_CONNECTORS, (list(points),))).fetchall()]
        told = {"points": list(points), "connectors": connectors, "since": since, "until": until}
        async with connection.cursor(row_factory=args_row(KnownGap)) as cursor:
            await cursor.execute(_GAPS_OF, told)
            return connectors, await cursor.fetchall()


async def list_gaps(database: Database, sites: Sites, span: Span, page: TimePage, wanted: GapFilter) -> list[GapRow]:
    """Gives a page of the gaps that reach into the span, newest first."""
    parameters = {**wanted._asdict(), **span._asdict(), **page._asdict(), **await visibility(database, sites)}
    async with database.connection() as connection, connection.cursor(row_factory=args_row(GapRow)) as cursor:
        await cursor.execute(LIST_GAPS, parameters)
        return await cursor.fetchall()
