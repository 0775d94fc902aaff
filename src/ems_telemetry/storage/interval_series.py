"""Interval data as the API reads it: one point over a span, and many points brought into buckets of any calendar.

Every query names its points and its span, so that it follows the primary key and touches no partition beside the span.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self

from psycopg.rows import args_row

from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection, Database


class SeriesPoint(NamedTuple):
    """A point as far as its intervals are read. `parent` is the meter behind which its meter stands."""

    id: int
    key: str
    name: str
    meter: str
    site: str
    area: str | None
    medium: str | None
    quantity: str
    unit: str
    kind: str
    timezone: str
    active: bool
    parent: str | None
    is_virtual: bool
    uncertainty: Decimal | None


class Extent(NamedTuple):
    """From where to where a point has intervals, or ought to."""

    first: datetime
    """Its first interval; where none is computed yet, its first reading."""
    last: datetime | None
    """Its last reading."""
    computed_to: datetime | None


class StoredInterval(NamedTuple):
    """An interval of the point asked for."""

    start: datetime
    value: float | None
    exact: str | None
    """A word of digits, without exponent and without zeros at its end: most are written and never counted with."""
    min: float | None
    max: float | None
    samples: int
    expected: int | None
    coverage: float
    quality: int
    flags: int
    revision: int


class Series(NamedTuple):
    """Intervals of one point as columns of one length: the fields of `StoredInterval`. Tens of thousands are read so."""

    start: list[datetime]
    value: list[float | None]
    exact: list[str | None]
    min: list[float | None]
    max: list[float | None]
    samples: list[int]
    expected: list[int | None]
    coverage: list[float]
    quality: list[int]
    flags: list[int]
    revision: list[int]

    @classmethod
    def of(cls, rows: Iterable[StoredInterval]) -> Self:
        """Puts intervals into columns."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        return cls(*(columns or ([] for _ in cls._fields)))

    def rows(self) -> Iterator[StoredInterval]:
        """Gives one interval after the other."""
        return map(StoredInterval._make, zip(*self, strict=True))


class Bucket(NamedTuple):
    """What the intervals of one point within a bucket come to. `bucket` counts from 1, in the order of the edges."""

    point_id: int
    bucket: int
    rows: int
    known: int
    exact: Decimal | None
    coverage: float
    """The sum over the rows."""
    flags: int
    quality: int
    """The worst of the rows that have a value; 192 where none has."""
    estimated: int
    """How many have a value and the flag `estimated`."""
    estimated_coverage: float
    """The sum of the coverage of these."""
    samples: int
    expected: int | None


_POINT = """
    SELECT p.id, p.key, p.name, p.meter_id, m.site_id, m.area, p.medium, p.quantity, p.unit, p.kind, s.timezone, p.active,
           m.parent_id, p.expression IS NOT NULL, m.uncertainty
    FROM points p
    JOIN meters m ON m.id = p.meter_id
    JOIN sites s ON s.id = m.site_id"""

FIND_POINT = f"{_POINT} WHERE p.key = %(key)s AND (%(sites)s::text[] IS NULL OR m.site_id = ANY(%(sites)s))"
"""One point by its key."""

SELECT_POINTS = f"""{_POINT}
    WHERE (%(sites)s::text[] IS NULL OR m.site_id = ANY(%(sites)s))
      AND (%(site)s::text IS NULL OR m.site_id = %(site)s)
      AND (%(area)s::text IS NULL OR m.area = %(area)s)
      AND (%(medium)s::text IS NULL OR p.medium = %(medium)s)
      AND (%(quantity)s::text IS NULL OR p.quantity = %(quantity)s)
      AND (%(meter)s::text IS NULL OR p.meter_id = %(meter)s)
      AND (%(point)s::text IS NULL OR p.key = %(point)s)
      AND (%(kinds)s::text[] IS NULL OR p.kind = ANY(%(kinds)s))
    ORDER BY p.key"""
"""The points asked for, by their key."""

EXTENTS = """
    SELECT p.id, i.start, l.time, g.computed_to
    FROM points p
    LEFT JOIN latest_readings l ON l.point_id = p.id
    LEFT JOIN interval_progress g ON g.point_id = p.id
    LEFT JOIN LATERAL (SELECT start FROM intervals WHERE point_id = p.id AND period = '15m' ORDER BY start LIMIT 1) i ON true
    WHERE p.id = ANY(%(points)s)"""
"""From where to where some points have intervals."""

FIRST_READING = "SELECT date_bin('15 minutes', time, 'epoch') FROM readings WHERE point_id = %(point)s ORDER BY time LIMIT 1"
"""The quarter of the first reading of a point."""

