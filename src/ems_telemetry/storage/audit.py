"""The audit trail: one chain of events, appended in the transaction of what they tell of, and read back to be verified.

Appending takes a lock that lasts until the transaction ends: sequence and hashes have no hole and no fork.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from ems_telemetry.evidence.canonical import plain_object
from ems_telemetry.evidence.chain import START, extend
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.translation import translated

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: `id` as `key:…`, `oidc:…`, `command:…` or `service:…`, a name for people, and from which address."""

    id: str
    name: str
    client: str | None = None


SERVICE: Final = Actor("service:ems-telemetry", "ems-telemetry")
"""What the service does by itself."""


class Act(NamedTuple):
    """What is done to which piece of evidence, and its hash before and after."""

    action: str
    object_type: str
    object_id: str
    object_revision: int | None = None
    site: str | None = None
    reason: str | None = None
    before_hash: str | None = None
    after_hash: str | None = None
    detail: Json | None = None


class AuditRow(NamedTuple):
    """An event as it is kept."""

    seq: int
    id: UUID
    occurred_at: datetime
    actor: str
    actor_name: str
    client: str | None
    action: str
    object_type: str
    object_id: str
    object_revision: int | None
    site: str | None
    reason: str | None
    before_hash: str | None
    after_hash: str | None
    detail: Json | None
    previous_hash: str
    hash: str

    def content(self) -> Json:
        """What its hash is taken of: everything but the hashes of the chain itself."""
        return {name: value for name, value in self._asdict().items() if name not in {"previous_hash", "hash"}}


class Head(NamedTuple):
    """Where the chain ends: the last sequence number and hash; 0 and 32 zero bytes where it has not begun."""

    seq: int
    hash: str


class AuditFilter(NamedTuple):
    """Which events are asked for. `sites` None: of all of them, and what belongs to none."""

    actor: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    sites: tuple[str, ...] | None = None


_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.audit'))"
_HEAD = "SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1"
_COLUMNS = (
    "seq, id, occurred_at, actor, actor_name, client, action, object_type, object_id, object_revision, site_id, reason, "
    "before_hash, after_hash, detail, previous_hash, hash"
)
_ADD = f"""
    INSERT INTO audit_events ({_COLUMNS})
    VALUES ({", ".join(["%s"] * 17)})"""  # noqa: S608  # a constant of this module
_READ = f"""
    SELECT {_COLUMNS} FROM audit_events
    WHERE seq > %(after)s
      AND (%(actor)s::text IS NULL OR actor = %(actor)s)
      AND (%(object_type)s::text IS NULL OR object_type = %(object_type)s)
      AND (%(object_id)s::text IS NULL OR object_id = %(object_id)s)
      AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
      AND (%(sites)s::text[] IS NULL OR site_id = ANY (%(sites)s))
    ORDER BY seq LIMIT %(limit)s"""  # noqa: S608  # a constant of this module


async def append_act(connection: Connection, actor: Actor, act: Act, at: datetime) -> AuditRow:
    """Appends one event in the open transaction; see `append_acts`."""
    (row,) = await append_acts(connection, actor, [act], at)
    return row


async def append_acts(connection: Connection, actor: Actor, acts: Sequence[Act], at: datetime) -> list[AuditRow]:
    """Appends events in the open transaction, which others who append wait for.

    Args:
        connection: in the transaction of what the events tell of.
        actor: who did it.
        acts: what, in order.
        at: when.

    Returns:
        The events as they are kept.

    Raises:
        TransientError: it may work later.
    """
    with translated():
        await connection.execute(_LOCK)
        head = await read_head(connection)
        rows: list[AuditRow] = []
        for act in acts:
            row = _chained(head, actor, act, at)
            head = Head(row.seq, row.hash)
            rows.append(row)
        cursor = connection.cursor()
        await cursor.executemany(_ADD, [_parameters(row) for row in rows])
    return rows


async def append_now(connection: Connection, actor: Actor, act: Act) -> AuditRow:
    """Appends one event in the open transaction, at the time of the transaction; see `append_acts`."""
    with translated():
        (now,) = await (await connection.execute("SELECT now()")).fetchone() or (None,)
    if now is None:
        raise AssertionError("the database tells no time")
    return await append_act(connection, actor, act, now)


async def lock_trail(connection: Connection) -> None:
    """Lets nobody else append until the transaction ends: the head that is read after it stays the head."""
    with translated():
        await connection.execute(_LOCK)


async def read_head(connection: Connection) -> Head:
    """Tells where the chain ends."""
    found = await (await connection.execute(_HEAD)).fetchone()
    return Head(*found) if found else Head(0, START.hex())


async def list_events(database: Database, asked: AuditFilter, after: int, limit: int) -> list[AuditRow]:
    """Gives events that follow a sequence number, in order."""
    async with database.connection() as connection:
        return await _read(connection, asked, after, limit)


async def events_of(connection: Connection, object_type: str, object_id: str, limit: int) -> list[AuditRow]:
    """Gives what was done to one piece of evidence, in order."""
    with translated():
        return await _read(connection, AuditFilter(object_type=object_type, object_id=object_id), 0, limit)


async def read_event(connection: Connection, seq: int) -> AuditRow | None:
    """Gives one event by its sequence number."""
    rows = await _read(connection, AuditFilter(), seq - 1, 1)
    return rows[0] if rows and rows[0].seq == seq else None


async def follow_events(connection: Connection, *, after: int = 0, page: int = 5_000) -> AsyncIterator[AuditRow]:
    """Gives all events beyond a sequence number in order, page by page."""
    while rows := await _read(connection, AuditFilter(), after, page):
        for row in rows:
            yield row
        after = rows[-1].seq


async def _read(connection: Connection, asked: AuditFilter, after: int, limit: int) -> list[AuditRow]:
    sites = None if asked.sites is None else list(asked.sites)
    parameters = {**asked._asdict(), "sites": sites, "after": after, "limit": limit}
    async with connection.cursor(row_factory=args_row(AuditRow)) as cursor:
        await cursor.execute(_READ.encode(), parameters)
        return await cursor.fetchall()


def _chained(head: Head, actor: Actor, act: Act, at: datetime) -> AuditRow:
    detail = None if act.detail is None else plain_object(act.detail)
    row = AuditRow(head.seq + 1, uuid4(), at, actor.id, actor.name, actor.client, *act[:8], detail, head.hash, "")
    return row._replace(hash=extend(bytes.fromhex(head.hash), row.content()).hex())


def _parameters(row: AuditRow) -> tuple[object, ...]:
    detail = None if row.detail is None else Jsonb(row.detail)
    return (*row[:14], detail, row.previous_hash, row.hash)
