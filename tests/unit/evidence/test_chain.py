from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.evidence.chain import START, Entry, entry_of, extend, linked, verify

pytestmark = pytest.mark.unit

H1 = "30918c6c4a0cfc64915cf31fc4aaed63b3f6078cd7d497f0657f38d528eedbf8"
H2 = "e74ca0dc2b33f8cb25b3754c5ad756aae2cd26be1a895e610529ba08684343a0"
H2_ALTERED = "d6acb8e2a19e49c01409ee5bedddc8c3f83832ceee12d93a28ac829a54270b9a"


def record(start: str, value: str) -> dict[str, str]:
    return {"meter": "EL-01", "start": start, "unit": "kWh", "value": value}


def chained(contents: Sequence[object]) -> list[Entry]:
    entries, previous = [], START
    for seq, content in enumerate(contents, 1):
        previous = extend(previous, content)
        entries.append(Entry(seq, content, previous))
    return entries


REC1, REC2 = record("2026-01-01T00:00:00Z", "12.5"), record("2026-01-01T00:15:00Z", "13.0")


def test_cr_48_chain() -> None:
    first, second = chained([REC1, REC2])
    assert (first.hash.hex(), second.hash.hex()) == (H1, H2)
    assert verify([first, second]).ok
    assert verify([first, second]).checked == 2
    assert verify([first, second]).head.hex() == H2


def test_cr_48_altered_record() -> None:
    altered = REC1 | {"value": "12.6"}
    assert chained([altered, REC2])[1].hash.hex() == H2_ALTERED
    first, second = chained([REC1, REC2])
    verdict = verify([Entry(1, altered, first.hash), second])
    assert (verdict.ok, verdict.first_bad_seq, verdict.checked) == (False, 1, 0)


def test_a_chain_without_entries_holds() -> None:
    verdict = verify([])
    assert (verdict.ok, verdict.first_bad_seq, verdict.checked, verdict.head) == (True, None, 0, START)


contents = st.lists(st.integers(0, 9), min_size=1, max_size=12)


@given(contents, st.data())
def test_a_changed_entry_is_the_first_that_does_not_follow(values: list[int], data: st.DataObject) -> None:
    entries = chained(values)
    at = data.draw(st.integers(0, len(entries) - 1))
    entries[at] = Entry(at + 1, "other", entries[at].hash)
    verdict = verify(entries)
    assert (verdict.first_bad_seq, verdict.checked) == (at + 1, at)


@given(contents, st.data())
def test_a_changed_hash_is_found_where_it_stands(values: list[int], data: st.DataObject) -> None:
    entries = chained(values)
    at = data.draw(st.integers(0, len(entries) - 1))
    entries[at] = Entry(at + 1, entries[at].content, sha256(entries[at].hash).digest())
    assert verify(entries).first_bad_seq == at + 1


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12), st.data())
def test_a_missing_entry_is_named(values: list[int], data: st.DataObject) -> None:
    entries = chained(values)
    at = data.draw(st.integers(0, len(entries) - 2))
    assert verify(entries[:at] + entries[at + 1 :]).first_bad_seq == at + 1
    renumbered = [Entry(seq, entry.content, entry.hash) for seq, entry in enumerate(entries[:at] + entries[at + 1 :], 1)]
    assert verify(renumbered).first_bad_seq == at + 1


def test_entries_that_changed_places_are_found() -> None:
    first, second, third = chained(["a", "b", "c"])
    assert verify([first, third, second]).first_bad_seq == 2


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12), st.data())
def test_a_part_of_a_chain_can_be_followed_alone(values: list[int], data: st.DataObject) -> None:
    entries = chained(values)
    at = data.draw(st.integers(1, len(entries) - 1))
    assert verify(entries[at:], entries[at - 1].hash, at + 1).ok
    assert verify(entries[at:], START, at + 1).first_bad_seq == at + 1
    assert verify(entries[at:], entries[at - 1].hash, at).first_bad_seq == at


def test_content_without_a_form_follows_nothing() -> None:
    assert verify([Entry(1, {"value": 0.5}, START)]).first_bad_seq == 1


def test_a_hash_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="has 31 bytes"):
        extend(bytes(31), "a")


@given(contents)
def test_entries_as_they_are_kept_are_read_back(values: list[int]) -> None:
    kept, previous = [], START
    for seq, value in enumerate(values, 1):
        kept.append(linked({"seq": seq, "value": value}, previous))
        previous = bytes.fromhex(str(kept[-1]["hash"]))
    assert verify(map(entry_of, kept)).head == previous
    kept[-1] = kept[-1] | {"prev_hash": "ff" * 32}
    assert verify(map(entry_of, kept)).first_bad_seq == len(kept)


@pytest.mark.parametrize("change", [{"seq": "1"}, {"hash": None}, {"hash": "no"}, {"prev_hash": 0}])
def test_what_is_no_entry_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"has no seq|hexadecimal"):
        entry_of(linked({"seq": 1}, START) | change)
