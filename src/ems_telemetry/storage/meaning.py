"""What stored readings mean must not change under them: the unit and the kind of a point stay once it has readings."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.rows import PointRow

_STORED = """
    SELECT key, unit, kind, EXISTS (SELECT FROM latest_readings WHERE point_id = points.id) FROM points
"""


async def stored_meanings(connection: psycopg.AsyncConnection[Any]) -> Sequence[tuple[str, str, str, bool]]:
    """Gives key, unit, kind, and whether there are readings, of every point."""
    cursor = await connection.execute(_STORED)
    return await cursor.fetchall()


async def require_same_meaning(connection: psycopg.AsyncConnection[Any], points: Sequence[PointRow]) -> frozenset[str]:
    """Refuses what would give stored readings another meaning; tells the keys of all points that are known.

    Raises:
        ConfigurationError: names each such point.
    """
    known = await stored_meanings(connection)
    problems = find_changed_meanings(points, {key: (unit, kind) for key, unit, kind, has_readings in known if has_readings})
    if problems:
        raise ConfigurationError(problems)
    return frozenset(key for key, *_ in known)


async def check_meanings(database: Database, points: Sequence[PointRow]) -> None:
    """Asks whether points could be stored as they are configured, and changes nothing.

    Raises:
        ConfigurationError: a point that has readings got another unit or kind.
        TransientError: the database is out of reach or not ready.
    """
    async with database.connection() as connection:
        await require_same_meaning(connection, points)


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
