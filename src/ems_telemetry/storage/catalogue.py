"""What is measured where: sites, meters and points as the configuration last described them, read for the API.

Every function takes `sites`: None for all of them, else only what stands at these is found. Lists come in pages, ordered by
their key.
"""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg.rows import args_row, scalar_row

from ems_telemetry.storage.database import Database

Sites = Sequence[str] | None


class KeyPage(NamedTuple):
    """Which page of a list ordered by key: how many rows at most, and the last key of the page before ("" for the first)."""

    limit: int
    after: str = ""


class KnownSite(NamedTuple):
    """A plant or works."""

    id: str
    name: str
    timezone: str
    areas: list[str]
    active: bool


class KnownMeter(NamedTuple):
    """An instrument. `connector` is the file that names it."""

    id: str
    name: str
    site: str
    area: str | None
    medium: str | None
    connector: str
    active: bool


class KnownPoint(NamedTuple):
    """One quantity of a meter. `unit` is that of every value; `source_unit` is what the device speaks."""

    key: str
    name: str
    meter: str
    site: str
    quantity: str
    medium: str | None
    unit: str
    kind: str
    connector: str
    source: str
    source_unit: str
    expected_interval_s: float | None
    active: bool


LIST_SITES = """
    SELECT id, name, timezone, areas, active
    FROM sites
    WHERE (%(sites)s::text[] IS NULL OR id = ANY(%(sites)s)) AND id > %(after)s
    ORDER BY id
    LIMIT %(limit)s"""
"""A page of sites by their id."""

LIST_METERS = """
    SELECT id, name, site_id, area, medium, connector, active
    FROM meters
    WHERE (%(sites)s::text[] IS NULL OR site_id = ANY(%(sites)s))
      AND (%(id)s::text IS NULL OR id = %(id)s)
      AND (%(site)s::text IS NULL OR site_id = %(site)s)
      AND (%(medium)s::text IS NULL OR medium = %(medium)s)
      AND id > %(after)s
    ORDER BY id
    LIMIT %(limit)s"""
"""A page of meters by their id, those asked for."""

LIST_POINTS = """
    SELECT p.key, p.name, p.meter_id, m.site_id, p.quantity, p.medium, p.unit, p.kind, m.connector, p.source, p.source_unit,
           extract(epoch FROM p.expected_interval)::float8, p.active
    FROM points p
    JOIN meters m ON m.id = p.meter_id
    WHERE (%(sites)s::text[] IS NULL OR m.site_id = ANY(%(sites)s))
      AND (%(key)s::text IS NULL OR p.key = %(key)s)
      AND (%(site)s::text IS NULL OR m.site_id = %(site)s)
      AND (%(meter)s::text IS NULL OR p.meter_id = %(meter)s)
      AND (%(quantity)s::text IS NULL OR p.quantity = %(quantity)s)
      AND p.key > %(after)s
    ORDER BY p.key
    LIMIT %(limit)s"""
"""A page of points by their key, those asked for."""

LIST_METERS_OF_CONNECTORS = """
    SELECT connector
    FROM meters
    GROUP BY connector
    HAVING bool_and(site_id = ANY(%(sites)s))
    ORDER BY connector"""
"""Connectors all of whose meters, past ones too, stand at the sites."""

LIST_SITE_IDS = "SELECT id FROM sites WHERE %(sites)s::text[] IS NULL OR id = ANY(%(sites)s) ORDER BY id"
"""All site ids."""

LIST_METER_IDS = "SELECT id FROM meters WHERE %(sites)s::text[] IS NULL OR site_id = ANY(%(sites)s) ORDER BY id"
"""All meter ids."""

LIST_QUANTITIES = """
    SELECT DISTINCT p.quantity
    FROM points p
    JOIN meters m ON m.id = p.meter_id
    WHERE %(sites)s::text[] IS NULL OR m.site_id = ANY(%(sites)s)
    ORDER BY p.quantity"""
"""All quantities that some point measures."""


async def list_sites(database: Database, sites: Sites, page: KeyPage) -> list[KnownSite]:
    """Gives a page of sites."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(KnownSite)) as cursor:
        await cursor.execute(LIST_SITES, {"sites": _array(sites), **page._asdict()})
        return await cursor.fetchall()


async def list_meters(
    database: Database, sites: Sites, page: KeyPage, *, site: str | None = None, medium: str | None = None
) -> list[KnownMeter]:
    """Gives a page of meters, those of one site and medium where that is said."""
    return await _meters(database, sites, page, site=site, medium=medium)


async def find_meter(database: Database, sites: Sites, meter: str) -> KnownMeter | None:
    """Finds a meter by its id."""
    found = await _meters(database, sites, KeyPage(1), id=meter)
    return found[0] if found else None


async def list_points(
    database: Database,
    sites: Sites,
    page: KeyPage,
    *,
    site: str | None = None,
    meter: str | None = None,
    quantity: str | None = None,
) -> list[KnownPoint]:
    """Gives a page of points, those of one site, meter and quantity where that is said."""
    return await _points(database, sites, page, site=site, meter=meter, quantity=quantity)


async def find_point(database: Database, sites: Sites, key: str) -> KnownPoint | None:
    """Finds a point by its key."""
    found = await _points(database, sites, KeyPage(1), key=key)
    return found[0] if found else None


async def list_connectors_within(database: Database, sites: Sequence[str]) -> list[str]:
    """Names the connectors that serve these sites and no other: what they say of themselves tells nothing about another."""
    return await _words(database, LIST_METERS_OF_CONNECTORS, sites)


async def list_site_ids(database: Database, sites: Sites) -> list[str]:
    """Names the sites there are."""
    return await _words(database, LIST_SITE_IDS, sites)


async def list_meter_ids(database: Database, sites: Sites) -> list[str]:
    """Names the meters there are."""
    return await _words(database, LIST_METER_IDS, sites)


async def list_quantities(database: Database, sites: Sites) -> list[str]:
    """Names the quantities that are measured."""
    return await _words(database, LIST_QUANTITIES, sites)


async def _meters(database: Database, sites: Sites, page: KeyPage, **asked: str | None) -> list[KnownMeter]:
    parameters = {"id": None, "site": None, "medium": None, **asked, **page._asdict(), "sites": _array(sites)}
    async with database.connection() as connection, connection.cursor(row_factory=args_row(KnownMeter)) as cursor:
        await cursor.execute(LIST_METERS, parameters)
        return await cursor.fetchall()


async def _points(database: Database, sites: Sites, page: KeyPage, **asked: str | None) -> list[KnownPoint]:
    parameters = {"key": None, "site": None, "meter": None, "quantity": None, **asked, **page._asdict(), "sites": _array(sites)}
    async with database.connection() as connection, connection.cursor(row_factory=args_row(KnownPoint)) as cursor:
        await cursor.execute(LIST_POINTS, parameters)
        return await cursor.fetchall()


async def _words(database: Database, query: str, sites: Sites) -> list[str]:
    async with database.connection() as connection, connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(query, {"sites": _array(sites)})
        return await cursor.fetchall()


def _array(sites: Sites) -> list[str] | None:
    return None if sites is None else list(sites)
