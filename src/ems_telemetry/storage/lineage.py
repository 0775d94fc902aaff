"""What lies under a figure: raw readings with their digests then and now, and what happened to the meters."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import args_row

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.reading import ReadingRow
from ems_telemetry.storage.translation import translated


class KeptDigest(NamedTuple):
    """A digest of the readings of a day `[start, end)` as it was computed once."""

    start: datetime
    revision: int
    end: datetime
    readings: int
    digest: str
    computed_at: datetime


_DIGESTS = """
    SELECT day_start, revision, day_end, readings, digest, computed_at FROM raw_digests
    WHERE point_id = %(point)s AND day_start >= %(since)s AND day_start < %(until)s ORDER BY day_start, revision"""
_READINGS = """
    SELECT time, value, exact, raw, quality, flags, source_status, received_at FROM readings
    WHERE point_id = %(point)s AND time >= %(since)s AND time < %(until)s"""
_FIRST = f"{_READINGS} ORDER BY time LIMIT %(limit)s"
_LAST = f"{_READINGS} ORDER BY time DESC LIMIT 1"


async def read_digests(connection: Connection, point_id: int, since: datetime, until: datetime) -> list[KeptDigest]:
    """Gives all digests of the days that begin in `[since, until)`, by day and revision."""
    with translated():
        async with connection.cursor(row_factory=args_row(KeptDigest)) as cursor:
            await cursor.execute(_DIGESTS, {"point": point_id, "since": since, "until": until})
            return await cursor.fetchall()


async def read_ends(
    connection: Connection, point_id: int, since: datetime, until: datetime, limit: int
) -> tuple[Sequence[ReadingRow], ReadingRow | None]:
    """Gives the first readings within `[since, until)`, and the last one."""
    told = {"point": point_id, "since": since, "until": until, "limit": limit}
    with translated():
        async with connection.cursor(row_factory=args_row(ReadingRow)) as cursor:
            await cursor.execute(_FIRST.encode(), told)
            first = await cursor.fetchall()
            await cursor.execute(_LAST.encode(), told)
            return first, await cursor.fetchone()
