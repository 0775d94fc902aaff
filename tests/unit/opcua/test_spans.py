"""Sets of stretches of time."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.opcua.spans import Span, Spans, add, contains, subtract, total, within

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def at(second: int) -> datetime:
    return NOON + timedelta(seconds=second)


def span(start: int, end: int) -> Span:
    return Span(at(start), at(end))


def seconds(spans: Spans) -> set[int]:
    return {second for second in range(-1, 40) if contains(spans, at(second))}


some_span = st.tuples(st.integers(0, 29), st.integers(1, 10)).map(lambda pair: span(pair[0], pair[0] + pair[1]))


def test_spans_that_overlap_or_touch_are_joined() -> None:
    assert add((span(0, 2), span(8, 9)), span(2, 5)) == (span(0, 5), span(8, 9))
    assert add((span(0, 2), span(4, 6), span(8, 9)), span(1, 8)) == (span(0, 9),)


def test_a_hole_filled_in_its_middle_leaves_two() -> None:
    assert subtract((span(0, 10),), span(3, 5)) == (span(0, 3), span(5, 10))


def test_a_frame_cuts_what_reaches_beyond_it() -> None:
    assert within((span(0, 4), span(6, 8)), span(2, 7)) == (span(2, 4), span(6, 7))
    assert total((span(0, 4), span(6, 8))) == timedelta(seconds=6)


@given(st.lists(some_span), some_span)
def test_a_set_holds_what_was_added_and_not_taken_out(added: list[Span], gone: Span) -> None:
    spans: Spans = ()
    for each in added:
        spans = add(spans, each)
    expected = {second for each in added for second in seconds((each,))}
    assert seconds(spans) == expected
    assert all(before.end < after.start for before, after in pairwise(spans))
    assert seconds(subtract(spans, gone)) == expected - seconds((gone,))
    assert seconds(within(spans, gone)) == expected & seconds((gone,))
