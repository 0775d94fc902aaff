"""Readings as columns, for those who compute with millions of them: numpy arrays straight from a binary COPY."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import psycopg
from numpy.typing import NDArray

from ems_telemetry.storage.translation import translated

Table: TypeAlias = NDArray[np.void]
"""Rows with the fields `point_id`, `time_us`, `value`, `quality`, `flags`, `has_exact`."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_POSTGRESQL_EPOCH_US = 946_684_800_000_000
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
# Every column is of fixed length and never null, so that a row of the binary format is a record.
_RECORD = np.dtype(
    [
        ("fields", ">i2"),
        ("length_1", ">i4"),
        ("point_id", ">i4"),
        ("length_2", ">i4"),
        ("time_us", ">i8"),
        ("length_3", ">i4"),
        ("value", ">f8"),
        ("length_4", ">i4"),
        ("quality", ">i2"),
        ("length_5", ">i4"),
        ("flags", ">i4"),
        ("length_6", ">i4"),
        ("has_exact", "?"),
    ]
)
_COLUMNS = np.dtype(
    [("point_id", "i4"), ("time_us", "i8"), ("value", "f8"), ("quality", "i2"), ("flags", "i4"), ("has_exact", "?")]
)
_COPY = """
    COPY (SELECT point_id, time, coalesce(value, 'NaN'), quality, flags, exact IS NOT NULL FROM readings
          WHERE time >= %s AND time < %s AND point_id = ANY (%s)) TO STDOUT (FORMAT binary)
"""
_EXACT = """
    SELECT point_id, time, exact FROM readings
    WHERE time >= %s AND time < %s AND point_id = ANY (%s) AND exact IS NOT NULL
"""
_USABLE_BEFORE = """
    SELECT time FROM readings WHERE point_id = %s AND time < %s AND time >= %s AND value IS NOT NULL ORDER BY time DESC LIMIT 1
"""
_USABLE_FROM = """
    SELECT time FROM readings WHERE point_id = %s AND time >= %s AND time < %s AND value IS NOT NULL ORDER BY time LIMIT 1
"""
_LOOK = (timedelta(days=1), timedelta(days=40), timedelta(days=40_000))
"""How far is looked, step by step: a plan over all partitions of ten years takes long."""
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Columns(NamedTuple):
    """Readings of several points, ordered by point and time, and the exact values of those that a double cannot hold."""

    table: Table
    exact: Mapping[tuple[int, int], Decimal]
    """By point and time in microseconds since the epoch."""


def as_us(time: datetime) -> int:
    """Gives an instant in microseconds since the epoch."""
    return (time - EPOCH) // _MICROSECOND


def as_time(time_us: int) -> datetime:
    """Gives an instant of microseconds since the epoch."""
    return EPOCH + int(time_us) * _MICROSECOND


async def read_columns(
    connection: psycopg.AsyncConnection[Any], point_ids: Sequence[int], since: datetime, until: datetime
) -> Columns:
    """Reads all readings of points in `[since, until)`; a null value is a NaN.

    Raises:
        TransientError: it may work later.
    """
    ids = list(point_ids)
    with translated():
        async with connection.cursor() as cursor, cursor.copy(_COPY, (since, until, ids)) as copy:
            received = b"".join([bytes(block) async for block in copy])
        table = _parse(received)
        exact: dict[tuple[int, int], Decimal] = {}
        if table["has_exact"].any():
            exact_ids = np.unique(table["point_id"][table["has_exact"]]).tolist()
            rows = await (await connection.execute(_EXACT, (since, until, exact_ids))).fetchall()
            exact = {(point_id, as_us(time)): value for point_id, time, value in rows}
    return Columns(table, exact)


async def usable_before(connection: psycopg.AsyncConnection[Any], point_id: int, time: datetime) -> datetime | None:
    """Finds the last usable reading before an instant."""
    return await _find(connection, _USABLE_BEFORE, point_id, [(time, max(_FIRST, time - look)) for look in _LOOK])


async def usable_from(connection: psycopg.AsyncConnection[Any], point_id: int, time: datetime) -> datetime | None:
    """Finds the first usable reading at an instant or after it."""
    return await _find(connection, _USABLE_FROM, point_id, [(time, min(_LAST, time + look)) for look in _LOOK])


async def _find(
    connection: psycopg.AsyncConnection[Any], query: str, point_id: int, bounds: Sequence[tuple[datetime, datetime]]
) -> datetime | None:
    with translated():
        for first, second in bounds:
            found = await (await connection.execute(query.encode(), (point_id, first, second), prepare=False)).fetchone()
            if found is not None:
                time: datetime = found[0]
                return time
    return None


def _parse(received: bytes) -> Table:
    count, rest = divmod(len(received) - _HEADER_BYTES - _TRAILER_BYTES, _RECORD.itemsize)
    if rest:
        message = f"{len(received)} bytes are no whole number of rows"
        raise ValueError(message)
    records = np.frombuffer(received, _RECORD, count, _HEADER_BYTES)
    order = np.lexsort((records["time_us"], records["point_id"]))
    table = np.empty(count, _COLUMNS)
    for name in _COLUMNS.names or ():
        table[name] = records[name][order]
    table["time_us"] += _POSTGRESQL_EPOCH_US
    return table
