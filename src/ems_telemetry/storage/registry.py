"""Keeps the tables of sites, meters and points equal to the configuration. Nothing is ever deleted: readings hang on it.

What is no longer configured becomes inactive; its readings, and the id they are stored under, stay.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from ems_telemetry.config.quantities import QUANTITIES, Law
from ems_telemetry.model import Declaration, Kind
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.meaning import require_same_meaning, stored_meanings
from ems_telemetry.storage.revising import (
    Accepted,
    end_points,
    newest_revision,
    record_configuration,
    revise_meters,
    revise_points,
    tell_configuration,
)
from ems_telemetry.storage.rows import MeterRow, PointRow, SiteRow
from ems_telemetry.storage.translation import translated

__all__ = ["MeterRow", "PointRow", "SiteRow", "declare", "synchronise"]

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.registry'))"
_PUT_SITE = """
    INSERT INTO sites AS old (id, name, timezone, areas) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, timezone = excluded.timezone, areas = excluded.areas,
                                   active = true, updated_at = now()
    WHERE (old.name, old.timezone, old.areas, old.active)
          IS DISTINCT FROM (excluded.name, excluded.timezone, excluded.areas, true)
"""
_PUT_METER = """
    INSERT INTO meters AS old (id, site_id, area, name, medium, connector, parent_id, uncertainty, cost_centre)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE SET site_id = excluded.site_id, area = excluded.area, name = excluded.name,
                                   medium = excluded.medium, connector = excluded.connector, parent_id = excluded.parent_id,
                                   uncertainty = excluded.uncertainty, cost_centre = excluded.cost_centre, active = true,
                                   discovered = false, updated_at = now()
    WHERE (old.site_id, old.area, old.name, old.medium, old.connector, old.parent_id, old.uncertainty, old.cost_centre,
           old.active, old.discovered)
          IS DISTINCT FROM (excluded.site_id, excluded.area, excluded.name, excluded.medium, excluded.connector,
                            excluded.parent_id, excluded.uncertainty, excluded.cost_centre, true, false)
"""
# An upsert would use up an id for every point at every start.
_ADD_POINT = """
    INSERT INTO points (meter_id, name, quantity, medium, unit, kind, source, source_unit, expected_interval, max_gap, max_rate,
                        rollover_at, interpolation, expression, law, key)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, make_interval(secs => %s), make_interval(secs => %s), %s, %s, %s, %s, %s, %s)
"""
_CHANGE_POINT = """
    UPDATE points SET active = true, discovered = false, updated_at = now(),
        (meter_id, name, quantity, medium, unit, kind, source, source_unit, expected_interval, max_gap, max_rate, rollover_at,
         interpolation, expression, law) = (SELECT fresh.*)
    FROM (VALUES (%s, %s, %s, %s::text, %s, %s, %s, %s, make_interval(secs => %s), make_interval(secs => %s), %s::numeric,
                  %s::numeric, %s, %s::text, %s))
         AS fresh (meter_id, name, quantity, medium, unit, kind, source, source_unit, expected_interval, max_gap, max_rate,
                   rollover_at, interpolation, expression, law)
    WHERE key = %s AND (points.meter_id, points.name, points.quantity, points.medium, points.unit, points.kind, points.source,
                        points.source_unit, points.expected_interval, points.max_gap, points.max_rate, points.rollover_at,
                        points.interpolation, points.expression, points.law, active, discovered) IS DISTINCT FROM (
                        fresh.meter_id, fresh.name, fresh.quantity, fresh.medium, fresh.unit, fresh.kind, fresh.source,
                        fresh.source_unit, fresh.expected_interval, fresh.max_gap, fresh.max_rate, fresh.rollover_at,
                        fresh.interpolation, fresh.expression, fresh.law, true, false)
