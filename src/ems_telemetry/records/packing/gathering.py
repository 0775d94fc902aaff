"""Gathers what a pack holds, all of it as the database stood at one moment: records, what they stand on, and the trail."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from ems_telemetry.errors import PermanentError
from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.evidence.manifest import RECORDS, TRAIL
from ems_telemetry.evidence.sampling import sample
from ems_telemetry.records.method import Method
from ems_telemetry.records.packing.asked import PackAsked
from ems_telemetry.records.packing.contents import Contents
from ems_telemetry.records.packing.folder import PackFolder
from ems_telemetry.records.packing.raw import RawReadings
from ems_telemetry.records.packing.readme import readme
from ems_telemetry.storage.audit import follow_events, read_head
from ems_telemetry.storage.checkpoints import CheckpointFilter, list_checkpoints
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryKey, read_decisions, read_used
from ems_telemetry.storage.packs import find_unlike_events, first_event_of
from ems_telemetry.storage.records import RecordFilter, RecordRow, list_records, list_revisions, read_snapshot

METHODS_FILE: Final = "methods.json"
REGISTERS_FILE: Final = "registers.ndjson"
CHECKPOINTS_FILE: Final = "checkpoints.ndjson"
README_FILE: Final = "README.txt"
PAGE: Final = 1_000
MOST_RECORDS: Final = 200_000
WHOLE_TRAIL: Final = 20_000
"""A trail of so many events is packed whole: an auditor can follow it from its beginning."""
MOST_CHECKPOINTS: Final = 4_000


async def gather(
    connection: Connection, asked: PackAsked, folder: PackFolder, methods: Mapping[str, Method], most_raw_rows: int
) -> Contents:
    """Writes all files of a pack into a folder.

    Args:
        connection: in a transaction that sees one moment.
        asked: what it is to hold.
        folder: empty.
        methods: those there are.
        most_raw_rows: so many raw readings at most.

    Raises:
        PermanentError: there are too many records, or the disk does not take them.
    """
    contents = Contents()
    await _gather_records(connection, asked, folder, contents)
    await _gather_registers(connection, asked, folder, contents)
    await folder.write(METHODS_FILE, [_as_text(_methods(contents, methods))])
    raw = RawReadings(connection, folder, most_raw_rows)
    for row in contents.sampled:
        await _gather_inputs(connection, row, folder, contents)
        await raw.add(row)
    await raw.finish()
    await _gather_checkpoints(connection, asked, folder)
    await _gather_trail(connection, folder, contents)
    await folder.write(README_FILE, [readme(asked, contents, raw).encode()])
    return contents


async def _gather_records(connection: Connection, asked: PackAsked, folder: PackFolder, contents: Contents) -> None:
    await folder.write(RECORDS, [])
    async for page in _pages(connection, asked):
        rows = [row for newest in page for row in await _revisions(connection, asked, newest)]
        for row in rows:
            contents.note(row)
        if contents.records > MOST_RECORDS:
            raise PermanentError(f"these are more than {MOST_RECORDS} records; ask for a shorter time or fewer types")
        contents.note_seq(await first_event_of(connection, [row.id for row in rows]))
        await _check_kept(connection, rows)
        await folder.write(RECORDS, (canonical(row.envelope) + b"\n" for row in rows))
    drawn = sample(asked.seed, contents.ids, asked.sample)
    contents.sampled = [row for id_ in drawn for row in await _drawn(connection, asked, UUID(id_))]


async def _check_kept(connection: Connection, rows: Sequence[RecordRow]) -> None:
    """Refuses to sign what the audit trail tells otherwise; a hash that is not that of its content is refused by the pack."""
    other = await find_unlike_events(connection, [row.seq for row in rows])
    wrong = next((row for row in rows if row.seq in other or row.envelope.get("hash") != row.hash), None)
    if wrong is not None:
        raise PermanentError(
            f"record {wrong.id}, revision {wrong.revision}: is other than the audit trail tells; see GET /audit/verify"
        )


async def _pages(connection: Connection, asked: PackAsked) -> AsyncIterator[list[RecordRow]]:
    """Gives the newest revisions known then, page by page."""
    wanted = RecordFilter(site=asked.site, since=asked.since, until=asked.until, as_of=asked.as_of)
    after = None
    while rows := await list_records(connection, wanted, PAGE, after):
        yield [row for row in rows if not asked.types or row.type in asked.types]
        after = rows[-1].period_start, rows[-1].id


async def _revisions(connection: Connection, asked: PackAsked, newest: RecordRow) -> list[RecordRow]:
    if not asked.all_revisions or newest.revision == 1:
        return [newest]
    return [row for row in await list_revisions(connection, newest.id) if row.computed_at <= asked.as_of]


async def _drawn(connection: Connection, asked: PackAsked, id_: UUID) -> list[RecordRow]:
    known = [row for row in await list_revisions(connection, id_) if row.computed_at <= asked.as_of]
    return known if asked.all_revisions else known[-1:]


async def _gather_registers(connection: Connection, asked: PackAsked, folder: PackFolder, contents: Contents) -> None:
    keys = sorted(contents.entries)
    rows = await read_used(connection, keys)
    decisions: dict[EntryKey, list[dict[str, Any]]] = {}
    for decision in await read_decisions(connection, keys, asked.as_of):
        decisions.setdefault((decision.kind, decision.id, decision.revision), []).append(decision._asdict())
    lines = []
    for row in rows:
        decided = decisions.get((row.kind, row.id, row.revision), [])
        lines.append(canonical({**row.content(), "seq": row.seq, "hash": row.hash, "decisions": decided}))
        contents.note_seq(row.seq)
    await folder.write(REGISTERS_FILE, (line + b"\n" for line in lines))


async def _gather_inputs(connection: Connection, row: RecordRow, folder: PackFolder, contents: Contents) -> None:
    name = f"inputs/{row.id}-r{row.revision}.json"
    snapshot = await read_snapshot(connection, row.snapshot)
    if snapshot is None:
        contents.purged.append(name)
    else:
        await folder.write(name, [snapshot])


async def _gather_checkpoints(connection: Connection, asked: PackAsked, folder: PackFolder) -> None:
    rows = await list_checkpoints(connection, CheckpointFilter(site=asked.site, since=asked.since), MOST_CHECKPOINTS)
    lines = (canonical({**row.content(), "seq": row.seq, "hash": row.hash}) + b"\n" for row in rows)
    await folder.write(CHECKPOINTS_FILE, lines)


async def _gather_trail(connection: Connection, folder: PackFolder, contents: Contents) -> None:
    """Writes the trail up to its end: whole while it is short, else from the first event that concerns the records."""
    contents.head = await read_head(connection)
    if contents.head.seq > WHOLE_TRAIL and contents.first_seq is not None:
        contents.first_event = contents.first_seq
    lines: list[bytes] = []
    await folder.write(TRAIL, [])
    async for row in follow_events(connection, after=contents.first_event - 1):
        lines.append(canonical({**row.content(), "prev_hash": row.previous_hash, "hash": row.hash}) + b"\n")
        if len(lines) >= PAGE:
            await folder.write(TRAIL, lines)
            lines = []
    await folder.write(TRAIL, lines)


def _methods(contents: Contents, methods: Mapping[str, Method]) -> list[dict[str, Any]]:
    """Tells what each version computes that the records were made by."""
    return [
        {
            "id": id_, "name": methods[id_].name, "version": methods[id_].version, "record": methods[id_].record,
            "formula": methods[id_].formula, "params": methods[id_].params.model_json_schema(),
        } if id_ in methods else {"id": id_, "formula": None}
        for id_ in sorted(contents.methods)
    ]  # fmt: skip


def _as_text(content: object) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
