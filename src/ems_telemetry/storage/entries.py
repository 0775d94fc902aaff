"""The registers: facts that people state, each with all its revisions and what was decided about them.

Nothing is changed: a revision is added, and a decision about it. Both go into the audit trail in the same transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from ems_telemetry.evidence.canonical import digest, plain_object
from ems_telemetry.storage.audit import Act, Actor, append_act
from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated


class NewEntry(NamedTuple):
    """What is stated. Times are aware; `site` None where it belongs to all sites."""

    kind: str
    id: str
    site: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    body: Mapping[str, Any]
    reason: str


class EntryRow(NamedTuple):
    """A revision as it is kept, with the decisions that were known at the time asked for, in their order."""

    kind: str
    id: str
    revision: int
    seq: int
    site: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    body: Mapping[str, Any]
    author: str
    author_name: str
    reason: str
    recorded_at: datetime
    hash: str
    decisions: Sequence[str] = ()
    decided_by: Sequence[str] = ()

    def content(self) -> dict[str, Any]:
        """What its hash is taken of."""
        left_out = {"seq", "hash", "decisions", "decided_by"}
        return {name: value for name, value in self._asdict().items() if name not in left_out}


class EntryFilter(NamedTuple):
    """Which entries are asked for: known then, of these sites or of none, that hold or happened within the span.

    `about`: all revisions of those of which any revision says one of these, as `{"instrument": "A123"}`.
    `whole`: all revisions of each entry of which one does; else those revisions alone. `instants`: what has no end happened at
    once, and does not last.
    """

    kind: str
    as_of: datetime | None = None
    sites: Sites = None
    site: str | None = None
    id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    about: Sequence[Mapping[str, Any]] | None = None
    whole: bool = False
    instants: bool = False


class EntryTakenError(Exception):
    """The revision that was to follow is not the newest one any more; `newest` is."""

    def __init__(self, newest: int) -> None:
        super().__init__(f"the newest revision is {newest}")
        self.newest = newest


_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.register'), hashtext(%s))"
_NEWEST = "SELECT revision, hash FROM register_entries WHERE kind = %s AND id = %s ORDER BY revision DESC LIMIT 1"
ENTRY_COLUMNS = "kind, id, revision, seq, site_id, valid_from, valid_to, body, author, author_name, reason, recorded_at, hash"
_ADD = f"INSERT INTO register_entries ({ENTRY_COLUMNS}) VALUES ({', '.join(['%s'] * 13)})"  # noqa: S608  # a constant of this module
_WITHIN = (
    "(%(until)s::timestamptz IS NULL OR {0}.valid_from IS NULL OR {0}.valid_from < %(until)s) "
    "AND (%(since)s::timestamptz IS NULL OR coalesce({0}.valid_to, CASE WHEN %(instants)s THEN {0}.valid_from "
    "+ interval '1 microsecond' END, 'infinity') > %(since)s)"
)
_READ = f"""
    SELECT {", ".join(f"e.{name}" for name in ENTRY_COLUMNS.split(", "))},
           coalesce(d.decisions, '{{}}'), coalesce(d.actors, '{{}}')
    FROM register_entries e
    LEFT JOIN LATERAL (
        SELECT array_agg(decision ORDER BY seq) AS decisions, array_agg(actor ORDER BY seq) AS actors
        FROM register_decisions d
        WHERE (d.kind, d.id, d.revision) = (e.kind, e.id, e.revision)
          AND (%(as_of)s::timestamptz IS NULL OR d.decided_at <= %(as_of)s)) d ON true
    WHERE e.kind = %(kind)s
      AND (%(as_of)s::timestamptz IS NULL OR e.recorded_at <= %(as_of)s)
      AND (%(id)s::text IS NULL OR e.id = %(id)s)
      AND (%(about)s::jsonb[] IS NULL OR e.id IN (
          SELECT a.id FROM unnest(%(about)s::jsonb[]) asked (body)
          JOIN register_entries a ON a.kind = %(kind)s AND a.body @> asked.body))
      AND (%(site)s::text IS NULL OR e.site_id IS NULL OR e.site_id = %(site)s)
      AND (%(sites)s::text[] IS NULL OR e.site_id IS NULL OR e.site_id = ANY (%(sites)s))
      AND ({_WITHIN.format("e")}
           OR %(whole)s AND EXISTS (SELECT FROM register_entries w
                                    WHERE (w.kind, w.id) = (e.kind, e.id) AND {_WITHIN.format("w")}))
    ORDER BY e.id, e.revision"""  # noqa: S608  # a constant of this module
_DECIDE = """
    INSERT INTO register_decisions (kind, id, revision, decision, seq, actor, actor_name, reason, decided_at, hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""


_USED = f"""
    SELECT {", ".join(f"e.{name}" for name in ENTRY_COLUMNS.split(", "))}
    FROM register_entries e JOIN unnest(%s::text[], %s::text[], %s::int[]) AS used (kind, id, revision)
         ON (e.kind, e.id, e.revision) = (used.kind, used.id, used.revision)
    ORDER BY e.seq"""  # noqa: S608  # a constant of this module
_DECISIONS = """
    SELECT d.seq, d.kind, d.id, d.revision, d.decision, d.actor, d.actor_name, d.reason, d.decided_at, d.hash
    FROM register_decisions d JOIN unnest(%s::text[], %s::text[], %s::int[]) AS used (kind, id, revision)
         ON (d.kind, d.id, d.revision) = (used.kind, used.id, used.revision)
    WHERE d.decided_at <= %s ORDER BY d.seq"""


class DecisionRow(NamedTuple):
    """What somebody decided about a revision."""

    seq: int
    kind: str
    id: str
    revision: int
    decision: str
    actor: str
    actor_name: str
    reason: str
    decided_at: datetime
    hash: str


EntryKey = tuple[str, str, int]
"""Kind, id and revision."""


async def append_entry(
    connection: Connection, actor: Actor, new: NewEntry, at: datetime, follows: int | None = None
) -> EntryRow:
    """Adds a revision in the open transaction, and tells the audit trail.

    Args:
        connection: whose transaction it becomes part of.
        actor: who states it.
        new: what.
        at: when.
        follows: the revision it must follow, 0 where it must be the first; None where it does not matter.

    Raises:
        EntryTakenError: another revision was added meanwhile.
    """
    with translated():
        await connection.execute(_LOCK, (f"{new.kind}/{new.id}",))
        newest = await (await connection.execute(_NEWEST, (new.kind, new.id))).fetchone()
        revision, before = newest or (0, None)
        if follows is not None and follows != revision:
            raise EntryTakenError(revision)
        body = plain_object(new.body)
        row = EntryRow(
            new.kind, new.id, revision + 1, 0, new.site, new.valid_from, new.valid_to, body, actor.id, actor.name, new.reason,
            at, "",
        )  # fmt: skip
        row = row._replace(hash=digest(row.content()).hex())
        act = Act(
            f"{new.kind}.{'revised' if revision else 'added'}", new.kind, new.id, row.revision, new.site, new.reason, before,
            row.hash,
        )  # fmt: skip
        row = row._replace(seq=(await append_act(connection, actor, act, at)).seq)
        await connection.execute(_ADD.encode(), (*row[:7], Jsonb(body), *row[8:13]))
    return row


async def append_decision(
    connection: Connection, actor: Actor, entry: EntryRow, decision: str, reason: str, at: datetime
) -> EntryRow:
    """Adds what became of a revision in the open transaction: `approved`, `rejected` or `voided`, and tells the audit trail.

    Returns:
        The revision with its decisions.
    """
    content = {
        "kind": entry.kind, "id": entry.id, "revision": entry.revision, "decision": decision, "actor": actor.id,
        "actor_name": actor.name, "reason": reason, "decided_at": at,
    }  # fmt: skip
    hash_ = digest(content).hex()
    act = Act(
        f"{entry.kind}.{decision}", entry.kind, entry.id, entry.revision, entry.site, reason, entry.hash, hash_,
    )  # fmt: skip
    with translated():
        seq = (await append_act(connection, actor, act, at)).seq
        parameters = (entry.kind, entry.id, entry.revision, decision, seq, actor.id, actor.name, reason, at, hash_)
        await connection.execute(_DECIDE, parameters)
    return entry._replace(decisions=(*entry.decisions, decision), decided_by=(*entry.decided_by, actor.id))


async def lock_entry(connection: Connection, kind: str, id_: str) -> None:
    """Lets nobody else add to an entry or decide about it until the transaction ends."""
    with translated():
        await connection.execute(_LOCK, (f"{kind}/{id_}",))


async def read_used(connection: Connection, keys: Sequence[EntryKey]) -> list[EntryRow]:
    """Gives the revisions named, in the order they were stated, without what was decided about them."""
    with translated():
        async with connection.cursor(row_factory=args_row(EntryRow)) as cursor:
            await cursor.execute(_USED.encode(), [list(column) for column in zip(*keys, strict=True)] or [[], [], []])
            return await cursor.fetchall()


async def read_decisions(connection: Connection, keys: Sequence[EntryKey], as_of: datetime) -> list[DecisionRow]:
    """Gives what was decided by then about the revisions named, in that order."""
    columns = [list(column) for column in zip(*keys, strict=True)] or [[], [], []]
    with translated():
        async with connection.cursor(row_factory=args_row(DecisionRow)) as cursor:
            await cursor.execute(_DECISIONS, [*columns, as_of])
            return await cursor.fetchall()


async def read_entries(connection: Connection, asked: EntryFilter) -> list[EntryRow]:
    """Gives all revisions of the entries asked for, by id and revision, with the decisions known then."""
    sites = None if asked.sites is None else list(asked.sites)
    about = None if asked.about is None else [Jsonb(each) for each in asked.about]
    with translated():
        async with connection.cursor(row_factory=args_row(EntryRow)) as cursor:
            await cursor.execute(_READ.encode(), {**asked._asdict(), "sites": sites, "about": about})
            return await cursor.fetchall()