"""
_DEACTIVATE = {
    "points": """
        UPDATE points SET active = false, updated_at = now() FROM meters
        WHERE meters.id = meter_id AND points.active AND key <> ALL (%s) AND NOT (points.discovered AND connector = ANY (%s))
    """,
    "meters": """
        UPDATE meters SET active = false, updated_at = now()
        WHERE active AND id <> ALL (%s) AND NOT (connector = ANY (%s)
                                                 AND EXISTS (SELECT FROM points WHERE meter_id = meters.id AND points.active))
    """,
    "sites": "UPDATE sites SET active = false, updated_at = now() WHERE active AND id <> ALL (%s)",
}
# What a file names is never changed by what a device says.
_DECLARE_METER = """
    INSERT INTO meters AS old (id, site_id, area, name, medium, connector, discovered) VALUES (%s, %s, %s, %s, %s, %s, true)
    ON CONFLICT (id) DO UPDATE SET area = excluded.area, name = excluded.name, medium = excluded.medium,
                                   connector = excluded.connector, active = true, updated_at = now()
    WHERE old.discovered AND (old.area, old.name, old.medium, old.connector, old.active)
                             IS DISTINCT FROM (excluded.area, excluded.name, excluded.medium, excluded.connector, true)
"""
_DECLARE_POINT = """
    INSERT INTO points AS old (meter_id, name, quantity, medium, unit, kind, source, source_unit, expected_interval, law, key,
                               discovered)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, make_interval(secs => %s), %s, %s, true)
    ON CONFLICT (key) DO UPDATE
    SET meter_id = excluded.meter_id, name = excluded.name, quantity = excluded.quantity, medium = excluded.medium,
        unit = excluded.unit, kind = excluded.kind, source = excluded.source, source_unit = excluded.source_unit,
        expected_interval = excluded.expected_interval, law = excluded.law, active = true, updated_at = now()
    WHERE old.discovered
