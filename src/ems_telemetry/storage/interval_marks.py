"""What must be computed anew: marks that writing leaves behind, and how far each point is computed.

A reading that comes in before the place up to which its point is computed leaves a mark in its own transaction; one that comes
after it needs none, for `advance` will pass it. The two never miss each other: writing holds a lock that it shares, advancing
one that it does not. Marks are only added, and removed by whoever took them: one that comes while its stretch is being computed
is another row.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg

from ems_telemetry.storage.translation import translated

QUARTER_S = 900
LEAST_GRACE_S = 60.0
"""A quarter whose following reading has not come is computed so long after its end, or two intervals of its point after it."""

_KEY = "hashtext('ems_telemetry.interval_progress')"
SHARE_PROGRESS = f"SELECT pg_advisory_xact_lock_shared({_KEY})"
MARK_STAGED = """
    INSERT INTO interval_marks (point_id, since, until)
    SELECT s.point_id, min(s.time), max(s.time) FROM staged_readings s JOIN interval_progress p USING (point_id)
    WHERE s.time < p.computed_to GROUP BY s.point_id
"""
"""Marks what was staged and is not new to `advance`; in the transaction that stores it, after `SHARE_PROGRESS`."""

_LOCK = f"SELECT pg_advisory_xact_lock({_KEY})"
# Asked apart, since it is asked every few seconds: to plan a look at thousands of compressed chunks takes many.
_ANY_BEGINS = """
    SELECT EXISTS (SELECT FROM latest_readings l
                   WHERE NOT EXISTS (SELECT FROM interval_progress p WHERE p.point_id = l.point_id))
"""
# A point that has readings and no progress begins with its first reading.
_BEGIN = """
    INSERT INTO interval_progress (point_id, computed_to)
    SELECT l.point_id, date_bin('15 minutes', f.time, 'epoch')
    FROM latest_readings l
    CROSS JOIN LATERAL (SELECT time FROM readings r WHERE r.point_id = l.point_id ORDER BY time LIMIT 1) f
    WHERE NOT EXISTS (SELECT FROM interval_progress p WHERE p.point_id = l.point_id)
    ON CONFLICT DO NOTHING
"""
# Up to the quarter of the newest reading all readings are there; beyond it nothing is waited for longer than the grace.
_ADVANCE = f"""
    WITH due AS (
        SELECT p.point_id, p.computed_to AS since,
               date_bin('15 minutes', greatest(least(l.time, %(now)s),
                        %(now)s - greatest(2 * o.expected_interval, make_interval(secs => {LEAST_GRACE_S}))), 'epoch') AS until
        FROM interval_progress p
        JOIN points o ON o.id = p.point_id
        JOIN latest_readings l ON l.point_id = p.point_id
        WHERE o.active OR l.time >= p.computed_to
    ), moved AS (
        UPDATE interval_progress p SET computed_to = d.until FROM due d
        WHERE p.point_id = d.point_id AND d.until > d.since
        RETURNING p.point_id, d.since, d.until
    )
    INSERT INTO interval_marks (point_id, since, until)
    SELECT point_id, since, until - interval '1 microsecond' FROM moved
"""  # noqa: S608  # only constants of this module
_FORGET = """
    DELETE FROM interval_progress g USING points p WHERE p.id = g.point_id AND p.expression IS DISTINCT FROM g.expression
"""
_BEGIN_VIRTUAL = """
    INSERT INTO interval_progress (point_id, computed_to, expression) SELECT id, %s, expression FROM points WHERE id = %s
    ON CONFLICT DO NOTHING
"""
_TAKE = """
    SELECT id, point_id, since, until FROM interval_marks
    WHERE since >= %(from)s AND point_id IN (
        SELECT DISTINCT point_id
        FROM (SELECT point_id FROM interval_marks WHERE since >= %(from)s ORDER BY id LIMIT %(marks)s) first)
    ORDER BY id LIMIT %(most)s
"""
_SHORTEN = """
    UPDATE interval_marks m SET since = told.since
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS told (id, since) WHERE m.id = told.id
"""
_PUT = """
    INSERT INTO interval_marks (point_id, since, until)
    SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[])
"""
MOST_TAKEN = 20_000
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


class Mark(NamedTuple):
    """A stretch `[since, until]` of a point that must be computed anew."""

    id: int
    point_id: int
    since: datetime
    until: datetime


async def advance(connection: psycopg.AsyncConnection[Any], now: datetime) -> int:
    """Marks all quarters that have ended since the last time, and moves on; in a transaction of its own.

    Args:
        connection: outside a transaction.
        now: aware.

    Returns:
        How many points moved on.

    Raises:
        TransientError: it may work later.
    """
    with translated():
        async with connection.transaction():
            await connection.execute(_LOCK)
            if await (await connection.execute(_ANY_BEGINS)).fetchone() == (True,):
                await connection.execute(_BEGIN)
            return (await connection.execute(_ADVANCE, {"now": now})).rowcount


async def forget_changed(connection: psycopg.AsyncConnection[Any]) -> None:
    """Forgets how far virtual points were computed whose expression is another one since."""
    with translated():
        await connection.execute(_FORGET)


async def begin_virtual(connection: psycopg.AsyncConnection[Any], point_id: int, now: datetime) -> bool:
    """Notes that a virtual point is computed by the expression it has now; False if it was noted before."""
    with translated():
        return (await connection.execute(_BEGIN_VIRTUAL, (now, point_id))).rowcount == 1


async def put_marks(connection: psycopg.AsyncConnection[Any], stretches: Sequence[tuple[int, datetime, datetime]]) -> None:
    """Asks for stretches `[since, until]` of points to be computed anew."""
    columns = [list(column) for column in zip(*stretches, strict=True)] or [[], [], []]
    with translated():
        await connection.execute(_PUT, columns)


async def take_marks(connection: psycopg.AsyncConnection[Any], points: int, since: datetime | None = None) -> list[Mark]:
    """Reads marks, in the order they were made, of some points at a time; they stay until `settle`.

    Args:
        connection: any.
        points: of how many at most.
        since: only those whose stretch begins then or later.
    """
    with translated():
        cursor = await connection.execute(_TAKE, {"marks": points, "most": MOST_TAKEN, "from": since or _FIRST})
        return [Mark(*row) for row in await cursor.fetchall()]


async def settle(
    connection: psycopg.AsyncConnection[Any], done: Sequence[int], shortened: Sequence[tuple[int, datetime]] = ()
) -> None:
    """Removes marks by their ids, and shortens others: what lies before the given instant is computed."""
    with translated():
        await connection.execute("DELETE FROM interval_marks WHERE id = ANY (%s)", (list(done),))
        if shortened:
            await connection.execute(_SHORTEN, [list(column) for column in zip(*shortened, strict=True)])


async def count_marks(connection: psycopg.AsyncConnection[Any]) -> int:
    """Counts the points that wait to be computed."""
    with translated():
        cursor = await connection.execute("SELECT count(DISTINCT point_id) FROM interval_marks")
        (count,) = await cursor.fetchone() or (0,)
    return int(count)
