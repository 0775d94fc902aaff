"""What the lines of `records.ndjson` and `audit.ndjson` must hold: each by itself, one after the other, one about the other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain as joined
from typing import Final, NamedTuple, TypeAlias

from ems_telemetry.evidence.canonical import Json, leaf_of, parse
from ems_telemetry.evidence.chain import START, Entry, entry_of, verify
from ems_telemetry.evidence.envelope import hashed_content
from ems_telemetry.evidence.finding import Findings
from ems_telemetry.evidence.manifest import RECORDS, TRAIL, ChainHead

Revision: TypeAlias = tuple[str, int | None]
"""A record's id, and which revision of it."""

RECORD: Final = "record"
"""What entries of the trail call the object that is a record."""


class Line(NamedTuple):
    """A record as its line states it: the number of the line, which revision, and the hash of its content in hexadecimal."""

    number: int
    revision: Revision
    hash: str


class Told(NamedTuple):
    """What an entry of the trail tells of a revision: the entry's number, and the hash that was kept, in hexadecimal."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a pack by line: their ids, their leaves of 32 bytes, what they state. What is no record has none."""

    ids: tuple[str, ...] = ()
    leaves: tuple[bytes, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit trail of a pack: how many entries hold, where the chain stood at the last of these, and what they tell."""

    entries: int = 0
    head: ChainHead | None = None
    told: Mapping[Revision, list[Told]] = field(default_factory=dict)


def check_records(lines: Iterable[bytes], findings: Findings) -> Records:
    """Checks the hash of each record against its canonical content; all lines are read."""
    ids, leaves, stating = [], [], []
    for number, line in enumerate(lines, 1):
        try:
            revision, stated, content = _record(line)
        except (TypeError, ValueError) as error:
            findings.add(RECORDS, str(error), number)
            continue
        found = sha256(content).hexdigest()
        if found != stated:
            findings.add(RECORDS, f"record {revision[0]}: says hash {stated}, its content gives {found}", number)
        ids.append(revision[0])
        leaves.append(leaf_of(content))
        stating.append(Line(number, revision, found))
    return Records(tuple(ids), tuple(leaves), tuple(stating))


def check_told(records: Records, trail: Trail, findings: Findings) -> None:
    """Checks each record against what the trail tells of it; the trail reaches back to each of them, and is whole."""
    for line in records.lines:
        name = f"record {line.revision[0]}, revision {line.revision[1]}"
        told = trail.told.get(line.revision, [])
        if not told:
            findings.add(RECORDS, f"{name}: no entry of {TRAIL} tells of it", line.number)
        for seq, kept in told:
            if kept != line.hash:
                what = f"entry {seq} of {TRAIL} tells hash {kept}, its content gives {line.hash}"
                findings.add(RECORDS, f"{name}: {what}", line.number)


def check_trail(lines: Iterable[bytes], findings: Findings) -> Trail:
    """Follows the chain up to the first entry that does not follow; it may begin anywhere, and has no holes."""
    entries = _entries(lines, findings)
    first = next(entries, None)
    if first is None:
        return Trail()
    begins = START if first.seq == 1 or first.previous is None else first.previous
    told: dict[Revision, list[Told]] = {}
    verdict = verify(_noting(joined([first], entries), told), begins, first.seq)
    if not verdict.ok:
        findings.add(TRAIL, f"the chain breaks at entry {verdict.first_bad_seq}", verdict.checked + 1)
    if not verdict.checked:
        return Trail()
    return Trail(verdict.checked, ChainHead(head_seq=first.seq + verdict.checked - 1, head_hash=verdict.head.hex()), told)


def _noting(entries: Iterable[Entry], told: dict[Revision, list[Told]]) -> Iterator[Entry]:
    """Notes what entries tell of records."""
    for entry in entries:
        yield entry
        content = entry.content
        if isinstance(content, dict) and content.get("object_type") == RECORD and (kept := content.get("after_hash")):
            about = str(content.get("object_id")), content.get("object_revision")
            told.setdefault(about, []).append(Told(entry.seq, str(kept)))


def _record(line: bytes) -> tuple[Revision, str, bytes]:
    """Gives which record it is, the hash it states, and the bytes that its hash is taken of."""
    envelope = _object(line)
    record_id, revision, stated = envelope.get("record_id"), envelope.get("revision"), envelope.get("hash")
    if not isinstance(record_id, str) or not isinstance(stated, str):
        raise ValueError("has no record_id and hash")  # noqa: TRY004 - the line is wrong, not the call
    return (record_id, revision if isinstance(revision, int) else None), stated, hashed_content(envelope)


def _entries(lines: Iterable[bytes], findings: Findings) -> Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        try:
            yield entry_of(_object(line))
        except ValueError as error:
            findings.add(TRAIL, str(error), number)
            return


def _object(line: bytes) -> Mapping[str, Json]:
    parsed = parse(line)
    if not isinstance(parsed, dict):
        raise ValueError("is not an object")  # noqa: TRY004 - the line is wrong, not the call
    return parsed
