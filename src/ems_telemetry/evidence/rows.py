"""What the lines of `records.ndjson` and `audit.ndjson` must hold, each by itself and one after the other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain as joined

from ems_telemetry.evidence.canonical import Json, leaf_of, parse
from ems_telemetry.evidence.chain import START, Entry, entry_of, verify
from ems_telemetry.evidence.envelope import hashed_content
from ems_telemetry.evidence.finding import Findings
from ems_telemetry.evidence.manifest import RECORDS, TRAIL, ChainHead


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a pack by line: their ids, and their leaves of 32 bytes. What is no record has neither."""

    ids: tuple[str, ...] = ()
    leaves: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit trail of a pack: how many entries hold, and where the chain stood at the last of these."""

    entries: int = 0
    head: ChainHead | None = None


def check_records(lines: Iterable[bytes], findings: Findings) -> Records:
    """Checks the hash of each record against its canonical content; all lines are read."""
    ids, leaves = [], []
    for number, line in enumerate(lines, 1):
        try:
            record_id, stated, content = _record(line)
        except (TypeError, ValueError) as error:
            findings.add(RECORDS, str(error), number)
            continue
        found = sha256(content).hexdigest()
        if found != stated:
            findings.add(RECORDS, f"record {record_id}: says hash {stated}, its content gives {found}", number)
        ids.append(record_id)
        leaves.append(leaf_of(content))
    return Records(tuple(ids), tuple(leaves))


def check_trail(lines: Iterable[bytes], findings: Findings) -> Trail:
    """Follows the chain up to the first entry that does not follow; it may begin anywhere, and has no holes."""
    entries = _entries(lines, findings)
    first = next(entries, None)
    if first is None:
        return Trail()
    begins = START if first.seq == 1 or first.previous is None else first.previous
    verdict = verify(joined([first], entries), begins, first.seq)
    if not verdict.ok:
        findings.add(TRAIL, f"the chain breaks at entry {verdict.first_bad_seq}", verdict.checked + 1)
    if not verdict.checked:
        return Trail()
    return Trail(verdict.checked, ChainHead(head_seq=first.seq + verdict.checked - 1, head_hash=verdict.head.hex()))


def _record(line: bytes) -> tuple[str, str, bytes]:
    """Gives a record's id, the hash it states, and the bytes that its hash is taken of."""
    envelope = _object(line)
    record_id, stated = envelope.get("record_id"), envelope.get("hash")
    if not isinstance(record_id, str) or not isinstance(stated, str):
        raise ValueError("has no record_id and hash")  # noqa: TRY004 - the line is wrong, not the call
    return record_id, stated, hashed_content(envelope)


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