READ_SERIES = """
    SELECT array_agg(start), array_agg(value), array_agg(exact), array_agg(min), array_agg(max), array_agg(samples),
           array_agg(expected), array_agg(coverage), array_agg(quality), array_agg(flags), array_agg(revision)
    FROM (
        SELECT start, value, trim_scale(exact)::text AS exact, min, max, samples, expected, coverage, quality, flags, revision
        FROM intervals
        WHERE point_id = %(point)s AND period = %(period)s AND start >= %(since)s AND start < %(until)s
        ORDER BY start
    ) series"""
"""The intervals of a point that begin within a span, as columns: a quarter of the work of taking them row by row."""

READ_BUCKETS = """
    SELECT point_id, width_bucket(start, %(edges)s::timestamptz[]) AS bucket, count(*), count(value),
           sum(coalesce(exact, value::numeric)),
           sum(coverage), bit_or(flags), coalesce(min(quality) FILTER (WHERE value IS NOT NULL), 192)::int,
           count(*) FILTER (WHERE value IS NOT NULL AND flags & %(estimated)s <> 0),
           coalesce(sum(coverage) FILTER (WHERE value IS NOT NULL AND flags & %(estimated)s <> 0), 0),
           sum(samples)::int, CASE WHEN count(expected) = count(*) THEN sum(expected)::int END
    FROM intervals
    WHERE point_id = ANY(%(points)s) AND period = %(period)s AND start >= %(since)s AND start < %(until)s
    GROUP BY point_id, bucket"""
"""What the intervals of several points come to, bucket by bucket."""


PARENTS = "SELECT id, parent_id FROM meters WHERE parent_id IS NOT NULL"
"""The meter behind which each stands, of those that stand behind one."""


async def find_series_point(database: Database, sites: Sites, key: str) -> SeriesPoint | None:
    """Finds a point by its key."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(SeriesPoint)) as cursor:
        await cursor.execute(FIND_POINT, {"key": key, "sites": None if sites is None else list(sites)})
        return await cursor.fetchone()


async def select_points(
    database: Database, sites: Sites, kinds: Sequence[str] | None = None, **asked: str | None
) -> list[SeriesPoint]:
    """Gives the points of the kinds named, those of one site, area, medium, quantity, meter or point where that is said."""
    every = {"site": None, "area": None, "medium": None, "quantity": None, "meter": None, "point": None}
    parameters = {
        **every,
        **asked,
        "sites": None if sites is None else list(sites),
        "kinds": None if kinds is None else list(kinds),
    }
    async with database.connection() as connection, connection.cursor(row_factory=args_row(SeriesPoint)) as cursor:
        await cursor.execute(SELECT_POINTS, parameters)
        return await cursor.fetchall()


async def read_parents(database: Database) -> Mapping[str, str]:
    """Gives the meter behind which each stands, of those that stand behind one."""
    async with database.connection() as connection:
        return dict(await (await connection.execute(PARENTS)).fetchall())


async def read_extents(database: Database, point_ids: Sequence[int]) -> Mapping[int, Extent]:
    """Tells from where to where points have intervals; one that never had a usable time is left out."""
    found: dict[int, Extent] = {}
    async with database.connection() as connection:
        rows = await (await connection.execute(EXTENTS, {"points": list(point_ids)})).fetchall()
        for point_id, first, last, computed_to in rows:
            known = first if first is not None or last is None else await _first_reading(connection, point_id)
            if known is not None:
                found[point_id] = Extent(known, last, computed_to)
    return found


async def read_series(database: Database, point_id: int, period: str, since: datetime, until: datetime) -> Series:
    """Gives the intervals of a point that begin in `[since, until)`."""
    parameters = {"point": point_id, "period": period, "since": since, "until": until}
    async with database.connection() as connection, connection.cursor(binary=True) as cursor:
        await cursor.execute(READ_SERIES, parameters)
        columns = await cursor.fetchone() or ()
        return Series(*(column or [] for column in columns))


async def read_buckets(
    database: Database, point_ids: Sequence[int], period: str, edges: Sequence[datetime], estimated: int
) -> list[Bucket]:
    """Brings the intervals of several points into buckets.

    Args:
        database: where they are.
        point_ids: whose.
        period: which intervals are taken: `15m`, `1h`, `1d` or `1mo`; each must lie within one bucket.
        edges: rising; n + 1 of n adjacent buckets.
        estimated: the bit of that flag.
    """
    parameters: dict[str, Any] = {
        "points": list(point_ids),
        "period": period,
        "edges": list(edges),
        "since": edges[0],
        "until": edges[-1],
        "estimated": estimated,
    }
    async with database.connection() as connection, connection.cursor(row_factory=args_row(Bucket), binary=True) as cursor:
        await cursor.execute(READ_BUCKETS, parameters)
        return await cursor.fetchall()


async def _first_reading(connection: Connection, point_id: int) -> datetime | None:
    found = await (await connection.execute(FIRST_READING, {"point": point_id})).fetchone()
    return None if found is None else found[0]
