"""Records as they are kept: appended by revision, never edited, found by what they are about and by what they were made of."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated


class RecordRow(NamedTuple):
    """A revision of a record. Shares are in percent; `envelope` is what was hashed."""

    id: UUID
    revision: int
    seq: int
    type: str
    status: str
    site: str
    scope: str
    plan: str
    period: str
    period_start: datetime
    period_end: datetime
    quantity: str | None
    value: Decimal | None
    unit: str | None
    quality: str
    coverage: Decimal | None
    measured: Decimal | None
    estimated: Decimal | None
    flags: Sequence[str]
    method: str
    retention_class: str
    computed_at: datetime
    snapshot: str
    envelope: Mapping[str, Any]
    hash: str


class Source(NamedTuple):
    """What a record was made of: a point, a register entry, a kind of entries, or another record, and of which time."""

    kind: str
    source: str
    since: datetime
    until: datetime


class Mark(NamedTuple):
    """A record that is to be looked at again; `marks` are those to settle then, `plan` is the item it was made for."""

    id: UUID
    plan: str
    reason: str
    marks: Sequence[int]


Place: TypeAlias = tuple[datetime, UUID]
"""Where a page of records ends: the beginning of the period of its last one, and its id."""


class RecordFilter(NamedTuple):
    """Which records are asked for. `as_of` None: as known now; `changed_since`: a `seq`; `details`: a part of theirs."""

    sites: Sites = None
    site: str | None = None
    type: str | None = None
    scope: str | None = None
    plan: str | None = None
    status: str | None = None
    quality: str | None = None
    clause: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    changed_since: int | None = None
    details: Mapping[str, Any] | None = None


GAPS = "gaps"
"""The kind of source that stands for what the ledger of gaps says of a point, or of a whole connector (`connector/NAME`)."""
CONFIGURED = "configured"
"""The kind of source that stands for what is configured of a site: which meters it has, and where they stand."""
RECORD_COLUMNS = (
    "id, revision, seq, type, status, site_id, scope, plan, period, period_start, period_end, quantity, value, unit, quality, "
    "coverage, measured, estimated, flags, method, retention_class, computed_at, snapshot, envelope, hash"
)
_ADD = f"INSERT INTO records ({RECORD_COLUMNS}) VALUES ({', '.join(['%s'] * 25)})"  # noqa: S608  # a constant of this module
_ADD_SNAPSHOT = "INSERT INTO record_snapshots (hash, content) VALUES (%s, %s) ON CONFLICT (hash) DO NOTHING"
_READ_SNAPSHOT = "SELECT content FROM record_snapshots WHERE hash = %s"
# The readings that any revision was made of must be kept as long as the record (CR-53).
_FORGET_SOURCES = "DELETE FROM record_sources WHERE record_id = %s AND kind <> 'point'"
_ADD_SOURCE = """
    INSERT INTO record_sources (record_id, kind, source, since, until) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
_FIND = f"""
    SELECT {RECORD_COLUMNS} FROM records
    WHERE id = %(id)s AND (%(revision)s::int IS NULL OR revision = %(revision)s)
      AND (%(as_of)s::timestamptz IS NULL OR computed_at <= %(as_of)s)
      AND (%(sites)s::text[] IS NULL OR site_id = ANY (%(sites)s))
    ORDER BY revision DESC LIMIT 1"""  # noqa: S608  # a constant of this module
_REVISIONS = f"SELECT {RECORD_COLUMNS} FROM records WHERE id = %s ORDER BY revision"  # noqa: S608  # a constant of this module
_WANTED = """
      (%(sites)s::text[] IS NULL OR r.site_id = ANY (%(sites)s))
      AND (%(site)s::text IS NULL OR r.site_id = %(site)s)
      AND (%(type)s::text IS NULL OR r.type = %(type)s)
      AND (%(scope)s::text IS NULL OR r.scope = %(scope)s)
      AND (%(plan)s::text IS NULL OR r.plan = %(plan)s)
      AND (%(status)s::text IS NULL OR r.status = %(status)s)
      AND (%(quality)s::text IS NULL OR r.quality = %(quality)s)
      AND (%(clause)s::text IS NULL
           OR r.envelope -> 'clause' @> jsonb_build_array(jsonb_build_object('clause', %(clause)s::text)))
      AND (%(details)s::jsonb IS NULL OR r.envelope -> 'details' @> %(details)s)
      AND (%(since)s::timestamptz IS NULL OR r.period_end > %(since)s)
      AND (%(until)s::timestamptz IS NULL OR r.period_start < %(until)s)"""
