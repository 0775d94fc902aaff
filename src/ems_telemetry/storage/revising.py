"""Writes down what was configured when: accepted configurations with their texts, what points mean, and where meters stand.

Nothing here is ever changed or deleted. A row is added where something that matters to the meaning of a reading, or to what a
meter counts for, is other than in the newest row; so it does no harm to write the same again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ems_telemetry.config.content import WrittenFile
from ems_telemetry.storage.audit import SERVICE, Act, Actor, append_act
from ems_telemetry.storage.records import CONFIGURED, mark_dependents
from ems_telemetry.storage.rows import PointRow


@dataclass(frozen=True, slots=True)
class Accepted:
    """A configuration that the service runs, and since when. `hash` tells it from others.

    `by` is who let it be taken over, `cause` how (`start`, `request`, `signal`, `files`), `reason` why, if they said so.
    """

    hash: str
    accepted_at: datetime
    files: Sequence[WrittenFile]
    by: Actor = SERVICE
    cause: str = "start"
    reason: str | None = None


_NEWEST = "SELECT id, hash FROM config_revisions ORDER BY id DESC LIMIT 1"
_ADD = "INSERT INTO config_revisions (hash, accepted_at) VALUES (%s, %s) RETURNING id"
_ADD_TEXT = "INSERT INTO config_texts (sha256, text) VALUES (%s, %s) ON CONFLICT (sha256) DO NOTHING"
_ADD_FILE = "INSERT INTO config_files (revision, name, sha256) VALUES (%s, %s, %s)"
_NEWEST_OF_POINT = """
    LEFT JOIN LATERAL (SELECT * FROM point_revisions WHERE point_id = p.id ORDER BY valid_from DESC LIMIT 1) old ON true
"""
# A clock that was put back must not bring rows out of their order.
_VALID_FROM = "greatest(%(at)s, old.valid_from + interval '1 microsecond')"
_COLUMNS = 'quantity, unit, kind, source, source_unit, scale, "offset", expected_interval, definition'
_REVISE = f"""
    INSERT INTO point_revisions (point_id, valid_from, config_revision, active, {_COLUMNS})
    SELECT p.id, {_VALID_FROM}, %(revision)s, true, {", ".join(f"fresh.{name}" for name in _COLUMNS.split(", "))}
    FROM (VALUES (%(quantity)s, %(unit)s, %(kind)s, %(source)s, %(source_unit)s, %(scale)s::numeric, %(offset)s::numeric,
                  make_interval(secs => %(expected_interval_s)s), %(definition)s::jsonb)) AS fresh ({_COLUMNS})
    JOIN points p ON p.key = %(key)s AND p.discovered = %(discovered)s
    {_NEWEST_OF_POINT}
    WHERE (old.active, {", ".join(f"old.{name}" for name in _COLUMNS.split(", "))})
          IS DISTINCT FROM (true, {", ".join(f"fresh.{name}" for name in _COLUMNS.split(", "))})
"""  # noqa: S608  # only constants of this module
_END = f"""
    INSERT INTO point_revisions (point_id, valid_from, config_revision, active, {_COLUMNS})
    SELECT p.id, {_VALID_FROM}, %(revision)s, false, {", ".join(f"old.{name}" for name in _COLUMNS.split(", "))}
    FROM points p
    {_NEWEST_OF_POINT}
    WHERE NOT p.active AND old.active
