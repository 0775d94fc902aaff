"""Digests of raw readings by point and day: what a record was made of can be told from what stands in the table now.

The digest is SHA-256 over one line per reading, ordered by time:
`time_us,value,exact,raw,quality,flags,source_status,received_us` and a line feed, empty where null, doubles in their
shortest form.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from psycopg.rows import args_row

from ems_telemetry.errors import TransientError
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated


class DayDigest(NamedTuple):
    """The readings of a point on a day `[start, end)`: how many, and the digest of them."""

    start: datetime
    end: datetime
    revision: int
    readings: int
    digest: str


class DigestRow(NamedTuple):
    """The newest digest of a point and day, and when it was made."""

    point_id: int
    point: str
    day_start: datetime
    day_end: datetime
    readings: int
    digest: str
    computed_at: datetime


class DigestFilter(NamedTuple):
    """Which digests are asked for: of a site, of days that reach into a span."""

    site: str | None = None
    since: datetime | None = None
    until: datetime | None = None


HEADER = "time_us,value,exact,raw,quality,flags,source_status,received_us"
"""The columns of the lines that a digest is taken of."""
EMPTY = hashlib.sha256(b"").hexdigest()
_COUNT = """
    SELECT width_bucket(time, %(edges)s::timestamptz[]) AS day, count(*) FROM readings
    WHERE point_id = %(point)s AND time >= %(since)s AND time < %(until)s GROUP BY day"""
_KNOWN = """
    SELECT DISTINCT ON (day_start) day_start, day_end, revision, readings, digest FROM raw_digests
    WHERE point_id = %(point)s AND day_start >= %(since)s AND day_start < %(until)s
    ORDER BY day_start, revision DESC"""
_LINE = """
    (extract(epoch FROM time) * 1000000)::bigint || ',' || coalesce(value::text, '') || ',' || coalesce(exact::text, '') || ','
    || coalesce(raw::text, '') || ',' || quality || ',' || flags || ',' || source_status || ','
    || (extract(epoch FROM received_at) * 1000000)::bigint || E'\\n'"""
_DIGEST = f"""
    SELECT count(*),
           encode(sha256(coalesce(string_agg(convert_to({_LINE}, 'UTF8'), ''::bytea ORDER BY time), ''::bytea)), 'hex')
    FROM readings WHERE point_id = %(point)s AND time >= %(since)s AND time < %(until)s
      AND (%(received_by)s::timestamptz IS NULL OR received_at <= %(received_by)s)"""  # noqa: S608  # a constant
_LINES = f"""
    SELECT {_LINE} FROM readings WHERE point_id = %(point)s AND time >= %(since)s AND time < %(until)s
    ORDER BY time LIMIT %(limit)s"""  # noqa: S608  # a constant
_LIST = """
    SELECT DISTINCT ON (d.point_id, d.day_start)
           d.point_id, p.key, d.day_start, d.day_end, d.readings, d.digest, d.computed_at
    FROM raw_digests d JOIN points p ON p.id = d.point_id JOIN meters m ON m.id = p.meter_id
    WHERE (%(site)s::text IS NULL OR m.site_id = %(site)s)
      AND (%(since)s::timestamptz IS NULL OR d.day_end > %(since)s)
      AND (%(until)s::timestamptz IS NULL OR d.day_start < %(until)s)
      AND (%(point)s::int IS NULL OR (d.point_id, d.day_start) > (%(point)s, %(day)s::timestamptz))
    ORDER BY d.point_id, d.day_start, d.revision DESC LIMIT %(limit)s"""
_OLDER = "SELECT EXISTS (SELECT FROM readings WHERE time < %s)"
_ADD = """
    INSERT INTO raw_digests (point_id, day_start, revision, day_end, readings, digest, computed_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (point_id, day_start, revision) DO NOTHING"""
_TRIES = 5


async def digest_days(connection: Connection, point_id: int, edges: Sequence[datetime], at: datetime) -> list[DayDigest]:
    """Gives the digests of days, computing those that are not known, or known of fewer readings than there are now.

    Readings are only ever added, so that as many as before are the same as before; `verifying_raw` looks whether it is so.

    Args:
        connection: new digests are added in its open transaction.
        point_id: whose readings.
        edges: n + 1 of n adjacent days.
        at: when this is.
    """
    told = {"point": point_id, "edges": list(edges), "since": edges[0], "until": edges[-1]}
    with translated():
        counts = dict(await (await connection.execute(_COUNT, told)).fetchall())
        known = {row[0]: DayDigest(*row) for row in await (await connection.execute(_KNOWN, told)).fetchall()}
        days = []
        for number, (start, end) in enumerate(pairwise(edges), 1):
            day = known.get(start)
            if day is None or day.readings != counts.get(number, 0) or day.end != end:
                day = await _renew(connection, point_id, DayDigest(start, end, day.revision if day else 0, 0, EMPTY), at)
            days.append(day)
    return days


async def compute_digest(
    connection: Connection, point_id: int, start: datetime, end: datetime, *, received_by: datetime | None = None
) -> tuple[int, str]:
    """Counts the readings within `[start, end)` and computes their digest from what stands in the table.

    With `received_by`, of those alone that were received by then.
    """
    told = {"point": point_id, "since": start, "until": end, "received_by": received_by}
    with translated():
        cursor = await connection.execute(_DIGEST.encode(), told)
        return await cursor.fetchone() or (0, EMPTY)


async def read_lines(connection: Connection, point_id: int, start: datetime, end: datetime, limit: int) -> list[str]:
    """Gives the readings within `[start, end)`, up to a limit, as the lines that their digest is taken of."""
    with translated():
        cursor = await connection.execute(_LINES.encode(), {"point": point_id, "since": start, "until": end, "limit": limit})
        return [line for (line,) in await cursor.fetchall()]


async def list_digests(
    connection: Connection, asked: DigestFilter, limit: int, after: tuple[int, datetime] | None = None
) -> list[DigestRow]:
    """Gives the newest digests of points and days, by the number of the point and the day."""
    point, day = after or (None, None)
    with translated():
        async with connection.cursor(row_factory=args_row(DigestRow)) as cursor:
            await cursor.execute(_LIST, {**asked._asdict(), "limit": limit, "point": point, "day": day})
            return await cursor.fetchall()


async def has_older_readings(connection: Connection, moment: datetime) -> bool:
    """Tells whether any point has a reading before a moment."""
    with translated():
        return await (await connection.execute(_OLDER, (moment,))).fetchone() == (True,)


async def _renew(connection: Connection, point_id: int, day: DayDigest, at: datetime) -> DayDigest:
    """Adds the digest of now; where another transaction adds one at the same time, waits for it and takes that."""
    for _ in range(_TRIES):
        readings, digest = await compute_digest(connection, point_id, day.start, day.end)
        new = day._replace(revision=day.revision + 1, readings=readings, digest=digest)
        adding = (point_id, new.start, new.revision, new.end, new.readings, new.digest, at)
        if (await connection.execute(_ADD, adding)).rowcount:
            return new
        told = {"point": point_id, "since": day.start, "until": day.end}
        rows = await (await connection.execute(_KNOWN, told)).fetchall()
        found = next(DayDigest(*row) for row in rows if row[0] == day.start)
        if (found.end, found.readings, found.digest) == (day.end, readings, digest):
            return found
        day = found._replace(end=day.end)
    raise TransientError("readings of the same day are digested by too many at once")
