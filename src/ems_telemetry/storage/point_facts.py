"""Points as records need them: what they measure, where, and what they meant when."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import args_row

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.interval_series import PARENTS, READ_SERIES, Series, StoredInterval
from ems_telemetry.storage.translation import translated


class PointFacts(NamedTuple):
    """A point with its meter and site. `law` says how several values become one; `expression` is that of a virtual point."""

    id: int
    key: str
    meter: str
    site: str
    area: str | None
    timezone: str
    medium: str | None
    quantity: str
    unit: str
    kind: str
    law: str
    active: bool
    parent: str | None
    expression: str | None
    computed_to: datetime | None
    """Up to where its intervals are computed; None where none is."""
    waits_since: datetime | None
    """From where intervals wait to be computed anew; None where none does."""
    first: datetime | None
    """Its first interval."""
    uncertainty: Decimal | None = None
    """The standard uncertainty (k = 1) of the totals of its meter, relative, in percent."""
    expected: timedelta | None = None
    """How often it is to give a value; None where nothing says so."""
    cost_centre: str | None = None
    """Where the amounts of its meter are booked, as configured now."""


class MeterRevision(NamedTuple):
    """What was said of a meter from a time on. `parent` is the meter behind which it stands."""

    meter: str
    valid_from: datetime
    config_revision: int | None
    active: bool
    site: str
    area: str | None
    medium: str | None
    parent: str | None
    cost_centre: str | None


class PointRevision(NamedTuple):
    """What a point meant from a time on."""

    valid_from: datetime
    config_revision: int | None
    active: bool
    quantity: str
    unit: str
    kind: str
    source: str
    source_unit: str
    definition: Mapping[str, Any]


_FACTS = """
    SELECT p.id, p.key, p.meter_id, m.site_id, m.area, s.timezone, p.medium, p.quantity, p.unit, p.kind, p.law, p.active,
           m.parent_id, p.expression, g.computed_to, (SELECT min(since) FROM interval_marks k WHERE k.point_id = p.id), i.start,
           m.uncertainty, p.expected_interval, m.cost_centre
    FROM points p
    JOIN meters m ON m.id = p.meter_id
    JOIN sites s ON s.id = m.site_id
    LEFT JOIN interval_progress g ON g.point_id = p.id
    LEFT JOIN LATERAL (SELECT start FROM intervals WHERE point_id = p.id AND period = '15m' ORDER BY start LIMIT 1) i ON true
    WHERE (%(keys)s::text[] IS NULL OR p.key = ANY (%(keys)s))
      AND (%(site)s::text IS NULL OR m.site_id = %(site)s OR m.id = ANY (%(meters)s))
    ORDER BY p.key"""
_METER_REVISIONS = """
    SELECT meter_id, valid_from, config_revision, active, site_id, area, medium, parent_id, cost_centre
    FROM meter_revisions ORDER BY meter_id, valid_from"""
_METER_SITES = "SELECT id, site_id FROM meters WHERE id = ANY (%s)"
_REVISIONS = """
    SELECT valid_from, config_revision, active, quantity, unit, kind, source, source_unit,
           definition || jsonb_build_object('scale', scale::text, 'offset', "offset"::text)
    FROM point_revisions
    WHERE point_id = %(point)s AND valid_from < %(until)s
      AND valid_from >= coalesce((SELECT max(valid_from) FROM point_revisions
                                  WHERE point_id = %(point)s AND valid_from <= %(since)s), '-infinity')
    ORDER BY valid_from"""


async def read_facts(
    connection: Connection, keys: Sequence[str] | None = None, site: str | None = None, meters: Sequence[str] = ()
) -> list[PointFacts]:
    """Gives the points named, or all, or those of a site and of some meters beside it, by their key."""
    with translated():
        async with connection.cursor(row_factory=args_row(PointFacts)) as cursor:
            told = {"keys": None if keys is None else list(keys), "site": site, "meters": list(meters)}
            await cursor.execute(_FACTS, told)
            return await cursor.fetchall()


async def read_parents(connection: Connection) -> dict[str, str]:
    """Gives the meter behind which each meter stands, by meter, in the open transaction."""
    with translated():
        return dict(await (await connection.execute(PARENTS)).fetchall())


async def read_meter_revisions(connection: Connection) -> list[MeterRevision]:
    """Gives all that was ever said of meters, by meter and time."""
    with translated():
        async with connection.cursor(row_factory=args_row(MeterRevision)) as cursor:
            await cursor.execute(_METER_REVISIONS)
            return await cursor.fetchall()


async def read_meter_sites(connection: Connection, meters: Sequence[str]) -> dict[str, str]:
    """Tells the sites of the meters named, of those that there are."""
    with translated():
        return dict(await (await connection.execute(_METER_SITES, (list(meters),))).fetchall())


async def read_point_revisions(connection: Connection, point_id: int, since: datetime, until: datetime) -> list[PointRevision]:
    """Gives what a point meant within `[since, until)`, the revision that was in force at its beginning first."""
    with translated():
        async with connection.cursor(row_factory=args_row(PointRevision)) as cursor:
            await cursor.execute(_REVISIONS, {"point": point_id, "since": since, "until": until})
            return await cursor.fetchall()


async def read_intervals_of(
    connection: Connection, point_id: int, period: str, since: datetime, until: datetime
) -> list[StoredInterval]:
    """Gives the intervals of a point that begin in `[since, until)`, in the open transaction."""
    told = {"point": point_id, "period": period, "since": since, "until": until}
    with translated():
        async with connection.cursor(binary=True) as cursor:
            await cursor.execute(READ_SERIES, told)
            columns = await cursor.fetchone() or ()
            return list(Series(*(column or [] for column in columns)).rows())