"""  # noqa: S608  # only constants of this module
# It goes by what stands in meters: files, devices and those that are no longer configured are told in one statement.
_STANDING = "active, site_id, area, medium, parent_id, cost_centre"
_REVISE_METERS = f"""
    WITH changed AS MATERIALIZED (
        SELECT m.id, {_VALID_FROM} AS valid_from, old.meter_id IS NULL AS is_new, old.site_id AS left_site,
               {", ".join(f"m.{name}" for name in _STANDING.split(", "))}
        FROM meters m
        LEFT JOIN LATERAL (SELECT * FROM meter_revisions WHERE meter_id = m.id ORDER BY valid_from DESC LIMIT 1) old ON true
        WHERE ({", ".join(f"old.{name}" for name in _STANDING.split(", "))})
              IS DISTINCT FROM ({", ".join(f"m.{name}" for name in _STANDING.split(", "))})
    ), added AS (
        INSERT INTO meter_revisions (meter_id, valid_from, config_revision, {_STANDING})
        SELECT id, valid_from, %(revision)s, {_STANDING} FROM changed
    )
    SELECT site, bool_or(is_new) FROM changed, LATERAL (VALUES (site_id), (left_site)) AS of (site)
    WHERE site IS NOT NULL GROUP BY site ORDER BY site
"""  # noqa: S608  # only constants of this module


async def record_configuration(connection: psycopg.AsyncConnection[Any], accepted: Accepted) -> int:
    """Keeps an accepted configuration, unless it is the newest one already.

    Returns:
        Its number.
    """
    newest = await newest_revision(connection)
    if newest is not None and newest[1] == accepted.hash:
        return newest[0]
    cursor = await connection.execute(_ADD, (accepted.hash, accepted.accepted_at))
    (revision,) = await cursor.fetchone() or (0,)
    await cursor.executemany(_ADD_TEXT, [(file.sha256, file.text) for file in accepted.files])
    await cursor.executemany(_ADD_FILE, [(revision, file.name, file.sha256) for file in accepted.files])
    return int(revision)


async def tell_configuration(
    connection: psycopg.AsyncConnection[Any], revision: int, before: tuple[int, str] | None, accepted: Accepted
) -> None:
    """Tells the audit trail of a configuration that was kept, with the hash of the one before; last in its transaction."""
    files = [{"name": file.name, "sha256": file.sha256} for file in accepted.files]
    act = Act(
        "configuration.accepted",
        "configuration",
        str(revision),
        revision,
        reason=accepted.reason,
        before_hash=before[1] if before else None,
        after_hash=accepted.hash,
        detail={"cause": accepted.cause, "files": files},
    )
    await append_act(connection, accepted.by, act, accepted.accepted_at)


async def newest_revision(connection: psycopg.AsyncConnection[Any]) -> tuple[int, str] | None:
    """Gives number and hash of the configuration that was kept last; None if there is none."""
    cursor = await connection.execute(_NEWEST)
    return await cursor.fetchone()


async def revise_points(
    connection: psycopg.AsyncConnection[Any],
    points: Sequence[PointRow],
    revision: int | None,
    at: datetime,
    *,
    discovered: bool = False,
) -> None:
    """Writes down what points mean from now on, those whose meaning changed.

    Args:
        connection: the points are in their table already.
        points: as they are now.
        revision: the number of the configuration that says so.
        at: since when.
        discovered: they are known from their devices, and not from a file; of points that are otherwise, nothing is written.
    """
    cursor = connection.cursor()
    since = {"revision": revision, "at": at, "discovered": discovered}
    await cursor.executemany(_REVISE, [_meaning(point) | since for point in points])


async def revise_meters(connection: psycopg.AsyncConnection[Any], revision: int | None, at: datetime) -> None:
    """Writes down where meters stand from now on, those of which something else is said, or which are no longer configured.

    Records that choose their points by this are looked at again. A meter that is new counts for the time before it too.
    """
    cursor = await connection.execute(_REVISE_METERS, {"revision": revision, "at": at})
    for site, is_new in await cursor.fetchall():
        await mark_dependents(connection, CONFIGURED, [site], "configuration_changed", None if is_new else at)


async def end_points(connection: psycopg.AsyncConnection[Any], revision: int, at: datetime) -> None:
    """Writes down which points are no longer active."""
    await connection.execute(_END, {"revision": revision, "at": at})


def _meaning(point: PointRow) -> dict[str, object]:
    names = ("key", "quantity", "unit", "source", "source_unit", "scale", "offset", "expected_interval_s")
    return {name: getattr(point, name) for name in names} | {"kind": str(point.kind), "definition": Jsonb(point.definition)}
