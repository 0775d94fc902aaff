"""What one input of a record was, and whether it still says the same: intervals, raw readings, meanings, facts (R1)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from ems_telemetry.evidence.canonical import digest, time_words
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Flag
from ems_telemetry.records.facts.entries import status_of
from ems_telemetry.records.inputs.children import read_children
from ems_telemetry.records.inputs.interval_digest import interval_digest
from ems_telemetry.records.inputs.sources import hash_of_days, revision_ref
from ems_telemetry.records.inputs.standings import METER_REVISION, revision_hash
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.storage.audit import AuditRow, events_of
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, read_entries
from ems_telemetry.storage.lineage import KeptDigest, read_digests, read_ends
from ems_telemetry.storage.point_facts import PointFacts, read_meter_revisions, read_point_revisions
from ems_telemetry.storage.raw_digests import compute_digest
from ems_telemetry.storage.reading import ReadingRow

Json = dict[str, Any]
Ref = Mapping[str, Any]
MOST_EVENTS: Final = 1_000
_INSTANT: Final = timedelta(microseconds=1)


async def intervals_of(connection: Connection, ref: Ref, point: PointFacts) -> Json:
    """Tells which intervals an input was, with their hash then and now."""
    since, until = _span(ref)
    now = interval_digest(await read_children(connection, point, Period(ref["period"]), since, until))
    return {
        "point": point.key, "period": ref["period"], "since": ref["since"], "until": ref["until"], "rows": ref["rows"],
        "hash": ref["hash"], "hash_now": now, "same": now == ref["hash"],
    }  # fmt: skip


async def readings_of(
    connection: Connection, ref: Ref, point: PointFacts, computed_at: datetime, rows: int, *, verify: bool
) -> Json:
    """Tells which readings an input was, day by day with number and digest then and now, with the first rows and the last.

    Args:
        connection: in a transaction.
        ref: the input.
        point: whose readings.
        computed_at: when the record was made of them.
        rows: how many rows at most.
        verify: compute the digests of now from what stands in the table; otherwise those that were computed last are told.
    """
    since, until = _span(ref)
    known = await read_digests(connection, point.id, since, until)
    then = as_they_were(known, computed_at, ref["hash"])
    newest = {digest_.start: digest_ for digest_ in known}
    days = [await _day(connection, point, each, newest[each.start], verify=verify) for each in then]
    first, last = await read_ends(connection, point.id, since, until, max(rows, 1))
    return {
        "point": point.key, "since": ref["since"], "until": ref["until"], "readings": ref["readings"], "hash": ref["hash"],
        "digests_hold": _hash(then) == ref["hash"], "verified": verify, "same": all(day["same"] for day in days), "days": days,
        "first": row_item(first[0]) if first else None, "last": None if last is None else row_item(last),
        "rows": [row_item(row) for row in first[:rows]],
    }  # fmt: skip


def as_they_were(known: Sequence[KeptDigest], computed_at: datetime, hash_: str) -> list[KeptDigest]:
    """Finds the digests that a record was made of: those of its time, or of the last time before with its hash."""
    times = sorted({each.computed_at for each in known if each.computed_at <= computed_at}, reverse=True)
    for moment in times:
        held = _known_at(known, moment)
        if _hash(held) == hash_:
            return held
    return _known_at(known, computed_at)


def row_item(row: ReadingRow) -> Json:
    """Writes a raw reading; flags by their names."""
    return {**row._asdict(), "flags": [flag.name.lower() for flag in Flag(row.flags) if flag.name]}


async def meaning_of(connection: Connection, ref: Ref, point: PointFacts) -> Json:
    """Tells what a point meant from a time on."""
    since = datetime.fromisoformat(ref["since"])
    rows = await read_point_revisions(connection, point.id, since, since + _INSTANT)
    told = next((row for row in rows if row.valid_from == since), None)
    return {
        "point": point.key, "since": ref["since"], "configuration": ref["configuration"], "hash": ref["hash"],
        "same": told is not None and revision_ref(point, told)["hash"] == ref["hash"],
        "meaning": None if told is None else told._asdict(),
    }  # fmt: skip


async def standings_of(connection: Connection, refs: Iterable[Ref]) -> list[Json]:
    """Tells what the configuration said of meters by which points were chosen: area, medium, cost centre."""
    wanted = [ref for ref in refs if ref["kind"] == METER_REVISION]
    said = {(row.meter, row.valid_from): row for row in await read_meter_revisions(connection)} if wanted else {}
    told = []
    for ref in wanted:
        # One of before configurations were written down has no time, and nothing now to compare it with.
        row = None if ref["since"] is None else said.get((ref["id"], datetime.fromisoformat(ref["since"])))
        told.append(
            {
                "meter": ref["id"], "since": ref["since"], "configuration": ref["configuration"], "hash": ref["hash"],
                "same": row is not None and revision_hash(row) == ref["hash"],
                "standing": None if row is None else row._asdict(),
            }
        )  # fmt: skip
    return told


async def fact_of(connection: Connection, ref: Ref) -> Json:
    """Tells what an entry of a register says, and who did what to it."""
    known = await read_entries(connection, EntryFilter(ref["kind"], id=ref["id"]))
    row = next((row for row in known if row.revision == ref["revision"]), None)
    told: Json = {"kind": ref["kind"], "id": ref["id"], "revision": ref["revision"], "hash": ref["hash"], "same": False}
    if row is None:
        return {**told, "newest": None, "status": None, "valid_from": None, "valid_to": None, "body": None, "events": []}
    register = REGISTERS.get(row.kind)
    return {
        **told,
        "same": row.hash == ref["hash"] == digest(row.content()).hex(),
        "newest": known[-1].revision,
        "status": status_of(row, needs_approval=register is not None and register.needs_approval),
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "body": row.body,
        "events": [event_item(each) for each in await events_of(connection, row.kind, row.id, MOST_EVENTS)],
    }


def event_item(row: AuditRow) -> Json:
    """Tells who did what, when and why."""
    return {
        "seq": row.seq, "at": row.occurred_at, "actor": row.actor, "actor_name": row.actor_name, "action": row.action,
        "revision": row.object_revision, "reason": row.reason,
    }  # fmt: skip


async def _day(connection: Connection, point: PointFacts, then: KeptDigest, newest: KeptDigest, *, verify: bool) -> Json:
    readings, now = newest.readings, newest.digest
    if verify:
        readings, now = await compute_digest(connection, point.id, then.start, then.end)
    return {
        "start": time_words(then.start), "end": time_words(then.end), "readings": then.readings, "digest": then.digest,
        "readings_now": readings, "digest_now": now, "same": now == then.digest,
    }  # fmt: skip


def _known_at(known: Iterable[KeptDigest], moment: datetime) -> list[KeptDigest]:
    held = [each for each in known if each.computed_at <= moment]
    return [list(same)[-1] for _, same in groupby(held, key=lambda each: each.start)]


def _hash(days: Iterable[KeptDigest]) -> str:
    return hash_of_days((day.start, day.readings, day.digest) for day in days)


def _span(ref: Ref) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(ref["since"]), datetime.fromisoformat(ref["until"])
