"""Readings as columns, for those who compute with millions of them: numpy arrays of what the database packed for each point."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import psycopg
from numpy.typing import NDArray

from ems_telemetry.storage.translation import translated

Table: TypeAlias = NDArray[np.void]
"""Rows with the fields `time_us`, `value`, `flags`, `quality`, ordered by time."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_POSTGRESQL_EPOCH_US = 946_684_800_000_000
_PACKED = np.dtype([("time_us", ">i8"), ("value", ">f8"), ("flags", ">i4"), ("quality", ">i2")])
_COLUMNS = np.dtype([("time_us", "i8"), ("value", "f8"), ("flags", "i4"), ("quality", "i2")])
# One value per point: a row per reading costs the driver twenty times as much as all that is done with it.
_READ = """
    SELECT point_id,
           string_agg(timestamptz_send(time) || float8send(coalesce(value, 'NaN')) || int4send(flags) || int2send(quality), ''),
           count(exact)
    FROM readings WHERE time >= %s AND time < %s AND point_id = ANY (%s) GROUP BY point_id
"""
_EXACT = """
    SELECT point_id, time, exact FROM readings
    WHERE time >= %s AND time < %s AND point_id = ANY (%s) AND exact IS NOT NULL
"""
_USABLE_BEFORE = """
    SELECT told.id, ARRAY(
        SELECT time FROM readings
        WHERE point_id = told.id AND time < told.time AND time >= %(first)s AND time < %(last)s AND value IS NOT NULL
        ORDER BY time DESC LIMIT %(count)s)
    FROM unnest(%(ids)s::integer[], %(times)s::timestamptz[]) AS told (id, time)
"""
_USABLE_FROM = """
    SELECT told.id, ARRAY(
        SELECT time FROM readings
        WHERE point_id = told.id AND time >= told.time AND time >= %(first)s AND time < %(last)s AND value IS NOT NULL
        ORDER BY time LIMIT %(count)s)
    FROM unnest(%(ids)s::integer[], %(times)s::timestamptz[]) AS told (id, time)
"""
_NEWEST = "SELECT point_id, time FROM latest_readings WHERE point_id = ANY (%s)"
_LOOK = (timedelta(days=1), timedelta(days=40), timedelta(days=40_000))
"""How far is looked, step by step: a plan over all partitions of ten years takes long."""
_APART = timedelta(days=40)
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Columns(NamedTuple):
    """Readings of one point, and the exact values of those that a double cannot hold, by time in microseconds."""

    table: Table
    exact: Mapping[int, Decimal]


def as_us(time: datetime) -> int:
    """Gives an instant in microseconds since the epoch."""
    return (time - EPOCH) // _MICROSECOND


def as_time(time_us: int) -> datetime:
    """Gives an instant of microseconds since the epoch."""
    return EPOCH + int(time_us) * _MICROSECOND


async def read_columns(
    connection: psycopg.AsyncConnection[Any], point_ids: Sequence[int], since: datetime, until: datetime
) -> dict[int, Columns]:
    """Reads all readings of points in `[since, until)`, by point; a null value is a NaN. A point without any is left out.

    Raises:
        TransientError: it may work later.
    """
    span = (since, until)
    with translated():
        async with connection.cursor(binary=True) as cursor:
            await cursor.execute(_READ, (*span, list(point_ids)))
            found = await cursor.fetchall()
        exact: dict[int, dict[int, Decimal]] = {}
        if with_exact := [point_id for point_id, _, count in found if count]:
            cursor = await connection.execute(_EXACT, (*span, with_exact))
            for point_id, time, value in await cursor.fetchall():
                exact.setdefault(point_id, {})[as_us(time)] = value
    return {point_id: Columns(_unpacked(packed), exact.get(point_id, {})) for point_id, packed, _ in found}


async def usable_before(
    connection: psycopg.AsyncConnection[Any], times: Mapping[int, datetime], count: int
) -> dict[int, list[datetime]]:
    """Finds, for each point, when its last usable readings before an instant are: so many, or as many as there are."""
    with translated():
        newest = dict(await (await connection.execute(_NEWEST, (list(times),))).fetchall())
    # Of a meter that fell silent long ago, the look begins where it did.
    known = {point_id: min(time, newest[point_id] + _MICROSECOND) for point_id, time in times.items() if point_id in newest}
    found: dict[int, list[datetime]] = {}
    for near in together(known):
        for look in _LOOK:
            missing = {point_id: time for point_id, time in near.items() if len(found.get(point_id, ())) < count}
            if missing:
                first = max(_FIRST, min(missing.values()) - look)
                found |= await _look(connection, _USABLE_BEFORE, missing, first, max(missing.values()), count)
    return found


def together(times: Mapping[int, datetime]) -> list[dict[int, datetime]]:
    """Groups points by time, so that a span over those of a group holds no long stretch in which none of them is."""
    groups: list[dict[int, datetime]] = []
    last: datetime | None = None
    for point_id, time in sorted(times.items(), key=lambda item: item[1]):
        if last is None or time - last > _APART:
            groups.append({})
        groups[-1][point_id] = last = time
    return groups


async def usable_from(
    connection: psycopg.AsyncConnection[Any], times: Mapping[int, datetime], count: int
) -> dict[int, list[datetime]]:
    """Finds, for each point, when its first usable readings at an instant or after it are: so many, or as many as there are."""
    found: dict[int, list[datetime]] = {}
    for look in _LOOK:
        missing = {point_id: time for point_id, time in times.items() if len(found.get(point_id, ())) < count}
        if missing:
            last = min(_LAST, max(missing.values()) + look)
            found |= await _look(connection, _USABLE_FROM, missing, min(missing.values()), last, count)
    return found


async def _look(
    connection: psycopg.AsyncConnection[Any],
    query: str,
    times: Mapping[int, datetime],
    first: datetime,
    last: datetime,
    count: int,
) -> dict[int, list[datetime]]:
    told = {"ids": list(times), "times": list(times.values()), "first": first, "last": last, "count": count}
    with translated():
        cursor = await connection.execute(query.encode(), told, prepare=False)
        return dict(await cursor.fetchall())


def _unpacked(packed: bytes) -> Table:
    records = np.frombuffer(packed, _PACKED)
    order = np.argsort(records["time_us"], kind="stable")
    table = np.empty(len(records), _COLUMNS)
    for name in _COLUMNS.names or ():
        table[name] = records[name][order]
    table["time_us"] += _POSTGRESQL_EPOCH_US
    return table