"""


async def synchronise(
    database: Database,
    sites: Sequence[SiteRow],
    meters: Sequence[MeterRow],
    points: Sequence[PointRow],
    *,
    discovering: Sequence[str] = (),
    accepted: Accepted | None = None,
) -> dict[str, int]:
    """Makes the tables say what is configured, in one transaction. Harmless as often as it is done.

    Args:
        database: open, its schema up to date.
        sites: all configured.
        meters: all configured; their sites are among `sites`.
        points: all configured; their meters are among `meters`.
        discovering: the connectors that run: points that their devices made known stay active.
        accepted: the configuration, to be kept with what each point means since then; nothing is kept without it.

    Returns:
        The id of every point the database knows by its key, active or not.

    Raises:
        ConfigurationError: a point that has readings got another unit or kind; nothing was changed.
        TransientError: the database is out of reach or not ready.
    """
    async with database.connection() as connection:
        await connection.execute(_LOCK)
        known = await require_same_meaning(connection, points)
        await _put(connection, sites, meters, points, known)
        await _deactivate(connection, sites, meters, points, discovering)
        if accepted is not None:
            before = await newest_revision(connection)
            revision = await record_configuration(connection, accepted)
            await revise_points(connection, points, revision, accepted.accepted_at)
            await end_points(connection, revision, accepted.accepted_at)
            await revise_meters(connection, revision, accepted.accepted_at)
            if before is None or before[0] != revision:
                await tell_configuration(connection, revision, before, accepted)
        return await _read_ids(connection)


async def declare(
    connection: psycopg.AsyncConnection[Any], declared: Sequence[tuple[str, Declaration]], point_ids: Mapping[str, int]
) -> dict[str, int]:
    """Makes the tables know the points that devices made known, in one transaction. Harmless as often as it is done.

    Args:
        connection: outside a transaction.
        declared: each with the name of its connector; their sites are configured.
        point_ids: the ids known so far.

    Returns:
        The ids by key, with those of the declared points. A point whose stored readings have another meaning than what its
        device says now is left out: it must not be continued under the same key.

    Raises:
        TransientError: it may work later.
        RejectedByDatabaseError: one of them is refused.
    """
    rows = {declaration.key: _point_row(declaration) for _, declaration in declared}
    meters = {declaration.meter: (declaration, connector) for connector, declaration in declared}
    with translated():
        async with connection.transaction():
            await connection.execute(_LOCK)
            stored = {key: (unit, kind) for key, unit, kind, has_readings in await stored_meanings(connection) if has_readings}
            contradicting = {
                row.key for row in rows.values() if stored.get(row.key, (row.unit, row.kind)) != (row.unit, row.kind)
            }
            cursor = connection.cursor()
            await cursor.executemany(_DECLARE_METER, [_meter_columns(one, connector) for one, connector in meters.values()])
            agreeing = [row for key, row in rows.items() if key not in contradicting]
            await cursor.executemany(_DECLARE_POINT, [_declared_columns(row) for row in agreeing])
            revision, _ = await newest_revision(connection) or (None, "")
            now = datetime.now(UTC)
            await revise_points(connection, agreeing, revision, now, discovered=True)
            await revise_meters(connection, revision, now)
            known = await _read_ids(connection)
    return {key: id_ for key, id_ in {**point_ids, **known}.items() if key not in contradicting}


async def _read_ids(connection: psycopg.AsyncConnection[Any]) -> dict[str, int]:
    cursor = await connection.execute("SELECT key, id FROM points")
    return dict(await cursor.fetchall())


def _meter_columns(declaration: Declaration, connector: str) -> tuple[object, ...]:
    stands = declaration.site, declaration.area
    return (declaration.meter, *stands, declaration.meter_name, declaration.medium, connector)


def _point_row(declaration: Declaration) -> PointRow:
    return PointRow(
        key=declaration.key,
        meter_id=declaration.meter,
        name=declaration.name,
        quantity=declaration.quantity,
        medium=declaration.medium,
        unit=declaration.unit,
        kind=Kind(declaration.kind),
        source=declaration.source,
        source_unit=declaration.source_unit,
        expected_interval_s=declaration.expected_interval_s,
        law=QUANTITIES[declaration.quantity].law if declaration.quantity in QUANTITIES else Law.TIME_WEIGHTED_MEAN,
    )


async def _put(
    connection: psycopg.AsyncConnection[Any],
    sites: Sequence[SiteRow],
    meters: Sequence[MeterRow],
    points: Sequence[PointRow],
    known: frozenset[str],
) -> None:
    cursor = connection.cursor()
    await cursor.executemany(_PUT_SITE, [(row.id, row.name, row.timezone, list(row.areas)) for row in sites])
    await cursor.executemany(_PUT_METER, [(row.id, row.site_id, *_about(row)) for row in meters])
    await cursor.executemany(_ADD_POINT, [_columns(row) for row in points if row.key not in known])
    await cursor.executemany(_CHANGE_POINT, [_columns(row) for row in points if row.key in known])


async def _deactivate(
    connection: psycopg.AsyncConnection[Any],
    sites: Sequence[SiteRow],
    meters: Sequence[MeterRow],
    points: Sequence[PointRow],
    discovering: Sequence[str],
) -> None:
    """Points before meters: a meter stays as long as it has points."""
    await connection.execute(_DEACTIVATE["points"], ([row.key for row in points], list(discovering)))
    await connection.execute(_DEACTIVATE["meters"], ([row.id for row in meters], list(discovering)))
    await connection.execute(_DEACTIVATE["sites"], ([row.id for row in sites],))


def _about(row: MeterRow) -> tuple[object, ...]:
    return row.area, row.name, row.medium, row.connector, row.parent_id, row.uncertainty, row.cost_centre


def _columns(row: PointRow) -> tuple[object, ...]:
    rules = (row.max_gap_s, row.max_rate, row.rollover_at, row.interpolation, row.expression, str(row.law))
    return (*_meaning(row), *rules, row.key)


def _declared_columns(row: PointRow) -> tuple[object, ...]:
    return (*_meaning(row), str(row.law), row.key)


def _meaning(row: PointRow) -> tuple[object, ...]:
    told = (row.meter_id, row.name, row.quantity, row.medium, row.unit, str(row.kind))
    return (*told, row.source, row.source_unit, row.expected_interval_s)