# The newest revision known then; the anti-join goes by the primary key.
_LIST = f"""
    SELECT {", ".join(f"r.{name}" for name in RECORD_COLUMNS.split(", "))} FROM records r
    WHERE {_WANTED}
      AND (%(as_of)s::timestamptz IS NULL OR r.computed_at <= %(as_of)s)
      AND NOT EXISTS (SELECT FROM records n WHERE n.id = r.id AND n.revision > r.revision
                      AND (%(as_of)s::timestamptz IS NULL OR n.computed_at <= %(as_of)s))
      AND (%(start)s::timestamptz IS NULL OR (r.period_start, r.id) > (%(start)s, %(id)s::uuid))
    ORDER BY r.period_start, r.id LIMIT %(limit)s"""  # noqa: S608  # a constant of this module
_CHANGES = f"""
    SELECT {", ".join(f"r.{name}" for name in RECORD_COLUMNS.split(", "))} FROM records r
    WHERE {_WANTED} AND r.seq > %(changed_since)s
    ORDER BY r.seq LIMIT %(limit)s"""  # noqa: S608  # a constant of this module
_LAST = "SELECT plan, max(period_end) FROM records GROUP BY plan"
_MARK_CHANGED = """
    INSERT INTO record_marks (record_id, reason)
    SELECT DISTINCT s.record_id, %s
    FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS changed (source, since, until)
    JOIN record_sources s ON s.kind = %s AND s.source = changed.source
         AND s.until > changed.since AND s.since < changed.until"""
_MARK = "INSERT INTO record_marks (record_id, reason) VALUES (%s, %s)"
_MARK_BY_SOURCE = """
    INSERT INTO record_marks (record_id, reason)
    SELECT DISTINCT s.record_id, %(reason)s FROM record_sources s
    WHERE s.kind = %(kind)s AND s.source = ANY (%(sources)s)
      AND (%(until)s::timestamptz IS NULL OR s.since < %(until)s) AND (%(since)s::timestamptz IS NULL OR s.until > %(since)s)"""
_MARKS = """
    SELECT m.record_id, coalesce((SELECT plan FROM records r WHERE r.id = m.record_id LIMIT 1), ''), m.reason, m.marks
    FROM (SELECT record_id, min(reason) AS reason, array_agg(id) AS marks, min(id) AS first FROM record_marks
          GROUP BY record_id ORDER BY min(id) LIMIT %s) m
    ORDER BY m.first"""
_SETTLE = "DELETE FROM record_marks WHERE id = ANY (%s)"
_DEPENDENTS = f"""
    SELECT {", ".join(f"r.{name}" for name in RECORD_COLUMNS.split(", "))} FROM records r
    WHERE r.id IN (SELECT s.record_id FROM record_sources s
                   WHERE s.kind = %(kind)s AND s.source = %(source)s
                     AND (%(until)s::timestamptz IS NULL OR s.since < %(until)s)
                     AND (%(since)s::timestamptz IS NULL OR s.until > %(since)s))
      AND (%(sites)s::text[] IS NULL OR r.site_id = ANY (%(sites)s))
      AND NOT EXISTS (SELECT FROM records n WHERE n.id = r.id AND n.revision > r.revision)
      AND (%(start)s::timestamptz IS NULL OR (r.period_start, r.id) > (%(start)s, %(id)s::uuid))
    ORDER BY r.period_start, r.id LIMIT %(limit)s"""  # noqa: S608  # a constant of this module
_MADE_OF = f"""
    SELECT {", ".join(f"r.{name}" for name in RECORD_COLUMNS.split(", "))} FROM records r
    WHERE r.envelope -> 'inputs' @> %(ref)s
      AND (%(until)s::timestamptz IS NULL OR r.period_start < %(until)s)
      AND (%(since)s::timestamptz IS NULL OR r.period_end > %(since)s)
      AND (%(sites)s::text[] IS NULL OR r.site_id = ANY (%(sites)s))
      AND NOT EXISTS (SELECT FROM records n WHERE n.id = r.id AND n.revision > r.revision)
      AND (%(start)s::timestamptz IS NULL OR (r.period_start, r.id) > (%(start)s, %(id)s::uuid))
    ORDER BY r.period_start, r.id LIMIT %(limit)s"""  # noqa: S608  # a constant of this module


async def add_record(connection: Connection, row: RecordRow, sources: Sequence[Source], snapshot: bytes) -> None:
    """Adds a revision in the open transaction.

    Args:
        connection: whose transaction it becomes part of.
        row: the revision; `snapshot` is the hash of the inputs.
        sources: what it was made of, in the place of what the revision before was made of; its points stay noted.
        snapshot: the inputs as canonical JSON.
    """
    with translated():
        await connection.execute(_ADD_SNAPSHOT, (row.snapshot, zlib.compress(snapshot)))
        told = row._asdict() | {"envelope": Jsonb(row.envelope), "flags": list(row.flags)}
        await connection.execute(_ADD.encode(), list(told.values()))
        await connection.execute(_FORGET_SOURCES, (row.id,))
        await connection.cursor().executemany(_ADD_SOURCE, [(row.id, *source) for source in sources])


