"""What was received and did not become a reading, read for the API: dead letters with their payload, newest first.

With `sites`, only what certainly belongs to these is found: by the point it names, or else by a connector that serves no
other site.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from ems_telemetry.storage.catalogue import Sites, list_connectors_within
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.reading import END, Span

NO_ID = UUID(int=0)


class DeadLetterRow(NamedTuple):
    """Something received that could not become a reading; its payload is fetched by itself."""

    id: UUID
    connector: str
    point: str | None
    reason: str
    detail: str
    source: str
    size_bytes: int
    received_at: datetime
    stored_at: datetime
    retried_at: datetime | None
    retry_note: str | None


class LetterKindRow(NamedTuple):
    """Dead letters that are alike: how many there are, and when the first and the last of them were received."""

    connector: str
    point: str | None
    reason: str
    letters: int
    first: datetime
    last: datetime


class LetterFilter(NamedTuple):
    """Which letters are wanted; None: all."""

    connector: str | None = None
    point: str | None = None
    reason: str | None = None


class TimePage(NamedTuple):
    """Which page of a list, newest first: how many rows at most, and the time and id of the last row of the page before."""

    limit: int
    time: datetime = END
    id: UUID = NO_ID


WITHIN_SITES = """(%(sites)s::text[] IS NULL
       OR CASE WHEN p.key IS NULL THEN l.connector = ANY(%(connectors)s::text[]) ELSE m.site_id = ANY(%(sites)s) END)"""
"""What certainly belongs to these sites, of rows `l` joined with points `p` and meters `m`."""

_DEAD_LETTERS = f"""
    SELECT l.id, l.connector, l.point, l.reason, l.detail, l.source, octet_length(l.payload), l.received_at, l.stored_at,
           l.retried_at, l.retry_note
    FROM dead_letters l
    LEFT JOIN points p ON p.key = l.point
    LEFT JOIN meters m ON m.id = p.meter_id
    WHERE {WITHIN_SITES}"""  # noqa: S608  # constants of this module

_CHOSEN = """
      AND (%(connector)s::text IS NULL OR l.connector = %(connector)s)
      AND (%(point)s::text IS NULL OR l.point = %(point)s)
      AND (%(reason)s::text IS NULL OR l.reason = %(reason)s)
      AND l.received_at >= %(start)s AND l.received_at < %(end)s"""

LIST_DEAD_LETTERS = f"""{_DEAD_LETTERS}{_CHOSEN}
      AND l.received_at <= %(time)s AND (l.received_at < %(time)s OR l.id > %(id)s)
    ORDER BY l.received_at DESC, l.id
    LIMIT %(limit)s"""
"""A page of dead letters received in a span, newest first."""

SUMMARISE_DEAD_LETTERS = f"""
    SELECT l.connector, l.point, l.reason, count(*), min(l.received_at), max(l.received_at)
    FROM dead_letters l
    LEFT JOIN points p ON p.key = l.point
    LEFT JOIN meters m ON m.id = p.meter_id
    WHERE {WITHIN_SITES}{_CHOSEN}
      AND l.retried_at IS NULL
    GROUP BY l.connector, l.point, l.reason
    ORDER BY count(*) DESC, l.connector, l.point, l.reason"""  # noqa: S608  # constants of this module
"""The kinds of dead letters received in a span that have not become readings since, the most frequent first."""

FIND_DEAD_LETTER = f"{_DEAD_LETTERS} AND l.id = %(id)s"
"""One dead letter by its id."""

READ_PAYLOAD = "SELECT payload FROM dead_letters WHERE id = %(id)s"
"""The payload of a dead letter."""


async def list_dead_letters(
    database: Database, sites: Sites, span: Span, page: TimePage, wanted: LetterFilter
) -> list[DeadLetterRow]:
    """Gives a page of the dead letters received in the span, newest first."""
    parameters = {**wanted._asdict(), **span._asdict(), **page._asdict(), **await visibility(database, sites)}
    async with database.connection() as connection, connection.cursor(row_factory=args_row(DeadLetterRow)) as cursor:
        await cursor.execute(LIST_DEAD_LETTERS, parameters)
        return await cursor.fetchall()


async def summarise_dead_letters(database: Database, sites: Sites, span: Span, wanted: LetterFilter) -> list[LetterKindRow]:
    """Counts the dead letters received in the span by connector, point and reason, without those that became readings since."""
    parameters = {**wanted._asdict(), **span._asdict(), **await visibility(database, sites)}
    async with database.connection() as connection, connection.cursor(row_factory=args_row(LetterKindRow)) as cursor:
        await cursor.execute(SUMMARISE_DEAD_LETTERS, parameters)
        return await cursor.fetchall()


async def find_dead_letter(database: Database, sites: Sites, id_: UUID) -> tuple[DeadLetterRow, bytes] | None:
    """Finds a dead letter, with its payload."""
    parameters = {"id": id_, **await visibility(database, sites)}
    async with database.connection() as connection, connection.cursor(row_factory=args_row(DeadLetterRow)) as cursor:
        await cursor.execute(FIND_DEAD_LETTER, parameters)
        letter = await cursor.fetchone()
        payload = await (await connection.execute(READ_PAYLOAD, parameters)).fetchone()
    return None if letter is None or payload is None else (letter, bytes(payload[0]))


async def visibility(database: Database, sites: Sites) -> dict[str, Any]:
    """Gives the parameters of `WITHIN_SITES`."""
    if sites is None:
        return {"sites": None, "connectors": None}
    return {"sites": list(sites), "connectors": await list_connectors_within(database, sites)}
