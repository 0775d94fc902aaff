"""Hours from quarters, days from hours: the same as from the readings, and null where a part is."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_series import FAR_US, HOUR_US, MINUTE_US, QUARTER_US, SECOND_US, Row, at, edges, intervals_of

from ems_telemetry.intervals.compose import compose
from ems_telemetry.intervals.interval import Interval, IntervalFlag
from ems_telemetry.intervals.law import Mean, PointLaw
from ems_telemetry.model import Kind, Quality

pytestmark = pytest.mark.unit

COUNTER = PointLaw(Kind.COUNTER, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US)
GAUGE = PointLaw(Kind.GAUGE, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US)
QUARTERS = edges("10:00", "11:00").tolist()


def quarter(n: int, value: float | None, coverage: float | None = None, flags: int = 0) -> Interval:
    exact = None if value is None else Decimal(str(value))
    flags = flags or (IntervalFlag.MISSING if value is None else 0)
    covered = (0.0 if value is None else 1.0) if coverage is None else coverage
    quality = Quality.GOOD if covered == 1 else Quality.UNCERTAIN if covered else Quality.BAD
    return Interval(QUARTERS[n], value, exact, value, value, 15 if covered else 0, 15, covered, quality, flags)


def test_a_sum_with_a_part_missing_is_null_unless_a_partial_one_is_asked_for() -> None:
    parts = [quarter(0, 10.0), quarter(1, 10.0), quarter(2, None), quarter(3, 10.0)]
    for given_parts in (parts, [part for part in parts if part.value is not None]):
        whole = compose(given_parts, QUARTERS, COUNTER, FAR_US)
        assert (whole.value, whole.exact, whole.coverage, whole.flags) == (None, None, 0.75, IntervalFlag.INCOMPLETE)
        partial = compose(given_parts, QUARTERS, COUNTER, FAR_US, partial=True)
        assert (partial.value, partial.exact, partial.coverage) == (30.0, Decimal(30), 0.75)
        assert (partial.samples, partial.expected, partial.quality) == (45, 60, Quality.UNCERTAIN)
        assert partial.flags == IntervalFlag.INCOMPLETE
    nothing = compose([], QUARTERS, COUNTER, FAR_US, partial=True)
    assert type(nothing.quality) is type(nothing.flags) is int
    assert (nothing.value, nothing.coverage, nothing.quality, nothing.flags) == (None, 0.0, Quality.BAD, IntervalFlag.MISSING)


def test_what_is_not_yet_due_does_no_harm_to_a_sum() -> None:
    whole = compose([quarter(0, 0.1), quarter(1, 0.2)], QUARTERS, COUNTER, at("10:30"))
    assert (whole.exact, whole.coverage, whole.flags) == (Decimal("0.3"), 0.5, IntervalFlag.INCOMPLETE)
    assert (whole.expected, whole.quality) == (30, Quality.GOOD)


def test_means_are_weighted_by_the_time_that_was_measured() -> None:
    whole = compose([quarter(0, 10.0), quarter(1, None), quarter(2, 40.0, 1 / 3)], QUARTERS, GAUGE, FAR_US)
    assert (whole.value, whole.exact, whole.min, whole.max) == (17.5, None, 10.0, 40.0)
    assert (whole.coverage, whole.quality, whole.flags) == (1 / 3, Quality.UNCERTAIN, 0)
    noise = compose([quarter(0, 60.0), quarter(1, 60.0)], QUARTERS, replace(GAUGE, mean=Mean.ENERGETIC), FAR_US)
    assert noise.value == 60.0


def test_flags_of_the_parts_are_kept() -> None:
    parts = [quarter(0, 1.0, flags=IntervalFlag.MANUAL), quarter(1, 2.0, flags=IntervalFlag.MANUAL | IntervalFlag.ROLLOVER)]
    whole = compose(parts, QUARTERS[:3], COUNTER, FAR_US)
    assert (whole.exact, whole.flags) == (Decimal(3), IntervalFlag.MANUAL | IntervalFlag.ROLLOVER)
    assert compose([parts[0], quarter(1, 2.0)], QUARTERS[:3], COUNTER, FAR_US).flags == 0


def test_hourly_totals_lack_nothing_in_the_quarters_that_have_none() -> None:
    law = PointLaw(Kind.INTERVAL_TOTAL, expected_us=HOUR_US)
    parts = intervals_of([(at("10:00"), 5.5)], law, edges("10:00", "11:00"))
    whole = compose(parts, QUARTERS, law, FAR_US)
    assert (whole.exact, whole.coverage, whole.quality, whole.flags) == (Decimal("5.5"), 1.0, Quality.GOOD, 0)
    assert compose([], QUARTERS, law, FAR_US).flags == IntervalFlag.MISSING
    events = PointLaw(Kind.EVENT)
    none = compose(intervals_of([], events, edges("10:00", "11:00")), QUARTERS, events, FAR_US)
    assert (none.value, none.samples, none.flags) == (None, 0, 0)


def test_intervals_of_other_edges_are_refused() -> None:
    with pytest.raises(ValueError, match="no interval begins at"):
        compose([quarter(0, 1.0)], [at("10:05"), at("11:05")], COUNTER, FAR_US)


ROWS = st.lists(
    st.tuples(st.integers(-1200, 15_000), st.integers(0, 1000), st.sampled_from([192, 192, 192, 64])),
    min_size=1,
    max_size=200,
    unique_by=lambda row: row[0],
)


@given(ROWS, st.sampled_from([COUNTER, GAUGE, PointLaw(Kind.INTERVAL_TOTAL), PointLaw(Kind.EVENT)]))
def test_hours_from_quarters_are_the_hours_from_the_readings(rows: list[tuple[int, int, int]], law: PointLaw) -> None:
    register, readings = 0, list[Row]()
    for second, value, quality in sorted(rows):
        register += value
        told = register if law.kind is Kind.COUNTER else value
        readings.append((at("08:00") + second * SECOND_US, told / 10, quality))
    hours = edges("08:00", "12:00", HOUR_US)
    quarters = intervals_of(readings, law, edges("08:00", "12:00", QUARTER_US))
    for n, direct in enumerate(intervals_of(readings, law, hours)):
        four = quarters[4 * n : 4 * n + 4]
        whole = compose(four, [*(part.start_us for part in four), int(hours[n + 1])], law, FAR_US, partial=True)
        assert whole.exact == direct.exact
        assert (whole.min, whole.max, whole.samples, whole.expected) == (
            direct.min,
            direct.max,
            direct.samples,
            direct.expected,
        )
        if law.kind is not Kind.INTERVAL_TOTAL:
            assert whole.coverage == pytest.approx(direct.coverage)
            assert whole.flags & ~IntervalFlag.INCOMPLETE == direct.flags & ~IntervalFlag.INCOMPLETE
        assert (whole.value is None) == (direct.value is None)
        if direct.value is not None:
            assert whole.value == pytest.approx(direct.value, rel=1e-9, abs=1e-9)
