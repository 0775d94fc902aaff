from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.simulator.day import (
    DAY_S,
    EPOCH,
    HOUR_S,
    WEEK_S,
    Curve,
    blend,
    counter_of,
    level_at,
    plant_seconds,
    ripples,
    week_of,
)

QUIET = ((0, 2.0), (24, 2.0))
BUSY = ((0, 2.0), (6, 2.0), (8, 10.0), (16, 10.0), (18, 2.0), (24, 2.0))
WEEK = week_of(BUSY, QUIET, QUIET)
CURVE = Curve(WEEK, ripples(1, "test", 0.1))

moments = st.floats(0, 3 * WEEK_S)


def sampled_area(curve: Curve, start_s: float, end_s: float, steps: int = 20_000) -> float:
    """The area by the midpoint rule: knows nothing of antiderivatives."""
    width_s = (end_s - start_s) / steps
    return sum(curve.value(start_s + (step + 0.5) * width_s) for step in range(steps)) * width_s


def test_the_epoch_is_a_mondays_midnight_in_berlin() -> None:
    local = EPOCH.astimezone(ZoneInfo("Europe/Berlin"))
    assert (local.weekday(), local.hour, local.minute) == (0, 0, 0)
    assert plant_seconds(datetime(2024, 1, 1, 5, 0, tzinfo=UTC)) == 6 * HOUR_S


@pytest.mark.parametrize(
    ("second", "level"),
    [(0, 2.0), (7 * HOUR_S, 6.0), (8 * HOUR_S, 10.0), (12 * HOUR_S, 10.0), (5 * DAY_S + 12 * HOUR_S, 2.0), (WEEK_S, 2.0)],
)
def test_a_profile_runs_in_straight_lines_between_its_knots(second: float, level: float) -> None:
    assert level_at(WEEK, second) == pytest.approx(level)


def test_a_blend_is_the_sum_of_its_parts_at_every_moment() -> None:
    other = week_of(((0, 2.0), (7, 5.0), (24, 2.0)), QUIET, QUIET)
    blended = blend(1.5, (WEEK, 2.0), (other, -0.5))
    for second in range(0, int(WEEK_S), 977):
        assert level_at(blended, second) == pytest.approx(1.5 + 2 * level_at(WEEK, second) - 0.5 * level_at(other, second))


@given(start_s=moments, length_s=st.floats(1, 2 * HOUR_S))
def test_the_integral_is_the_area_under_the_curve(start_s: float, length_s: float) -> None:
    area = CURVE.integral(start_s + length_s) - CURVE.integral(start_s)
    assert area == pytest.approx(sampled_area(CURVE, start_s, start_s + length_s, steps=2_000), rel=1e-3, abs=1e-3)


def test_the_integral_is_exact_across_the_end_of_a_week() -> None:
    start_s, end_s = WEEK_S - 90.0, WEEK_S + 90.0
    assert CURVE.integral(end_s) - CURVE.integral(start_s) == pytest.approx(sampled_area(CURVE, start_s, end_s), rel=1e-6)


@given(moment_s=moments, step_s=st.floats(0, WEEK_S))
def test_a_counter_never_goes_back(moment_s: float, step_s: float) -> None:
    counter = counter_of(CURVE, start=100.0)
    assert counter(moment_s + step_s) >= counter(moment_s) - 1e-9


@given(moment_s=moments)
def test_every_week_is_like_the_last(moment_s: float) -> None:
    assert CURVE.value(moment_s + WEEK_S) == pytest.approx(CURVE.value(moment_s), rel=1e-6)


@given(moment_s=moments)
def test_ripples_stay_within_their_amplitude(moment_s: float) -> None:
    assert abs(CURVE.value(moment_s) / level_at(WEEK, moment_s % WEEK_S) - 1) <= 0.1 + 1e-9


def test_ripples_differ_by_name_and_by_seed() -> None:
    assert ripples(1, "a", 0.1) == ripples(1, "a", 0.1)
    assert ripples(1, "a", 0.1) != ripples(1, "b", 0.1)
    assert ripples(1, "a", 0.1) != ripples(2, "a", 0.1)
