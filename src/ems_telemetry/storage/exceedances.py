"""Exceedances out of the evaluations that are kept, with what people said of each."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated


class ExceedanceRow(NamedTuple):
    """An exceedance as the latest evaluation has it that tells of it; `event` is what stands there.

    `status` is `withdrawn` where no newest revision of an evaluation tells of it any more.
    """

    id: UUID
    start: datetime
    end: datetime
    status: str
    site: str
    limit_id: str
    parameter: str
    obligations: list[str]
    unit: str
    event: Mapping[str, Any]
    record_id: UUID
    record_revision: int
    note: Mapping[str, Any] | None
    note_author: str | None
    link: Mapping[str, Any] | None


class ExceedanceFilter(NamedTuple):
    """Which exceedances are asked for: those that reach into the span."""

    sites: Sites = None
    site: str | None = None
    id: UUID | None = None
    limit_id: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Told(NamedTuple):
    """Whether any newest evaluation told of an exceedance before, and tells of it now; `before` None: none ever had."""

    id: UUID
    before: bool | None
    now: bool


_KNOWN = """
    SELECT id, bool_or(stands) FROM exceedances_told
    WHERE id = ANY (%(ids)s) OR id IN (SELECT id FROM exceedances_told WHERE record_id = %(record)s)
    GROUP BY id"""
_TELL = """
    INSERT INTO exceedances_told (id, record_id, stands) SELECT unnest(%(ids)s::uuid[]), %(record)s, true
    ON CONFLICT (id, record_id) DO UPDATE SET stands = true"""
_TELL_NO_MORE = "UPDATE exceedances_told SET stands = false WHERE record_id = %(record)s AND id <> ALL (%(ids)s) AND stands"
# What the newest revision of an entry says, unless that was declared void; entries of other sites say nothing of an exceedance.
_SAID = """
    LEFT JOIN LATERAL (
        SELECT e.body, e.author_name FROM (
            SELECT * FROM register_entries WHERE kind = '{kind}' AND id = told.id::text AND site_id = told.site
            ORDER BY revision DESC LIMIT 1) e
        WHERE NOT EXISTS (
            SELECT FROM register_decisions d
            WHERE (d.kind, d.id, d.revision, d.decision) = (e.kind, e.id, e.revision, 'voided'))) {kind} ON true"""
# The limit in the revision of the part in which the event begins; an evaluation of pH is in minutes, and its limit is not.
_EXCEEDED = """
    LEFT JOIN LATERAL (
        SELECT l.body ->> 'unit' AS unit FROM jsonb_array_elements(told.details -> 'parts') part
        JOIN register_entries l ON l.kind = 'limit' AND l.id = told.details ->> 'limit_id'
             AND l.revision = (part ->> 'limit_revision')::int
        WHERE (part ->> 'from')::timestamptz <= told.start
        ORDER BY (part ->> 'from')::timestamptz DESC LIMIT 1) exceeded ON true"""
_LIST = f"""
    WITH evaluations AS (
        SELECT r.id AS record_id, r.revision, r.seq, r.site_id AS site, r.envelope -> 'details' AS details,
               r.envelope ->> 'unit' AS unit,
               r.status <> 'voided' AND r.revision = max(r.revision) OVER (PARTITION BY r.id) AS stands
        FROM records r
        WHERE r.type = 'compliance_evaluation'
          AND (%(sites)s::text[] IS NULL OR r.site_id = ANY (%(sites)s))
          AND (%(site)s::text IS NULL OR r.site_id = %(site)s)
          AND (%(since)s::timestamptz IS NULL OR r.period_end > %(since)s)
          AND (%(until)s::timestamptz IS NULL OR r.period_start < %(until)s)),
    told AS (
        SELECT DISTINCT ON (event ->> 'id')
               (event ->> 'id')::uuid AS id, (event ->> 'start')::timestamptz AS start, (event ->> 'end')::timestamptz AS "end",
               event, v.*
        FROM evaluations v, jsonb_array_elements(v.details -> 'exceedances') event
        WHERE (%(id)s::uuid IS NULL OR event ->> 'id' = %(id)s::text)
          AND (%(limit_id)s::text IS NULL OR v.details ->> 'limit_id' = %(limit_id)s)
        ORDER BY event ->> 'id', v.stands DESC, v.seq DESC),
    said AS (
        SELECT told.id, told.start, told."end",
               CASE WHEN NOT told.stands THEN 'withdrawn' WHEN nonconformity_link.body IS NOT NULL THEN 'linked'
                    WHEN exceedance_note.body IS NOT NULL THEN 'annotated' ELSE 'open' END AS status,
               told.site, told.details ->> 'limit_id' AS limit_id, told.details ->> 'parameter' AS parameter,
               ARRAY(SELECT jsonb_array_elements_text(told.details -> 'obligations')) AS obligations,
               coalesce(exceeded.unit, told.unit) AS unit, told.event,
               told.record_id, told.revision, exceedance_note.body AS note, exceedance_note.author_name AS note_author,
               nonconformity_link.body AS link
        FROM told {_EXCEEDED} {_SAID.format(kind="exceedance_note")} {_SAID.format(kind="nonconformity_link")}
        WHERE (%(since)s::timestamptz IS NULL OR told."end" > %(since)s)
          AND (%(until)s::timestamptz IS NULL OR told.start < %(until)s))
    SELECT * FROM said
    WHERE (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(after)s::timestamptz IS NULL OR (start, id) > (%(after)s, %(after_id)s::uuid))
    ORDER BY start, id LIMIT %(limit)s"""  # noqa: S608  # only constants of this module


async def list_exceedances(
    connection: Connection, asked: ExceedanceFilter, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[ExceedanceRow]:
    """Gives exceedances by their start and id; none is lost when an evaluation is amended.

    Args:
        connection: to the database.
        asked: which.
        limit: how many at most.
        after: the start and id of the last one of the page before.
    """
    start, id_ = after or (None, None)
    told = {**asked._asdict(), "sites": None if asked.sites is None else list(asked.sites)}
    with translated():
        async with connection.cursor(row_factory=args_row(ExceedanceRow)) as cursor:
            await cursor.execute(_LIST.encode(), {**told, "limit": limit, "after": start, "after_id": id_})
            return await cursor.fetchall()


async def note_told(connection: Connection, record: UUID, ids: Collection[UUID]) -> list[Told]:
    """Takes note of which exceedances the newest revision of a record tells of, in the transaction in which it is kept.

    Returns:
        Those of which this changed whether anybody tells of them, by their id.
    """
    told = {"record": record, "ids": list(ids)}
    with translated():
        before = dict(await (await connection.execute(_KNOWN, told)).fetchall())
        await connection.execute(_TELL, told)
        await connection.execute(_TELL_NO_MORE, told)
        now = dict(await (await connection.execute(_KNOWN, told)).fetchall())
    return [Told(id_, before.get(id_), stands) for id_, stands in sorted(now.items()) if before.get(id_) is not stands]
