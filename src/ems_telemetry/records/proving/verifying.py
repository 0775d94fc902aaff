"""Verifies the whole audit trail: every event follows from the one before, and everything it tells of is as it was then."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

from ems_telemetry.evidence.canonical import digest
from ems_telemetry.evidence.chain import START, Entry, follows
from ems_telemetry.evidence.envelope import record_hash
from ems_telemetry.storage.audit import AuditRow, Head, follow_events, read_head
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.evidence_rows import KeptRow, read_kept, read_last_kept

MOST_AT_ONCE = 2_000


class AuditVerdict(NamedTuple):
    """What came of it. `first_bad_seq` and `reason` are None if all holds."""

    ok: bool
    first_bad_seq: int | None
    reason: str | None
    checked: int
    head_seq: int
    head_hash: str


async def verify_audit(connection: Connection) -> AuditVerdict:
    """Verifies every event and the record, fact or decision behind it, up to the first one that does not hold."""
    previous, checked = START, 0
    async for batch in _batches(connection):
        kept = await read_kept(connection, batch[0].seq, batch[-1].seq)
        # Thousands of hashes take seconds, in which the loop must go on collecting.
        found = await asyncio.to_thread(_first_bad, batch, kept, checked + 1, previous)
        if found is not None:
            return _bad(found, await read_head(connection))
        previous, checked = bytes.fromhex(batch[-1].hash), checked + len(batch)
    last = await read_last_kept(connection)
    head = await read_head(connection)
    if last > head.seq:
        return _bad((head.seq + 1, f"event {last} is missing: what it told of is there, and the trail ends before it"), head)
    return AuditVerdict(ok=True, first_bad_seq=None, reason=None, checked=checked, head_seq=head.seq, head_hash=head.hash)


async def _batches(connection: Connection) -> AsyncIterator[list[AuditRow]]:
    batch: list[AuditRow] = []
    async for row in follow_events(connection):
        batch.append(row)
        if len(batch) >= MOST_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _bad(found: tuple[int, str], head: Head) -> AuditVerdict:
    seq, reason = found
    return AuditVerdict(ok=False, first_bad_seq=seq, reason=reason, checked=seq - 1, head_seq=head.seq, head_hash=head.hash)


def _chain_problem(row: AuditRow, expected: int, previous: bytes) -> str | None:
    if row.seq != expected:
        return f"event {expected} is missing; event {row.seq} stands in its place"
    if row.previous_hash != previous.hex():
        return "it does not name the hash of the event before"
    if not follows(previous, Entry(row.seq, row.content(), bytes.fromhex(row.hash))):
        return "its content is not what its hash was taken of"
    return None


def _first_bad(
    batch: Sequence[AuditRow], kept: Mapping[int, KeptRow], first_seq: int, previous: bytes
) -> tuple[int, str] | None:
    """Gives the first event of a batch that does not follow or tells of what is other than it was, and what is wrong."""
    for expected, row in enumerate(batch, first_seq):
        problem = _chain_problem(row, expected, previous) or _object_problem(row, kept.get(row.seq))
        if problem is not None:
            return expected, problem
        previous = bytes.fromhex(row.hash)
    return None


def _object_problem(row: AuditRow, kept: KeptRow | None) -> str | None:
    name = f"{row.object_type} {row.object_id}, revision {row.object_revision}"
    if kept is None:
        return f"{name} is missing" if row.after_hash is not None and row.detail is None else None
    if kept.hash != row.after_hash:
        return f"{name} has another hash than it had when it was kept"
    computed = record_hash(kept.content) if kept.table == "records" else digest(kept.content).hex()
    if computed != kept.hash:
        return f"{name} was changed: its content is not what its hash was taken of"
    return kept.mismatch