async def read_snapshot(connection: Connection, hash_: str) -> bytes | None:
    """Gives inputs as canonical JSON; None where they were purged."""
    with translated():
        found = await (await connection.execute(_READ_SNAPSHOT, (hash_,))).fetchone()
    return None if found is None else zlib.decompress(bytes(found[0]))


async def find_record(
    connection: Connection, id_: UUID, *, revision: int | None = None, as_of: datetime | None = None, sites: Sites = None
) -> RecordRow | None:
    """Finds a revision of a record: the one named, else the newest that was known then."""
    told = {"id": id_, "revision": revision, "as_of": as_of, "sites": None if sites is None else list(sites)}
    rows = await _rows(connection, _FIND, told)
    return rows[0] if rows else None


async def list_revisions(connection: Connection, id_: UUID) -> list[RecordRow]:
    """Gives all revisions of a record, the first one first."""
    with translated():
        async with connection.cursor(row_factory=args_row(RecordRow)) as cursor:
            await cursor.execute(_REVISIONS.encode(), (id_,))
            return await cursor.fetchall()


async def list_records(connection: Connection, asked: RecordFilter, limit: int, after: Place | None = None) -> list[RecordRow]:
    """Gives the newest revisions that were known then, by period and id; with `changed_since` every revision after it."""
    start, id_ = after or (None, None)
    details = None if asked.details is None else Jsonb(asked.details)
    told = {**asked._asdict(), "sites": None if asked.sites is None else list(asked.sites), "details": details}
    query = _LIST if asked.changed_since is None else _CHANGES
    return await _rows(connection, query, {**told, "limit": limit, "start": start, "id": id_})


async def list_dependents(
    connection: Connection, source: Source, limit: int, *, sites: Sites = None, whole: bool = False, after: Place | None = None
) -> list[RecordRow]:
    """Gives the newest revisions of the records that were made of something within a span; of all time where `whole`."""
    start, id_ = after or (None, None)
    told = {
        "start": start,
        "id": id_,
        "kind": source.kind,
        "source": source.source,
        "since": None if whole else source.since,
        "until": None if whole else source.until,
        "sites": None if sites is None else list(sites),
        "limit": limit,
    }
    return await _rows(connection, _DEPENDENTS, told)


async def list_made_of(
    connection: Connection,
    ref: Mapping[str, str],
    span: tuple[datetime | None, datetime | None],
    limit: int,
    *,
    sites: Sites = None,
    after: Place | None = None,
) -> list[RecordRow]:
    """Gives the newest revisions that have something, by `kind` and `id`, among their inputs, of periods within a span."""
    told = {
        "ref": Jsonb([dict(ref)]), "since": span[0], "until": span[1], "limit": limit,
        "sites": None if sites is None else list(sites), "start": after and after[0], "id": after and after[1],
    }  # fmt: skip
    return await _rows(connection, _MADE_OF, told)


async def last_periods(connection: Connection) -> dict[str, datetime]:
    """Tells of each plan item up to when it has records."""
    with translated():
        return dict(await (await connection.execute(_LAST)).fetchall())


async def mark_changed(
    connection: Connection, changed: Sequence[tuple[str, datetime, datetime]], kind: str = "point", reason: str = "late_data"
) -> None:
    """Marks the records that were made of points whose intervals changed, in the transaction of the change.

    Args:
        connection: in that transaction.
        changed: point keys, and the span `[since, until)` of what changed.
        kind: what they are sources as; points, if not said.
        reason: why the records are looked at again.
    """
    if changed:
        columns = [list(column) for column in zip(*changed, strict=True)]
        with translated():
            await connection.execute(_MARK_CHANGED, [reason, *columns, kind])


async def mark_record(connection: Connection, id_: UUID, reason: str) -> None:
    """Lets one record be looked at again."""
    with translated():
        await connection.execute(_MARK, (id_, reason))


async def mark_dependents(
    connection: Connection, kind: str, sources: Sequence[str], reason: str,
    since: datetime | None = None, until: datetime | None = None,
) -> None:  # fmt: skip
    """Marks the records that were made of something within a span, to be looked at again; in the open transaction."""
    if sources:
        told = {"kind": kind, "sources": list(sources), "reason": reason, "since": since, "until": until}
        with translated():
            await connection.execute(_MARK_BY_SOURCE, told)


async def take_record_marks(connection: Connection, limit: int) -> list[Mark]:
    """Gives records that wait to be looked at again, those that were marked first."""
    with translated():
        return [Mark(*row) for row in await (await connection.execute(_MARKS, (limit,))).fetchall()]


async def settle_record_marks(connection: Connection, ids: Sequence[int]) -> None:
    """Takes marks away that were followed."""
    with translated():
        await connection.execute(_SETTLE, (list(ids),))


async def _rows(connection: Connection, query: str, told: Mapping[str, Any]) -> list[RecordRow]:
    with translated():
        async with connection.cursor(row_factory=args_row(RecordRow)) as cursor:
            await cursor.execute(query.encode(), told)
            return await cursor.fetchall()
