"""What the events of the audit trail tell of, as it stands in its tables now."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
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


_LAST = """
    SELECT greatest((SELECT max(seq) FROM records), (SELECT max(seq) FROM register_entries),
                    (SELECT max(seq) FROM register_decisions), (SELECT max(seq) FROM checkpoints), 0)"""


async def read_kept(connection: Connection, first: int, last: int) -> dict[int, KeptRow]:
    """Gives what events of a stretch of the chain tell of, by their sequence number."""
    found: dict[int, KeptRow] = {}

    def add(seq: int, kept: KeptRow) -> None:
        other = found.get(seq)
        twice = f"{kept.table} and {other.table} both have a row of event {seq}" if other else None
        found[seq] = kept._replace(mismatch=twice or kept.mismatch)

    with translated():
        async with connection.cursor(row_factory=args_row(RecordRow)) as records:
            await records.execute(_RECORDS.encode(), (first, last))
            async for record in records:
                add(record.seq, KeptRow("records", record.envelope, record.hash, _mismatch(record)))
        async with connection.cursor(row_factory=args_row(EntryRow)) as entries:
            await entries.execute(_ENTRIES.encode(), (first, last))
            async for entry in entries:
                add(entry.seq, KeptRow("register_entries", entry.content(), entry.hash, None))
        async with connection.cursor(row_factory=args_row(CheckpointRow)) as checkpoints:
            await checkpoints.execute(_CHECKPOINTS.encode(), (first, last))
            async for checkpoint in checkpoints:
                add(checkpoint.seq, KeptRow("checkpoints", checkpoint.content(), checkpoint.hash, checkpoint.mismatch()))
        for seq, *values, hash_ in await (await connection.execute(_DECISIONS, (first, last))).fetchall():
            add(seq, KeptRow("register_decisions", dict(zip(_DECISION, values, strict=True)), hash_, None))
    return found


async def read_last_kept(connection: Connection) -> int:
    """Gives the highest sequence number that a piece of evidence has; 0 where there is none."""
    with translated():
        (last,) = await (await connection.execute(_LAST)).fetchone() or (0,)
    return int(last)


def _mismatch(row: RecordRow) -> str | None:
    """Tells a column that says something else than the envelope: queries and dashboards read the columns."""
    said = row.envelope
    beside: Mapping[str, tuple[object, object]] = {
        "value": (row.value, _decimal(said["value"])),
        "coverage_percent": (row.coverage, _decimal(said["coverage_percent"])),
        "measured_percent": (row.measured, _decimal(said["measured_percent"])),
        "estimated_percent": (row.estimated, _decimal(said["estimated_percent"])),
        "period_start": (row.period_start, datetime.fromisoformat(said["period_start"])),
        "period_end": (row.period_end, datetime.fromisoformat(said["period_end"])),
        "computed_at": (row.computed_at, datetime.fromisoformat(said["computed_at"])),
        "flags": (list(row.flags), said["flags"]),
        "plan": (row.plan, said["plan"]["id"]),
        "record_id": (str(row.id), said["record_id"]),
        "hash": (row.hash, said["hash"]),
        **{name: (getattr(row, name), said[name]) for name in _SAME},
    }
    for name, (column, hashed) in beside.items():
        if column != hashed:
            return f"record {row.id}, revision {row.revision}: the column of {name} says {column}, the record says {hashed}"
    return None


_SAME = (
    "revision",
    "type",
    "status",
    "site",
    "scope",
    "period",
    "quantity",
    "unit",
    "quality",
    "method",
    "retention_class",
    "snapshot",
)
"""What columns and envelope call the same and write the same way."""


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
