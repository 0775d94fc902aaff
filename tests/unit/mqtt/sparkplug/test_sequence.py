"""Messages leave in the order of their numbers, each once, whatever order they come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.mqtt.sparkplug.sequence import Passed, Sequence, Turn

PATIENCE_S = 2.0


def started(at: int = 0) -> Sequence[str]:
    sequence: Sequence[str] = Sequence(PATIENCE_S)
    sequence.begin(at, 1000)
    return sequence


def put(sequence: Sequence[str], number: int, now_s: float = 0.0, sent_ms: int | None = None) -> str:
    """Puts a message named after its number; gives the names of those that come out."""
    return names(sequence.put(number, 2000 + number if sent_ms is None else sent_ms, str(number), now_s))


def names(passed: Passed[str]) -> str:
    marks = {Turn.NEXT: "", Turn.LATE: " late", Turn.AGAIN: " again"}
    text = ", ".join(name + marks[turn] for turn, name in passed.items)
    return text + (f" ({passed.lost} lost)" if passed.lost else "")


@pytest.mark.parametrize(
    ("numbers", "out"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([2, 1, 3], ["", "1, 2", "3"]),
        ([3, 2, 1], ["", "", "1, 2, 3"]),
        ([1, 1], ["1", "1 again"]),
        ([2, 2, 1], ["", "2 again", "1, 2"]),
        ([1, 4, 3, 2], ["1", "", "", "2, 3, 4"]),
        ([1, 200], ["1", "200 (1 lost)"]),
        ([1, 2, 131, 132], ["1", "2", "131 (1 lost)", "132"]),
    ],
    ids=str,
)
def test_orders(numbers: list[int], out: list[str]) -> None:
    sequence = started()
    assert [put(sequence, number) for number in numbers] == out


def test_the_number_after_255_is_0() -> None:
    sequence = started(254)
    assert [put(sequence, number) for number in (255, 1, 0, 2)] == ["255", "", "0, 1", "2"]


def test_numbers_beyond_255_go_round_too() -> None:
    sequence = started(254)
    assert [put(sequence, number) for number in (255, 256, 257)] == ["255", "256", "257"]


def test_the_first_message_is_taken_whatever_its_number() -> None:
    assert put(Sequence(PATIENCE_S), 57) == "57"


def test_patience_ends() -> None:
    sequence = started()
    assert put(sequence, 2, now_s=10.0) == put(sequence, 4, now_s=11.0) == ""
    assert sequence.due_s == 12.0
    assert names(sequence.release(11.9)) == ""
    assert names(sequence.release(12.0)) == "2, 4 (2 lost)"
    assert sequence.due_s is None


def test_what_was_given_up_is_late_once() -> None:
    sequence = started()
    put(sequence, 3)
    sequence.flush()
    assert [put(sequence, number) for number in (1, 2, 4)] == ["1 late", "2 late", "4"]
    assert put(sequence, 1) == "1 again"


def test_a_sequence_that_begins_elsewhere_is_followed() -> None:
    sequence = started(99)
    assert [put(sequence, number, sent_ms=9000 + number) for number in (100, 1, 2, 3)] == ["100", "1 (1 lost)", "2", "3"]


def test_without_times_a_number_that_comes_again_begins_elsewhere() -> None:
    sequence = started()
    assert [put(sequence, number, sent_ms=0) for number in (1, 1, 2)] == ["1", "1 (1 lost)", "2"]


def test_a_birth_ends_what_waits_and_is_older_and_keeps_what_overtook_it() -> None:
    sequence = started(200)
    put(sequence, 203, sent_ms=3000)
    put(sequence, 1, sent_ms=5001)
    assert names(sequence.begin(0, 5000)) == "203 (2 lost)"
    assert names(sequence.drain()) == "1"


@given(st.permutations(range(1, 60)), st.sets(st.integers(1, 59), max_size=20))
def test_each_message_comes_out_once_and_in_order(order: list[int], missing: set[int]) -> None:
    sequence = started()
    out: list[tuple[Turn, str]] = []
    for number in order:
        if number not in missing:
            out.extend(sequence.put(number, 2000 + number, str(number), 0.0).items)
    out.extend(sequence.flush().items)
    assert [int(name) for _, name in out] == [number for number in range(1, 60) if number not in missing]
    assert {turn for turn, _ in out} <= {Turn.NEXT}


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3)), max_size=80))
def test_nothing_is_lost_or_doubled_whatever_comes(messages: list[tuple[int, int]]) -> None:
    sequence: Sequence[int] = Sequence(PATIENCE_S)
    out: list[int] = []
    for item, (number, sent_ms) in enumerate(messages):
        out.extend(name for _, name in sequence.put(number, sent_ms, item, float(item)).items)
        assert len(list(sequence.waiting)) <= 127
    out.extend(name for _, name in sequence.flush().items)
    assert sorted(out) == list(range(len(messages)))
