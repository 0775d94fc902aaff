"""Exceedances: which intervals make one event, and what is told of it."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.exceedances import Averaged, exceedances_of
from ems_telemetry.rules.limits import Comparator, Limit, Mode, compare
from ems_telemetry.rules.mass import KG_PER_G

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
LIMIT = Limit(Decimal(200))


def half_hour(n: int, value: str | None, state: str | None = None, volume: int | None = None) -> Averaged:
    flowed = None if volume is None else Decimal(volume)
    return Averaged(NOON + n * HALF_HOUR, NOON + (n + 1) * HALF_HOUR, None if value is None else Decimal(value), state, flowed)


def series(*values: str | None) -> list[Averaged]:
    return [half_hour(n, value) for n, value in enumerate(values)]


def test_cr28_consecutive_half_hours_are_one_event() -> None:
    found = exceedances_of(series("210", "225", "199", "230"), LIMIT)
    first, second = found.events
    assert (first.duration, first.peak, first.count) == (timedelta(minutes=60), Decimal(225), 2)
    assert (first.start, first.end, first.peak_at) == (NOON, NOON + 2 * HALF_HOUR, NOON + HALF_HOUR)
    assert first.mean == Decimal("217.5")
    assert (second.duration, second.peak, second.count) == (timedelta(minutes=30), Decimal(230), 1)
    assert (found.exceeding, found.compared, found.excluded) == (3, 4, ())
    assert (first.cut, second.cut) == (False, False)


def test_exactly_the_limit_exceeds_only_where_the_limit_says_so() -> None:
    at_limit = series("200", "200.01")
    assert exceedances_of(at_limit, LIMIT).exceeding == 1
    assert exceedances_of(at_limit, Limit(Decimal(200), Comparator.AT_OR_OVER)).exceeding == 2
    assert exceedances_of(at_limit, Limit(Decimal(200), mode=Mode.ROUNDING)).events == ()


def test_excluded_states_are_listed_and_do_not_count() -> None:
    intervals = [half_hour(0, "210"), half_hour(1, "400", "startup"), half_hour(2, "220"), half_hour(3, "100", "startup")]
    found = exceedances_of(intervals, LIMIT, {"startup"})
    assert [(event.peak, event.count) for event in found.events] == [(Decimal(210), 1), (Decimal(220), 1)]
    assert (found.excluded, found.compared) == ((intervals[1],), 2)
    assert [event.cut for event in found.events] == [False, False]
    assert exceedances_of(intervals, LIMIT).exceeding == 3


def test_a_missing_value_ends_an_event_that_may_have_lasted_longer() -> None:
    found = exceedances_of(series("210", None, "220", "100"), LIMIT)
    assert [(event.count, event.cut) for event in found.events] == [(1, True), (1, True)]
    assert found.compared == 3


def test_a_break_in_time_ends_an_event() -> None:
    found = exceedances_of([half_hour(0, "210"), half_hour(2, "220")], LIMIT)
    assert [(event.duration, event.cut) for event in found.events] == [(HALF_HOUR, True)] * 2


def test_excess_mass_is_what_was_emitted_above_the_limit() -> None:
    found = exceedances_of([half_hour(0, "210", volume=10_000), half_hour(1, "225", volume=20_000)], LIMIT)
    assert found.events[0].excess_kg == Decimal("0.6")
    water = exceedances_of([half_hour(0, "210", volume=10)], LIMIT, kg_per_product=KG_PER_G)
    assert water.events[0].excess_kg == Decimal("0.1")
    assert exceedances_of([half_hour(0, "210", volume=10_000), half_hour(1, "225")], LIMIT).events[0].excess_kg is None


def test_rounding_up_to_an_exceedance_emits_no_negative_excess() -> None:
    limit = Limit(Decimal(50), Comparator.AT_OR_OVER, Mode.ROUNDING)
    assert exceedances_of([half_hour(0, "49.6", volume=10)], limit).events[0].excess_kg == 0


def test_the_peak_of_a_minimum_is_the_least_and_has_no_excess() -> None:
    intervals = [half_hour(0, "840", volume=1), half_hour(1, "820", volume=1), half_hour(2, "850", volume=1)]
    event = exceedances_of(intervals, Limit(Decimal(850), Comparator.UNDER)).events[0]
    assert (event.peak, event.count, event.excess_kg) == (Decimal(820), 2, None)


def test_intervals_of_different_length_are_weighted_by_time() -> None:
    third = timedelta(minutes=20)
    intervals = [Averaged(NOON, NOON + third, Decimal(300)), Averaged(NOON + third, NOON + 3 * third, Decimal(240))]
    assert exceedances_of(intervals, LIMIT).events[0].mean == 260


def test_order_does_not_matter() -> None:
    intervals = series("210", "225", "199", "230")
    assert exceedances_of(reversed(intervals), LIMIT) == exceedances_of(intervals, LIMIT)


@pytest.mark.parametrize(
    ("intervals", "words"),
    [
        ([half_hour(0, "1"), half_hour(0, "2")], "overlap; give each once"),
        ([Averaged(NOON, NOON, Decimal(1))], "not after its start"),
        ([Averaged(NOON.replace(tzinfo=None), NOON, Decimal(1))], "is not in UTC"),
        ([Averaged(NOON.astimezone(ZoneInfo("Europe/Berlin")), NOON + HALF_HOUR, Decimal(1))], "is not in UTC"),
    ],
)
def test_times_that_would_count_twice_or_wrongly_are_refused(intervals: list[Averaged], words: str) -> None:
    with pytest.raises(CannotComputeError, match=words):
        exceedances_of(intervals, LIMIT)


values = st.none() | st.decimals(min_value=150, max_value=250, places=1)
states = st.sampled_from([None, "startup"])


@given(st.lists(st.tuples(values, states, st.integers(0, 1)), max_size=30), st.sampled_from(Comparator))
def test_merging_keeps_the_number_of_exceeding_intervals(
    drawn: list[tuple[Decimal | None, str | None, int]], comparator: Comparator
) -> None:
    limit = Limit(Decimal(200), comparator)
    place = 0
    intervals = []
    for value, state, pause in drawn:
        place += 1 + pause
        intervals.append(half_hour(place, None if value is None else str(value), state))
    exceeding = [each for each in intervals if each.value is not None and compare(each.value, limit).exceeds]
    found = exceedances_of(intervals, limit, {"startup"})
    assert found.exceeding == sum(each.state is None for each in exceeding)
    assert list(found.excluded) == [each for each in exceeding if each.state == "startup"]
    assert sum((event.duration for event in found.events), timedelta()) == found.exceeding * HALF_HOUR
    for event in found.events:
        assert event.count * HALF_HOUR == event.duration
        assert compare(event.peak, limit).exceeds
        least, most = sorted((event.peak, limit.value))
        assert least <= event.mean.quantize(Decimal("1e-20"), ROUND_HALF_EVEN) <= most
