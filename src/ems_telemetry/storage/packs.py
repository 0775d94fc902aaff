"""Evidence packs that were asked for, and what became of them; and how one view of the database is held while one is made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated


class PackRow(NamedTuple):
    """A pack that was asked for. `status` is `pending`, `done` or `failed`, with its `reason` then."""

    id: UUID
    site: str
    asked: Mapping[str, Any]
    actor: str
    actor_name: str
    client: str | None
    status: str
    requested_at: datetime
    finished_at: datetime | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    reason: str | None = None


_COLUMNS = "id, site_id, asked, actor, actor_name, client, status, requested_at, finished_at, size_bytes, sha256, reason"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.audit_packs'))"
_ADD = f"INSERT INTO audit_packs ({_COLUMNS}) VALUES ({', '.join(['%s'] * 12)})"  # noqa: S608  # a constant of this module
_FIND = f"SELECT {_COLUMNS} FROM audit_packs WHERE id = %s"  # noqa: S608  # a constant of this module
_LIST = f"""
    SELECT {_COLUMNS} FROM audit_packs
    WHERE (%(site)s::text IS NULL OR site_id = %(site)s)
      AND (%(start)s::timestamptz IS NULL OR (requested_at, id) < (%(start)s, %(id)s::uuid))
    ORDER BY requested_at DESC, id DESC LIMIT %(limit)s"""  # noqa: S608  # a constant of this module
_PENDING = "SELECT count(*) FROM audit_packs WHERE status = 'pending'"
_NEXT = f"SELECT {_COLUMNS} FROM audit_packs WHERE status = 'pending' ORDER BY requested_at, id LIMIT 1"  # noqa: S608
_FINISH = """
    UPDATE audit_packs SET status = %(status)s, finished_at = %(at)s, size_bytes = %(size)s, sha256 = %(sha256)s,
           reason = %(reason)s
    WHERE id = %(id)s AND status = 'pending'"""
_FIRST_EVENT = "SELECT min(seq) FROM records WHERE id = ANY (%s)"
_UNLIKE_EVENTS = """
    SELECT r.seq FROM records r LEFT JOIN audit_events e ON e.seq = r.seq
    WHERE r.seq = ANY (%s) AND e.after_hash IS DISTINCT FROM r.hash"""
_HOLD = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


async def hold_view(connection: Connection) -> None:
    """Lets everything that the transaction reads be of one moment, and lets it change nothing; the first thing it does."""
    with translated():
        await connection.execute(_HOLD)


async def count_pending(connection: Connection) -> int:
    """Counts packs that wait to be made; nobody else asks for one until the transaction ends."""
    with translated():
        await connection.execute(_LOCK)
        (found,) = await (await connection.execute(_PENDING)).fetchone() or (0,)
    return int(found)


async def add_pack(connection: Connection, row: PackRow) -> None:
    """Adds a pack that is asked for, in the open transaction."""
    with translated():
        await connection.execute(_ADD.encode(), tuple(row._replace(asked=Jsonb(row.asked))))  # type: ignore[arg-type]


async def find_pack(connection: Connection, id_: UUID) -> PackRow | None:
    """Finds a pack."""
    rows = await _read(connection, _FIND, (id_,))
    return rows[0] if rows else None


async def list_packs(
    connection: Connection, site: str | None, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[PackRow]:
    """Gives packs, the newest first."""
    start, id_ = after or (None, None)
    return await _read(connection, _LIST, {"site": site, "limit": limit, "start": start, "id": id_})


async def next_pack(connection: Connection) -> PackRow | None:
    """Gives the pack that has waited longest."""
    rows = await _read(connection, _NEXT, ())
    return rows[0] if rows else None


async def finish_pack(
    connection: Connection, id_: UUID, at: datetime, *, made: tuple[int, str] | None = None, reason: str | None = None
) -> None:
    """Tells what became of a pack in the open transaction: its size in bytes and SHA-256, or why there is none."""
    size, sha256 = made or (None, None)
    told = {"id": id_, "at": at, "size": size, "sha256": sha256, "reason": reason, "status": "done" if made else "failed"}
    with translated():
        await connection.execute(_FINISH, told)


async def first_event_of(connection: Connection, ids: Sequence[UUID]) -> int | None:
    """Gives the first event of the audit trail that tells of any of these records."""
    with translated():
        found = await (await connection.execute(_FIRST_EVENT, (list(ids),))).fetchone()
    return found[0] if found else None


async def find_unlike_events(connection: Connection, seqs: Sequence[int]) -> set[int]:
    """Gives which of these events tell of another hash than the revision has that they tell of."""
    with translated():
        return {seq for (seq,) in await (await connection.execute(_UNLIKE_EVENTS, (list(seqs),))).fetchall()}


async def _read(connection: Connection, query: str, told: Mapping[str, Any] | Sequence[Any]) -> list[PackRow]:
    with translated():
        async with connection.cursor(row_factory=args_row(PackRow)) as cursor:
            await cursor.execute(query.encode(), told)
            return await cursor.fetchall()
