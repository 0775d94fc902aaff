"""What the audit trail is told of readings that somebody brings: that it began, with the first of them; and what came of it.

Both are appended in transactions that store readings of the run, so that none is stored untold. Batches may come in any order;
one that comes again, since the process died before it left the spool, is passed over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from ems_telemetry.model import Batch, Reading, Run
from ems_telemetry.storage.audit import SERVICE, Act, Actor, append_now
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.storing import Account
from ems_telemetry.storage.translation import translated

OBJECT: Final = "import"
BEGUN: Final = "readings.import_begun"
IMPORTED: Final = "readings.imported"
BROKEN_OFF: Final = "readings.import_broken_off"
BROKEN_OFF_AFTER: Final = timedelta(days=30)
"""One that has not ended by then never will: its batches have long left the spool."""
POINTS_NAMED: Final = 50
"""So many points are named in the trail; all are counted."""

_TOLD = "SELECT action FROM audit_events WHERE object_type = 'import' AND object_id = %s"
_STORED = "SELECT part FROM import_parts WHERE run = %s"
_ADD = """
    INSERT INTO import_parts (run, part, inserted, duplicates, conflicts, rejected, points, since, until, ended)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_SUM = """
    SELECT count(*), sum(inserted)::bigint, sum(duplicates)::bigint, sum(conflicts)::bigint, sum(rejected)::bigint,
           ARRAY(SELECT DISTINCT unnest(p.points) FROM import_parts p WHERE p.run = %(run)s ORDER BY 1), min(since), max(until),
           (array_agg(ended) FILTER (WHERE ended IS NOT NULL))[1]
    FROM import_parts WHERE run = %(run)s"""
_UNENDED = """
    SELECT DISTINCT p.run FROM import_parts p
    JOIN audit_events e ON e.object_type = 'import' AND e.object_id = p.run::text AND e.action = 'readings.import_begun'
    WHERE e.occurred_at < %s"""
_FORGET = "DELETE FROM import_parts WHERE run = %s"


class Parts(NamedTuple):
    """Batches of one run that are stored together, and the readings in them."""

    runs: Sequence[Run]
    readings: Sequence[Reading]


def parts_of(batches: Sequence[Batch]) -> Parts:
    """Gives the batches of one run as parts."""
    runs = [batch.run for batch in batches if batch.run is not None]
    return Parts(runs, [reading for batch in batches for reading in batch.readings])


async def stored_parts(connection: Connection, runs: Sequence[Run]) -> set[UUID]:
    """Tells which of some batches of one run are stored: they come again after a crash, and are counted already."""
    run = runs[0].id
    with translated():
        async with connection.transaction():
            return await _stored(connection, runs, run)


async def _stored(connection: Connection, runs: Sequence[Run], run: UUID) -> set[UUID]:
    if IMPORTED in await _told(connection, run):
        return {each.part for each in runs}
    return {part for (part,) in await (await connection.execute(_STORED, (run,))).fetchall()}


async def tell_parts(connection: Connection, parts: Parts, account: Account) -> None:
    """Takes note of batches in the transaction that stores them, and tells the trail what is due.

    Args:
        connection: in that transaction.
        parts: of one run; not stored before.
        account: what became of their readings.
    """
    run = parts.runs[0]
    if BEGUN not in await _told(connection, run.id):
        await append_now(connection, _actor(run), _act(BEGUN, run, {}))
    await connection.cursor().executemany(_ADD, _rows(parts, account))
    await _tell_end(connection, run)


async def _told(connection: Connection, run: UUID) -> set[str]:
    return {action for (action,) in await (await connection.execute(_TOLD, (str(run),))).fetchall()}


async def tell_broken_off(connection: Connection, now: datetime) -> int:
    """Tells the trail of imports that were broken off long ago what was stored of them; gives how many there were.

    Raises:
        TransientError: it may work later.
    """
    with translated():
        async with connection.transaction():
            runs = await (await connection.execute(_UNENDED, (now - BROKEN_OFF_AFTER,))).fetchall()
            for (run,) in runs:
                came, _ = await _sum(connection, run)
                await append_now(connection, SERVICE, Act(BROKEN_OFF, OBJECT, str(run), detail=came))
                await connection.execute(_FORGET, (run,))
    return len(runs)


async def _tell_end(connection: Connection, run: Run) -> None:
    came, ended = await _sum(connection, run.id)
    if ended is None or came["batches"] < ended["batches"]:
        return
    detail = {**came, "readings": ended["readings"], "refused": ended["refused"]}
    await append_now(connection, _actor(run), _act(IMPORTED, run, detail))
    await connection.execute(_FORGET, (run.id,))


async def _sum(connection: Connection, run: UUID) -> tuple[dict[str, Any], Mapping[str, int] | None]:
    """Adds up what became of the batches of a run, and gives what was counted when it ended, if it did."""
    row = await (await connection.execute(_SUM, {"run": run})).fetchone()
    count, inserted, duplicates, conflicts, rejected, points, since, until, ended = row or (0, *[None] * 8)
    came = {
        "batches": count, "accepted": inserted, "duplicates": duplicates, "conflicts": conflicts, "rejected": rejected,
        "points": len(points), "point_names": points[:POINTS_NAMED], "since": since, "until": until,
    }  # fmt: skip
    return came, ended


def _rows(parts: Parts, account: Account) -> list[tuple[Any, ...]]:
    """Gives a row for each batch; the first has what became of the readings of all, which are stored together."""
    times: list[datetime] = [reading.time for reading in parts.readings]
    span = (min(times), max(times)) if times else (None, None)
    points = sorted({reading.point for reading in parts.readings})
    counts = (account.inserted, account.duplicates, account.conflicts, account.rejected)
    first, *others = parts.runs
    rows: list[tuple[Any, ...]] = [(first.id, first.part, *counts, points, *span, _ended(first))]
    return rows + [(run.id, run.part, 0, 0, 0, 0, [], None, None, _ended(run)) for run in others]


def _ended(run: Run) -> Jsonb | None:
    return None if run.ended is None else Jsonb(run.ended._asdict())


def _actor(run: Run) -> Actor:
    return Actor(run.actor, run.actor_name, run.client)


def _act(action: str, run: Run, detail: dict[str, Any]) -> Act:
    said = {"verb": run.verb, "source": run.source, "sha256": run.sha256, "author": run.author, "began_at": run.began_at}
    return Act(action, OBJECT, str(run.id), reason=run.reason, detail=said | detail)
