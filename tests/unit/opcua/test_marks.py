"""When a point is complete, and what counts as missing."""

from datetime import UTC, datetime, timedelta

from ems_telemetry.connectors.opcua.marks import MOST_HOLES, Arrival, Marks, Standing
from ems_telemetry.connectors.opcua.spans import RESOLUTION, Span

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
POINT = "CA-01.total"


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def came(second: float | None, received: float = 100, *, lossy: bool = False) -> Arrival:
    return Arrival(POINT, None if second is None else at(second), at(received), lossy)


def marks_with(*arrivals: Arrival) -> Marks:
    marks = Marks([POINT, "CA-01.other"])
    for arrival in arrivals:
        marks.advance(arrival)
    return marks


def hole(after: float, before: float) -> Span:
    return Span(at(after) + RESOLUTION, at(before))


def test_values_in_a_row_leave_no_hole() -> None:
    marks = marks_with(came(1), came(2), came(3))
    assert marks.holes() == {}
    assert marks.take_changed() == [Standing(POINT, at(3), ())]
    assert marks.take_changed() == []


def test_an_interruption_leaves_a_hole_from_the_last_value_before_to_the_first_after() -> None:
    marks = marks_with(came(1))
    marks.interrupt()
    assert marks.holes() == {}
    marks.advance(came(31))
    marks.advance(came(32))
    assert marks.holes() == {POINT: (hole(1, 31),)}
    assert (marks.opened, marks.closed) == (1, 0)


def test_the_very_first_value_has_nothing_behind_it() -> None:
    marks = Marks([POINT])
    marks.interrupt()
    marks.advance(came(1))
    assert marks.holes() == {}


def test_a_value_after_others_were_lost_in_the_server_s_queue_leaves_a_hole() -> None:
    marks = marks_with(came(1), came(5, lossy=True))
    assert marks.holes() == {POINT: (hole(1, 5),)}


def test_an_unchanged_value_sent_again_ends_the_hole_when_it_came() -> None:
    marks = marks_with(came(1))
    marks.interrupt()
    marks.advance(came(1, received=40))
    assert marks.holes() == {POINT: (hole(1, 40),)}
    assert not marks.has_passed(POINT, hole(1, 40))
    marks.advance(came(41))
    assert marks.has_passed(POINT, hole(1, 40))


def test_a_clock_put_back_is_followed() -> None:
    marks = marks_with(came(50), came(10))
    marks.interrupt()
    marks.advance(came(20))
    assert marks.holes() == {POINT: (hole(10, 20),)}


def test_values_without_a_source_time_or_from_a_clock_never_set_move_no_mark() -> None:
    marks = marks_with(came(1))
    marks.interrupt()
    marks.advance(came(None))
    marks.advance(Arrival(POINT, datetime(1970, 1, 1, 0, 5, tzinfo=UTC), at(3)))
    assert marks.holes() == {}
    marks.advance(came(4))
    assert marks.holes() == {POINT: (hole(1, 4),)}


def test_a_point_can_be_interrupted_alone() -> None:
    marks = marks_with(came(1), Arrival("CA-01.other", at(1), at(1)))
    marks.interrupt(["CA-01.other", "CA-01.unheard-of"])
    marks.advance(came(9))
    assert marks.holes() == {}


def test_what_an_earlier_run_wrote_down_is_an_interruption_and_keeps_its_holes() -> None:
    marks = Marks([POINT])
    marks.restore([Standing(POINT, at(10), (hole(1, 5),)), Standing("CA-01.gone", at(1), ())])
    marks.advance(came(20))
    assert marks.holes() == {POINT: (hole(1, 5), hole(10, 20))}


def test_a_filled_hole_is_closed_and_written_down() -> None:
    marks = marks_with(came(1))
    marks.interrupt()
    marks.advance(came(31))
    marks.take_changed()
    marks.fill(POINT, Span(at(1), at(20)))
    assert marks.holes() == {POINT: (Span(at(20), at(31)),)}
    marks.fill(POINT, Span(at(20), at(31)))
    assert marks.holes() == {}
    assert (marks.opened, marks.closed) == (1, 1)
    changed = marks.take_changed()
    assert changed == [Standing(POINT, at(31), ())]
    marks.put_back(changed)
    assert marks.take_changed() == changed


def test_holes_never_pile_up() -> None:
    marks = marks_with(came(0))
    for count in range(3 * MOST_HOLES):
        marks.interrupt()
        marks.advance(came(10 * count + 5))
        marks.advance(came(10 * count + 9))
    spans = marks.holes()[POINT]
    assert len(spans) == MOST_HOLES
    assert spans[0].start == at(0) + RESOLUTION
