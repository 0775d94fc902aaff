"""Gauges, states, interval totals and events."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_series import HOUR_US, MINUTE_US, QUARTER_US, SECOND_US, Row, at, edges, interval_of, intervals_of

from ems_telemetry.config.quantities import Law
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.intervals.law import Mean, PointLaw, Slope, max_gap_of, mean_of
from ems_telemetry.model import Flag, Kind, Quality

pytestmark = pytest.mark.unit

POWER = PointLaw(Kind.GAUGE, max_gap_us=HOUR_US)
MINUTELY = PointLaw(Kind.GAUGE, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US)
SLOPED = replace(POWER, slope=Slope.SLOPED)


def test_the_mean_of_a_gauge_is_weighted_by_time() -> None:
    rows = [(at("10:00"), 100.0), (at("10:05"), 130.0), (at("10:12"), 70.0)]
    interval = interval_of(rows, POWER, "10:00", "10:15")
    assert interval.value == 108.0
    assert (interval.value or 0) / 4 == 27.0
    assert (interval.min, interval.max, interval.samples, interval.exact) == (70.0, 130.0, 3, None)
    assert (interval.coverage, interval.quality, interval.flags) == (1.0, Quality.GOOD, 0)


@pytest.mark.parametrize(
    ("good", "bad", "quality"), [(80, 100, Quality.GOOD), (100, 100, Quality.UNCERTAIN), (80, 10, Quality.BAD)]
)
def test_quality_follows_from_the_shares_of_time(good: int, bad: int, quality: int) -> None:
    law = replace(MINUTELY, good_percent=Decimal(good), bad_percent=Decimal(bad))
    rows = [(at("10:00") + n * MINUTE_US, 5.0, 192 if n < 50 else 0) for n in range(60)]
    interval = interval_of(rows, law, "10:00", "11:00")
    assert (interval.value, interval.coverage, interval.quality) == (5.0, 50 / 60, quality)


def test_time_without_a_value_is_not_averaged_and_no_value_is_null() -> None:
    rows: list[Row] = [(at("10:00"), 10.0), (at("10:05"), None), (at("10:10"), 40.0, 64)]
    first, second = intervals_of(rows, replace(POWER, max_gap_us=5 * MINUTE_US), edges("10:00", "10:30"))
    assert (first.value, first.coverage, first.samples) == (25.0, 10 / 15, 2)
    assert (first.quality, first.flags) == (Quality.UNCERTAIN, IntervalFlag.UNCERTAIN)
    assert (second.value, second.coverage, second.quality, second.flags) == (None, 0.0, Quality.BAD, IntervalFlag.MISSING)


def test_a_value_holds_no_longer_than_the_largest_gap_nor_beyond_now() -> None:
    rows = [(at("09:50"), 7.0)]
    law = replace(POWER, max_gap_us=20 * MINUTE_US)
    held = interval_of(rows, law, "10:00", "10:15")
    assert (held.value, held.coverage, held.samples, held.min) == (7.0, 10 / 15, 0, None)
    now = interval_of(rows, law, "10:00", "10:15", now="10:05")
    assert (now.value, now.coverage, now.flags, now.quality) == (7.0, 5 / 15, IntervalFlag.INCOMPLETE, Quality.GOOD)


def test_a_sloped_gauge_goes_straight_from_one_reading_to_the_next() -> None:
    rows = [(at("09:50"), 0.0), (at("10:10"), 20.0), (at("10:20"), 20.0)]
    first, second = intervals_of(rows, SLOPED, edges("10:00", "10:30"))
    assert first.value == round((15.0 * 10 + 20.0 * 5) / 15, 10)
    assert (second.value, second.coverage) == (20.0, 5 / 15)
    broken = interval_of([(at("10:00"), 0.0), (at("10:05"), None), (at("10:10"), 8.0)], SLOPED, "10:00", "10:15")
    assert broken.flags == IntervalFlag.MISSING
    assert interval_of(rows, replace(SLOPED, max_gap_us=10 * MINUTE_US), "10:00", "10:30").coverage == 10 / 30


def test_levels_are_averaged_by_their_energy_and_acidity_is_not() -> None:
    rows = [(at("10:00"), 60.0), (at("10:10"), 90.0)]
    noise = interval_of(rows, replace(POWER, mean=mean_of(Law.ENERGETIC_MEAN)), "10:00", "10:20")
    assert noise.value == pytest.approx(10 * math.log10((1e6 + 1e9) / 2), rel=1e-11)
    acidity = interval_of(rows, replace(POWER, mean=mean_of(Law.RANGE)), "10:00", "10:20")
    assert (acidity.value, acidity.min, acidity.max, acidity.coverage, acidity.flags) == (None, 60.0, 90.0, 1.0, 0)
    assert mean_of(Law.SUM) is Mean.TIME_WEIGHTED
    assert [max_gap_of(None), max_gap_of(MINUTE_US)] == [HOUR_US, 2 * MINUTE_US]


def test_a_state_gives_the_share_of_time_it_was_on() -> None:
    law = PointLaw(Kind.STATE, slope=Slope.SLOPED, max_gap_us=HOUR_US)
    rows = [(at("10:00"), 0.0), (at("10:06"), 1.0), (at("10:12"), 0.0)]
    assert interval_of(rows, law, "10:00", "10:15").value == 0.4


def test_the_readings_that_are_due_add_up_over_intervals() -> None:
    hourly = PointLaw(Kind.GAUGE, expected_us=HOUR_US, max_gap_us=2 * HOUR_US)
    quarters = intervals_of([(at("10:00"), 1.0)], hourly, edges("10:00", "12:00"), now_us=at("11:30"))
    assert [quarter.expected for quarter in quarters] == [1, 0, 0, 0, 1, 0, 0, 0]


def test_interval_totals_are_summed_where_they_begin() -> None:
    law = PointLaw(Kind.INTERVAL_TOTAL, expected_us=5 * MINUTE_US)
    rows = [(at("10:00"), 0.1), (at("10:05"), 0.2), (at("10:10"), None), (at("10:15"), 9.0)]
    first, second = intervals_of(rows, law, edges("10:00", "10:30"), now_us=at("10:20"))
    assert (first.exact, first.value, first.samples, first.expected) == (Decimal("0.3"), 0.3, 2, 3)
    assert (first.coverage, first.quality, first.flags) == (2 / 3, Quality.UNCERTAIN, IntervalFlag.INCOMPLETE)
    assert (second.exact, second.expected, second.coverage, second.quality) == (Decimal(9), 1, 1.0, Quality.GOOD)
    assert interval_of([], law, "10:00", "10:15").flags == IntervalFlag.MISSING


def test_events_are_summed_and_none_is_ever_missed() -> None:
    rows = [(at("10:01"), 6320.0, 192, Flag.MANUAL), (at("10:02"), 0.5, 192, Flag.MANUAL)]
    first, second = intervals_of(rows, PointLaw(Kind.EVENT), edges("10:00", "10:30"))
    assert (first.exact, first.samples, first.flags) == (Decimal("6320.5"), 2, IntervalFlag.MANUAL)
    assert (second.value, second.samples, second.expected, second.flags) == (None, 0, 0, 0)


VALUES = st.lists(
    st.tuples(
        st.integers(1, 3 * 60 * 60),
        st.one_of(st.none(), st.integers(-10_000, 10_000).map(lambda n: n / 100)),
        st.sampled_from([192, 192, 64, 0]),
    ),
    unique_by=lambda row: row[0],
    max_size=60,
)


@given(VALUES, st.sampled_from(Slope), st.integers(1, 120))
def test_a_mean_is_what_the_parts_weigh_together(
    rows: list[tuple[int, float | None, int]], slope: Slope, max_gap_minutes: int
) -> None:
    law = PointLaw(Kind.GAUGE, slope=slope, max_gap_us=max_gap_minutes * MINUTE_US)
    readings = [(at("08:00") + second * SECOND_US, value, quality) for second, value, quality in rows]
    parts = intervals_of(readings, law, edges("08:00", "12:00"), now_us=at("11:15"))
    whole = intervals_of(readings, law, edges("08:00", "12:00", 4 * HOUR_US), now_us=at("11:15"))[0]
    assert sum(part.coverage for part in parts) / 16 == pytest.approx(whole.coverage)
    assert sum(part.samples for part in parts) == whole.samples
    covered = [part for part in parts if part.value is not None]
    if whole.value is None:
        assert not covered
        return
    together = sum(part.coverage * (part.value or 0) for part in covered) / sum(part.coverage for part in covered)
    assert together == pytest.approx(whole.value, abs=1e-6)
    usable = [value for _, value, quality in rows if value is not None and quality]
    assert min(usable) - 1e-9 <= whole.value <= max(usable) + 1e-9


@given(VALUES, st.sampled_from(Slope), st.integers(1, 15))
def test_means_do_not_depend_on_where_a_series_is_cut(
    rows: list[tuple[int, float | None, int]], slope: Slope, at_quarter: int
) -> None:
    law = PointLaw(Kind.GAUGE, slope=slope, max_gap_us=20 * MINUTE_US)
    readings = sorted((at("08:00") + second * SECOND_US, value, quality) for second, value, quality in rows)
    bounds = edges("08:00", "12:00")
    whole = intervals_of(readings, law, bounds)
    cut_us = int(bounds[at_quarter])
    usable = [row for row in readings if row[1] is not None and row[2]]
    before = [row[0] for row in usable if row[0] < cut_us][-1:]
    behind = [row[0] for row in usable if row[0] >= cut_us][:1]
    first = [row for row in readings if not behind or row[0] <= behind[0]]
    second = [row for row in readings if not before or row[0] >= before[0]]
    assert intervals_of(first, law, bounds[: at_quarter + 1]) + intervals_of(second, law, bounds[at_quarter:]) == whole


@given(VALUES)
def test_order_of_arrival_does_not_matter_to_gauges(rows: list[tuple[int, float | None, int]]) -> None:
    readings = [(at("08:00") + second * SECOND_US, value, quality) for second, value, quality in rows]
    bounds = edges("08:00", "12:00", QUARTER_US)
    assert intervals_of(readings, POWER, bounds) == intervals_of(sorted(readings), POWER, bounds)
