"""What the events of the audit trail tell of, as it stands in its tables now."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg.rows import args_row

from ems_telemetry.storage.checkpoints import COLUMNS as CHECKPOINT_COLUMNS
from ems_telemetry.storage.checkpoints import CheckpointRow
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import ENTRY_COLUMNS, EntryRow
from ems_telemetry.storage.records import RECORD_COLUMNS, RecordRow
from ems_telemetry.storage.translation import translated


class KeptRow(NamedTuple):
    """A row behind an event: its content as it was hashed, the hash that stands beside it, and where columns contradict it."""

    table: str
    content: Mapping[str, Any]
    hash: str
    mismatch: str | None


_RECORDS = f"SELECT {RECORD_COLUMNS} FROM records WHERE seq BETWEEN %s AND %s"  # noqa: S608  # a constant
_ENTRIES = f"SELECT {ENTRY_COLUMNS} FROM register_entries WHERE seq BETWEEN %s AND %s"  # noqa: S608  # a constant
_DECISIONS = """
    SELECT seq, kind, id, revision, decision, actor, actor_name, reason, decided_at, hash FROM register_decisions
    WHERE seq BETWEEN %s AND %s"""
_CHECKPOINTS = f"SELECT {CHECKPOINT_COLUMNS} FROM checkpoints WHERE seq BETWEEN %s AND %s"  # noqa: S608  # a constant
_DECISION = ("kind", "id", "revision", "decision", "actor", "actor_name", "reason", "decided_at")


async def read_kept(connection: Connection, first: int, last: int) -> dict[int, KeptRow]:
    """Gives what events of a stretch of the chain tell of, by their sequence number."""
    found: dict[int, KeptRow] = {}
    with translated():
        async with connection.cursor(row_factory=args_row(RecordRow)) as records:
            await records.execute(_RECORDS.encode(), (first, last))
            async for record in records:
                found[record.seq] = KeptRow("records", record.envelope, record.hash, _mismatch(record))
        async with connection.cursor(row_factory=args_row(EntryRow)) as entries:
            await entries.execute(_ENTRIES.encode(), (first, last))
            async for entry in entries:
                found[entry.seq] = KeptRow("register_entries", entry.content(), entry.hash, None)
        async with connection.cursor(row_factory=args_row(CheckpointRow)) as checkpoints:
            await checkpoints.execute(_CHECKPOINTS.encode(), (first, last))
            async for checkpoint in checkpoints:
                kept = KeptRow("checkpoints", checkpoint.content(), checkpoint.hash, checkpoint.mismatch())
                found[checkpoint.seq] = kept
        for seq, *values, hash_ in await (await connection.execute(_DECISIONS, (first, last))).fetchall():
            found[seq] = KeptRow("register_decisions", dict(zip(_DECISION, values, strict=True)), hash_, None)
    return found


def _mismatch(row: RecordRow) -> str | None:
    """Tells a column that says something else than the envelope: queries and dashboards read the columns."""
    said = row.envelope
    beside = {
        "value": (row.value, None if said["value"] is None else type(row.value or 0)(said["value"])),
        "status": (row.status, said["status"]),
        "revision": (row.revision, said["revision"]),
        "type": (row.type, said["type"]),
        "site": (row.site, said["site"]),
        "scope": (row.scope, said["scope"]),
        "unit": (row.unit, said["unit"]),
        "quality": (row.quality, said["quality"]),
        "method": (row.method, said["method"]),
        "record_id": (str(row.id), said["record_id"]),
    }
    for name, (column, hashed) in beside.items():
        if column != hashed:
            return f"record {row.id}, revision {row.revision}: the column of {name} says {column}, the record says {hashed}"
    return None
