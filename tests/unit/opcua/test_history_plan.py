"""What is asked of a history next, and how."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.opcua.file import Order
from ems_telemetry.connectors.opcua.history_plan import Question, Window, history_request, next_window, older_than
from ems_telemetry.connectors.opcua.spans import Span, Spans, add, subtract, total

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(start_s: float, end_s: float) -> Span:
    return Span(NOON + timedelta(seconds=start_s), NOON + timedelta(seconds=end_s))


def windows(missing: Mapping[str, Spans], order: Order, slice_: timedelta) -> list[Window]:
    """Reads everything, as if each answer came at once."""
    found: list[Window] = []
    holes = dict(missing)
    while window := next_window(holes, order, slice_):
        found.append(window)
        holes = {point: subtract(spans, window.span) if point in window.points else spans for point, spans in holes.items()}
        holes = {point: spans for point, spans in holes.items() if spans}
    return found


def test_nothing_missing_is_nothing_to_read() -> None:
    assert next_window({}, Order.OLDEST_FIRST, HOUR) is None


def test_a_long_hole_is_read_in_slices_from_its_older_end() -> None:
    found = windows({"a": (span(0, 9000),)}, Order.OLDEST_FIRST, HOUR)
    assert [window.span for window in found] == [span(0, 3600), span(3600, 7200), span(7200, 9000)]


def test_or_from_its_newer_end() -> None:
    found = windows({"a": (span(0, 9000),)}, Order.NEWEST_FIRST, HOUR)
    assert [window.span for window in found] == [span(5400, 9000), span(1800, 5400), span(0, 1800)]


@pytest.mark.parametrize("order", Order)
def test_points_that_miss_about_the_same_are_read_together(order: Order) -> None:
    holes = {f"p{number}": (span(number / 10, 30 + number / 10),) for number in range(10)}
    found = windows(holes, order, HOUR)
    assert len(found) == 1
    assert set(found[0].points) == set(holes)
    assert found[0].span == span(0, 30.9)


@pytest.mark.parametrize("order", Order)
def test_never_more_than_twice_of_what_is_missing_is_asked_for(order: Order) -> None:
    holes = {f"p{number}": (span(3600 - 4.0**number, 3600),) for number in range(6)}
    asked: dict[str, float] = dict.fromkeys(holes, 0.0)
    for window in windows(holes, order, HOUR):
        for point in window.points:
            asked[point] += window.span.length.total_seconds()
    assert all(asked[f"p{number}"] <= 2 * 4.0**number + 1e-6 for number in range(6))


some_holes = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 9000)), min_size=1, max_size=4),
    min_size=1,
)


@given(some_holes, st.sampled_from(Order))
def test_whatever_is_missing_is_read_to_its_end(drawn: dict[str, list[tuple[int, int]]], order: Order) -> None:
    holes: dict[str, Spans] = dict.fromkeys(drawn, ())
    for point, pairs in drawn.items():
        for start, length in pairs:
            holes[point] = add(holes[point], span(start, start + length))
    asked: dict[str, timedelta] = dict.fromkeys(holes, timedelta())
    for window in windows(holes, order, HOUR):
        assert window.points
        assert window.span.length <= HOUR
        for point in window.points:
            asked[point] += window.span.length
    assert all(total(holes[point]) <= asked[point] <= 2 * total(holes[point]) for point in holes)


def test_two_holes_of_a_point_are_read_one_after_the_other() -> None:
    found = windows({"a": (span(0, 10), span(5000, 5010))}, Order.OLDEST_FIRST, HOUR)
    assert [window.span for window in found] == [span(0, 10), span(5000, 5010)]


def test_what_lies_before_the_limit_is_cut_off() -> None:
    holes = {"a": (span(0, 10), span(20, 30)), "b": (span(25, 30),)}
    assert older_than(holes, NOON + timedelta(seconds=22)) == {"a": (span(0, 10), span(20, 22))}


def test_a_request_asks_for_raw_values_without_bounds_on_whole_milliseconds() -> None:
    missing = Span(NOON + timedelta(microseconds=1501), NOON + timedelta(microseconds=9001))
    question = Question("a", ua.NodeId(1, 2), b"go on")  # type: ignore[arg-type]  # asyncua names its wire types
    request = history_request(missing, [question], 7, ua.TimestampsToReturn.Both)
    details = request.HistoryReadDetails
    assert isinstance(details, ua.ReadRawModifiedDetails)
    assert (details.IsReadModified, details.ReturnBounds, details.NumValuesPerNode) == (False, False, 7)
    assert details.StartTime == NOON + timedelta(milliseconds=1)
    assert details.EndTime == NOON + timedelta(milliseconds=10)
    assert [node.ContinuationPoint for node in request.NodesToRead] == [b"go on"]
    assert request.ReleaseContinuationPoints is False
