from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

import pytest

from ems_telemetry.evidence.canonical import leaf, parse
from ems_telemetry.evidence.envelope import record_hash, record_leaf, record_line

pytestmark = pytest.mark.unit

ENVELOPE = {
    "record_id": UUID(int=7),
    "revision": 1,
    "period_start": datetime(2026, 3, 1, 9, 45, tzinfo=UTC),
    "value": Decimal("15.40"),
    "flags": (),
}
CONTENT = (
    b'{"flags":[],"period_start":"2026-03-01T09:45:00Z","record_id":"00000000-0000-0000-0000-000000000007",'
    b'"revision":1,"value":"15.4"}'
)


def test_hash_is_that_of_the_canonical_envelope_without_it() -> None:
    assert record_hash(ENVELOPE) == sha256(CONTENT).hexdigest()
    assert record_hash({**ENVELOPE, "hash": "whatever"}) == record_hash(ENVELOPE)
    assert record_leaf({**ENVELOPE, "hash": "whatever"}) == sha256(b"\x00" + CONTENT).digest() == leaf(ENVELOPE)


def test_a_record_read_back_has_the_same_hash() -> None:
    read = parse(record_line(ENVELOPE))
    assert isinstance(read, dict)
    assert read["hash"] == record_hash(read) == record_hash(ENVELOPE)


def test_the_hash_covers_every_other_field() -> None:
    others = [record_hash({**ENVELOPE, name: "other"}) for name in (*ENVELOPE, "prev_hash")]
    assert len({record_hash(ENVELOPE), *others}) == len(ENVELOPE) + 2
