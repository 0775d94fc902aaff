"""Keeps the tables of sites, meters and points equal to the configuration. Nothing is ever deleted: readings hang on it.

What is no longer configured becomes inactive; its readings, and the id they are stored under, stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import Kind
from ems_telemetry.storage.database import Database


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site as configured. `timezone` is an IANA name."""

    id: str
    name: str
    timezone: str
    areas: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A meter as configured. `connector` is the name of the connector file."""

    id: str
    site_id: str
    area: str | None
    name: str
    medium: str | None
    connector: str


@dataclass(frozen=True, slots=True)
class PointRow:
    """A point as configured. `unit` is the canonical one of its quantity, `source_unit` the device's."""

    key: str
    meter_id: str
    name: str
    quantity: str
    medium: str | None
    unit: str
    kind: Kind
    source: str
    source_unit: str
    expected_interval_s: float | None


_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.registry'))"
_PUT_SITE = """
    INSERT INTO sites AS old (id, name, timezone, areas) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, timezone = excluded.timezone, areas = excluded.areas,
                                   active = true, updated_at = now()
    WHERE (old.name, old.timezone, old.areas, old.active)
          IS DISTINCT FROM (excluded.name, excluded.timezone, excluded.areas, true)
"""
_PUT_METER = """
    INSERT INTO meters AS old (id, site_id, area, name, medium, connector) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE SET site_id = excluded.site_id, area = excluded.area, name = excluded.name,
                                   medium = excluded.medium, connector = excluded.connector, active = true, updated_at = now()
    WHERE (old.site_id, old.area, old.name, old.medium, old.connector, old.active)
          IS DISTINCT FROM (excluded.site_id, excluded.area, excluded.name, excluded.medium, excluded.connector, true)
"""
# An upsert would use up an id for every point at every start.
_ADD_POINT = """
    INSERT INTO points (meter_id, name, quantity, medium, unit, kind, source, source_unit, expected_interval, key)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, make_interval(secs => %s), %s)
"""
_CHANGE_POINT = """
    UPDATE points SET active = true, updated_at = now(),
        (meter_id, name, quantity, medium, unit, kind, source, source_unit, expected_interval) = (SELECT fresh.*)
    FROM (VALUES (%s, %s, %s, %s::text, %s, %s, %s, %s, make_interval(secs => %s)))
         AS fresh (meter_id, name, quantity, medium, unit, kind, source, source_unit, expected_interval)
    WHERE key = %s AND (points.meter_id, points.name, points.quantity, points.medium, points.unit, points.kind, points.source,
                        points.source_unit, points.expected_interval, active) IS DISTINCT FROM (
                        fresh.meter_id, fresh.name, fresh.quantity, fresh.medium, fresh.unit, fresh.kind, fresh.source,
                        fresh.source_unit, fresh.expected_interval, true)
"""
_DEACTIVATE = {
    "points": "UPDATE points SET active = false, updated_at = now() WHERE active AND key <> ALL (%s)",
    "meters": "UPDATE meters SET active = false, updated_at = now() WHERE active AND id <> ALL (%s)",
    "sites": "UPDATE sites SET active = false, updated_at = now() WHERE active AND id <> ALL (%s)",
}
_STORED_MEANING = """
    SELECT key, unit, kind, EXISTS (SELECT FROM latest_readings WHERE point_id = points.id) FROM points
"""


async def synchronise(
    database: Database, sites: Sequence[SiteRow], meters: Sequence[MeterRow], points: Sequence[PointRow]
) -> dict[str, int]:
    """Makes the tables say what is configured, in one transaction. Harmless as often as it is done.

    Args:
        database: open, its schema up to date.
        sites: all configured.
        meters: all configured; their sites are among `sites`.
        points: all configured; their meters are among `meters`.

    Returns:
        The id of every point the database knows by its key, active or not.

    Raises:
        ConfigurationError: a point that has readings got another unit or kind; nothing was changed.
        TransientError: the database is out of reach or not ready.
    """
    async with database.connection() as connection:
        await connection.execute(_LOCK)
        known = await _require_same_meaning(connection, points)
        await _put(connection, sites, meters, points, known)
        cursor = await connection.execute("SELECT key, id FROM points")
        return dict(await cursor.fetchall())


async def _put(
    connection: psycopg.AsyncConnection[Any],
    sites: Sequence[SiteRow],
    meters: Sequence[MeterRow],
    points: Sequence[PointRow],
    known: frozenset[str],
) -> None:
    cursor = connection.cursor()
    await cursor.executemany(_PUT_SITE, [(row.id, row.name, row.timezone, list(row.areas)) for row in sites])
    await cursor.executemany(
        _PUT_METER, [(row.id, row.site_id, row.area, row.name, row.medium, row.connector) for row in meters]
    )
    await cursor.executemany(_ADD_POINT, [_columns(row) for row in points if row.key not in known])
    await cursor.executemany(_CHANGE_POINT, [_columns(row) for row in points if row.key in known])
    configured = {
        "points": [row.key for row in points],
        "meters": [row.id for row in meters],
        "sites": [row.id for row in sites],
    }
    for table, names in configured.items():
        await cursor.execute(_DEACTIVATE[table], (names,))


async def _require_same_meaning(connection: psycopg.AsyncConnection[Any], points: Sequence[PointRow]) -> frozenset[str]:
    """Refuses what would give stored values another meaning; tells which points are known."""
    cursor = await connection.execute(_STORED_MEANING)
    known = await cursor.fetchall()
    problems = find_changed_meanings(points, {key: (unit, kind) for key, unit, kind, has_readings in known if has_readings})
    if problems:
        raise ConfigurationError(problems)
    return frozenset(key for key, *_ in known)


def find_changed_meanings(points: Sequence[PointRow], stored: Mapping[str, tuple[str, str]]) -> list[Problem]:
    """Finds points whose stored readings are in another unit, or of another kind.

    Args:
        points: as configured.
        stored: unit and kind of each point that has readings, by its key.
    """
    problems = []
    for point in points:
        unit, kind = stored.get(point.key, (point.unit, point.kind))
        for what, old, new in (("unit", unit, point.unit), ("kind", kind, point.kind)):
            if old != new:
                problems.append(
                    f'point {point.key}: its stored readings have the {what} "{old}", and the configuration says "{new}"; '
                    "give the point a new id, or set its quantity and kind back"
                )
    return [Problem(None, None, problem) for problem in problems]


def _columns(row: PointRow) -> tuple[object, ...]:
    meaning = (row.meter_id, row.name, row.quantity, row.medium, row.unit, str(row.kind))
    return (*meaning, row.source, row.source_unit, row.expected_interval_s, row.key)
