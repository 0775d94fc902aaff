"""Counters by the worked examples of the calculation rules, and what else meters do to their registers."""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from interval_series import HOUR_US, MINUTE_US, QUARTER_US, SECOND_US, Row, at, edges, interval_of, intervals_of

from ems_telemetry.intervals.events import EventType, MeterEvent
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.model import Flag, Kind, Quality

pytestmark = pytest.mark.unit

QUARTERLY = PointLaw(Kind.COUNTER, expected_us=QUARTER_US, max_gap_us=2 * QUARTER_US)
MINUTELY = PointLaw(Kind.COUNTER, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US)
MILLION = Decimal(1_000_000)


def law(max_rate: float | None = None, modulus: Decimal | None = None) -> PointLaw:
    rate = None if max_rate is None else Decimal(str(max_rate))
    return PointLaw(Kind.COUNTER, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US, max_rate_per_h=rate, modulus=modulus)


def minutely(*values: float | None, start: str = "10:00") -> list[tuple[int, float | None]]:
    return [(at(start) + minute * MINUTE_US, value) for minute, value in enumerate(values)]


def test_an_increment_is_the_difference_of_the_register_at_the_edges() -> None:
    rows = [(at("09:58"), 1000.0), (at("10:13"), 1015.0), (at("10:28"), 1033.0)]
    interval = interval_of(rows, QUARTERLY, "10:00", "10:15")
    assert interval.exact == Decimal("15.4")
    assert str(interval.exact) == "15.4"
    assert interval.value == 15.4
    assert (interval.min, interval.max, interval.samples, interval.expected) == (1015.0, 1015.0, 1, 1)
    assert (interval.coverage, interval.quality, interval.flags) == (1.0, Quality.GOOD, 0)


@pytest.mark.parametrize(
    ("max_rate", "increment", "flags", "quality"),
    [
        (3000, "35.9375", IntervalFlag.ROLLOVER, Quality.GOOD),
        (1000, "20", IntervalFlag.RESET | IntervalFlag.LOWER_BOUND, Quality.UNCERTAIN),
        (None, "35.9375", IntervalFlag.ROLLOVER, Quality.UNCERTAIN),
    ],
)
def test_a_rollover_is_what_the_fastest_rise_allows(max_rate: int | None, increment: str, flags: int, quality: int) -> None:
    rows = [(at("10:00:00"), 999984.0625), (at("10:01:01"), 20.0)]
    interval = interval_of(rows, law(max_rate, MILLION), "10:00:00", "10:01:01")
    assert interval.exact == Decimal(increment)
    assert (interval.flags, interval.quality) == (flags, quality)


def test_a_reset_that_nobody_declared_gives_what_was_counted_since() -> None:
    rows = [(at("10:00"), 56842220.8), (at("10:01"), 12.4)]
    interval = interval_of(rows, MINUTELY, "10:00", "10:01")
    assert interval.exact == Decimal("12.4")
    assert interval.flags == IntervalFlag.RESET | IntervalFlag.LOWER_BOUND
    assert interval.quality == Quality.UNCERTAIN


REPLACEMENT_ROWS = [(at("09:50"), 12300.0), (at("10:00"), 12340.0), (at("10:14"), 9.7)]
REPLACEMENT = [
    MeterEvent(at("2026-01-01T00:00"), EventType.RATIO_CHANGE, multiplier=Decimal(20)),
    MeterEvent(at("10:05"), EventType.REPLACEMENT, Decimal("12352.5"), Decimal("3.2"), Decimal(40)),
]


def test_a_declared_replacement_counts_both_meters_with_their_ratios() -> None:
    interval = interval_of(REPLACEMENT_ROWS, QUARTERLY, "10:00", "10:14", events=REPLACEMENT)
    assert interval.exact == Decimal("510.0")
    assert (interval.flags, interval.quality) == (IntervalFlag.REPLACEMENT, Quality.GOOD)
    parts = intervals_of(REPLACEMENT_ROWS, QUARTERLY, edges("10:00", "10:10", 5 * MINUTE_US), events=REPLACEMENT)
    assert parts[0].exact == Decimal(250)
    assert [part.flags for part in parts] == [0, IntervalFlag.REPLACEMENT]


def test_the_same_reads_without_the_event_are_a_questionable_reset() -> None:
    interval = interval_of(REPLACEMENT_ROWS, QUARTERLY, "10:00", "10:14")
    assert interval.exact == Decimal("9.7")
    assert interval.flags == IntervalFlag.RESET | IntervalFlag.LOWER_BOUND
    assert interval.quality == Quality.UNCERTAIN


def test_over_a_gap_the_total_is_measured_and_its_distribution_estimated() -> None:
    rows = [(at("2026-03-01T23:59:48"), 38312088.0), (at("06:14:49"), 38315900.0)]
    bounds = edges("2026-03-01T23:00", "07:00", HOUR_US)
    intervals = intervals_of(rows, MINUTELY, bounds)
    increments = [interval.exact or Decimal(0) for interval in intervals]
    six_places = [increment.quantize(Decimal("1e-6"), ROUND_HALF_EVEN) for increment in increments]
    assert six_places == [Decimal("2.032976"), *[Decimal("609.892894")] * 6, Decimal("150.609662")]
    assert sum(increments) == 3812
    assert all(interval.flags & IntervalFlag.ESTIMATED for interval in intervals)
    assert [interval.coverage for interval in intervals] == [0.0] * 8
    assert [interval.quality for interval in intervals[1:-1]] == [Quality.UNCERTAIN] * 6


def test_a_gap_covers_nothing_beside_what_was_measured_around_it() -> None:
    rows = [*minutely(0, 1, 2, 3, 4, 5), *minutely(10, 11, 12, 13, 14, 15, start="10:10")]
    interval = interval_of(rows, MINUTELY, "10:00", "10:15")
    assert (interval.exact, interval.coverage) == (Decimal(15), 10 / 15)
    assert (interval.flags, interval.quality) == (IntervalFlag.ESTIMATED, Quality.UNCERTAIN)


def test_what_is_missing_is_null_and_never_zero() -> None:
    rows = minutely(100, 101, 102)
    before, within, behind = intervals_of(rows, MINUTELY, edges("09:45", "10:30"))
    for outside in (before, behind):
        assert (outside.value, outside.exact, outside.coverage, outside.quality) == (None, None, 0.0, Quality.BAD)
        assert outside.flags == IntervalFlag.MISSING
    assert (within.exact, within.flags) == (Decimal(2), IntervalFlag.INCOMPLETE)
    assert intervals_of([], MINUTELY, edges("10:00", "10:15"))[0].flags == IntervalFlag.MISSING


def test_one_reading_alone_is_no_increment() -> None:
    interval = interval_of([(at("10:05"), 100.0)], MINUTELY, "10:00", "10:15")
    assert (interval.value, interval.samples, interval.flags) == (None, 1, IntervalFlag.MISSING)


def test_spikes_are_left_out_and_the_increment_spans_them() -> None:
    rows = minutely(115603.0, *[1.83e21] * 14, 115749.0, start="10:00")
    interval = interval_of(rows, law(max_rate=1000), "10:00", "10:15")
    assert interval.exact == Decimal(146)
    assert (interval.samples, interval.max) == (1, 115603.0)
    assert interval.flags == IntervalFlag.SPIKE | IntervalFlag.ESTIMATED
    assert interval_of(rows, MINUTELY, "10:00", "10:15").exact == Decimal(146)


@pytest.mark.parametrize("max_rate", [None, 60])
@pytest.mark.parametrize("dips", [[0.0], [0.0, 0.1, 0.2]])
def test_a_counter_that_falls_to_zero_and_recovers_books_nothing_of_its_lifetime(
    max_rate: int | None, dips: list[float]
) -> None:
    rows = minutely(15507.5, 15508.0, *dips, 15509.0, 15509.5)
    stop = f"10:{3 + len(dips):02}"
    interval = interval_of(rows, law(max_rate), "10:00", stop)
    assert interval.exact == Decimal("2.0")
    assert interval.flags & IntervalFlag.DIP
    assert not interval.flags & (IntervalFlag.RESET | IntervalFlag.ROLLOVER)


def test_a_peak_that_comes_back_in_one_step_is_left_out() -> None:
    rows = minutely(1000, 1001, 900_000, 1003, 1004)
    interval = interval_of(rows, MINUTELY, "10:00", "10:04")
    assert (interval.exact, interval.flags, interval.samples) == (Decimal(4), IntervalFlag.SPIKE, 3)


def test_a_lifetime_that_comes_back_after_long_zeros_is_not_booked() -> None:
    rows = minutely(15508.0, *[0.0] * 30, *(15508.0 + step / 2 for step in range(1, 19)))
    first, _, third, fourth = intervals_of(rows, MINUTELY, edges("10:00", "11:00"))
    assert (first.exact, first.flags) == (Decimal(0), IntervalFlag.RESET | IntervalFlag.LOWER_BOUND)
    assert (third.value, third.quality) == (None, Quality.BAD)
    assert third.flags & IntervalFlag.UNEXPLAINED
    assert fourth.value != 0


@pytest.mark.parametrize("away_minutes", [1, 480])
def test_a_lifetime_that_comes_back_after_days_of_counting_anew_is_not_booked(away_minutes: int) -> None:
    anew = [(at("2026-03-01T10:00") + n * HOUR_US, float(n)) for n in range(22)]
    back = [(anew[-1][0] + (away_minutes + n) * MINUTE_US, 15508.0 + n / 2) for n in range(20)]
    bounds = edges("2026-03-01T10:00", "2026-03-02T20:00", 34 * HOUR_US)
    interval = intervals_of([*anew, *back], replace(MINUTELY, max_gap_us=2 * HOUR_US), bounds)[0]
    assert interval.value is None
    assert interval.flags & IntervalFlag.UNEXPLAINED


def test_what_a_new_meter_counted_while_nobody_heard_it_is_booked() -> None:
    rows = [(at("2026-02-20T10:00"), 0.0), (at("2026-02-20T11:00"), 4.0), *minutely(900, 900.1, 900.2, 900.2, 900.3)]
    interval = interval_of(rows, MINUTELY, "2026-02-20T11:00", "10:04")
    assert interval.exact == Decimal("896.3")


def test_a_new_meter_begins_at_zero_and_counts() -> None:
    rows = minutely(0, 0, 0, 1, 1, 2, 2, 3)
    assert interval_of(rows, MINUTELY, "10:00", "10:07").exact == 3


def test_a_fall_that_is_neither_rollover_nor_reset_is_null_and_flagged() -> None:
    rows = minutely(12340, 12341, 8000, 8001, 8002)
    parts = intervals_of(rows, MINUTELY, edges("10:00", "10:04", MINUTE_US))
    assert [part.exact for part in parts] == [1, None, 1, 1]
    assert (parts[1].flags, parts[1].quality, parts[1].coverage) == (IntervalFlag.UNEXPLAINED, Quality.BAD, 0.0)


def test_a_register_that_trembles_is_not_counted_twice() -> None:
    rows = minutely(1000.0, 1000.1, 1000.0, 999.9, 1000.3, 1000.4)
    interval = interval_of(rows, MINUTELY, "10:00", "10:05")
    assert (interval.exact, interval.flags) == (Decimal("0.4"), IntervalFlag.DIP | IntervalFlag.ESTIMATED)


@pytest.mark.parametrize("max_rate", [None, 60])
@pytest.mark.parametrize("garbage", [1.7e308, -1.7e308, 5e-324, 3.4e38])
def test_no_garbage_stops_the_computation(garbage: float, max_rate: int | None) -> None:
    rows = minutely(garbage, 100, 101, garbage, garbage, 102, *range(103, 130), garbage)
    parts = intervals_of(rows, law(max_rate), edges("10:00", "10:45"))
    assert parts[1].exact == 15
    assert all(part.exact is None or abs(part.exact) < 1000 for part in parts)
    assert intervals_of(rows, PointLaw(Kind.GAUGE), edges("10:00", "10:15"))[0].samples == 15


@pytest.mark.parametrize("max_rate", [None, 60])
def test_a_register_behind_garbage_is_no_reset(max_rate: int | None) -> None:
    rows = minutely(3.4e38, 15508, *(15508.5 + n / 2 for n in range(30)))
    parts = intervals_of(rows, law(max_rate), edges("10:00", "10:30"))
    assert [part.exact for part in parts] == [None, Decimal("7.5")]
    assert parts[0].flags == IntervalFlag.UNEXPLAINED


def test_a_rise_that_stays_is_unexplained_and_the_new_level_goes_on() -> None:
    rows = minutely(100, 101, *(50_000 + step for step in range(30)))
    parts = intervals_of(rows, law(max_rate=100), edges("10:00", "10:30", 10 * MINUTE_US))
    assert [part.exact for part in parts] == [None, 10, 10]
    assert parts[0].flags == IntervalFlag.UNEXPLAINED


def test_a_rise_too_fast_with_nothing_behind_it_waits_for_what_comes() -> None:
    rows = minutely(100, 101, 50_000)
    interval = interval_of(rows, law(max_rate=100), "10:00", "10:05")
    assert (interval.exact, interval.flags) == (Decimal(1), IntervalFlag.SPIKE | IntervalFlag.INCOMPLETE)


@pytest.mark.parametrize(
    ("event", "increment", "flags"),
    [
        (MeterEvent(at("10:01"), EventType.RESET, Decimal(505), Decimal(0)), 9, IntervalFlag.RESET),
        (MeterEvent(at("10:01"), EventType.RESET), 4, IntervalFlag.RESET | IntervalFlag.LOWER_BOUND),
        (MeterEvent(at("10:01"), EventType.REPLACEMENT, Decimal(505)), 5, IntervalFlag.REPLACEMENT | IntervalFlag.LOWER_BOUND),
        (MeterEvent(at("10:01"), EventType.ROLLOVER, Decimal(1000), Decimal(0)), 504, IntervalFlag.ROLLOVER),
        (
            MeterEvent(at("10:01"), EventType.ROLLOVER),
            4,
            IntervalFlag.ROLLOVER | IntervalFlag.LOWER_BOUND | IntervalFlag.UNKNOWN_MODULUS,
        ),
    ],
)
def test_what_is_declared_comes_before_any_guess(event: MeterEvent, increment: int, flags: int) -> None:
    interval = interval_of(minutely(500, None, 4), MINUTELY, "10:00", "10:02", events=[event])
    assert (interval.exact, interval.flags) == (Decimal(increment), flags)
    declared_whole = not flags & IntervalFlag.LOWER_BOUND
    assert interval.quality == (Quality.GOOD if declared_whole else Quality.UNCERTAIN)


def test_a_declared_rollover_uses_the_modulus() -> None:
    event = MeterEvent(at("10:01"), EventType.ROLLOVER)
    interval = interval_of(minutely(500, 4), law(modulus=Decimal(1000)), "10:00", "10:01", events=[event])
    assert (interval.exact, interval.quality) == (Decimal(504), Quality.GOOD)


def test_a_replacement_declared_at_the_minute_of_the_first_reading_leaves_nothing_out() -> None:
    event = MeterEvent(at("10:02"), EventType.REPLACEMENT, Decimal(501), Decimal(3))
    interval = interval_of(minutely(500, 501, 3.5, 4), law(max_rate=60), "10:00", "10:03", events=[event])
    assert (interval.exact, interval.flags) == (Decimal(2), IntervalFlag.REPLACEMENT)


def test_a_first_reading_of_the_new_meter_that_cannot_be_is_left_out() -> None:
    event = MeterEvent(at("10:02"), EventType.REPLACEMENT, Decimal(501), Decimal(3))
    interval = interval_of(minutely(500, 501, 501, 4, 5), law(max_rate=60), "10:00", "10:04", events=[event])
    assert (interval.exact, interval.flags) == (Decimal(3), IntervalFlag.REPLACEMENT | IntervalFlag.SPIKE)


def test_a_ratio_that_changes_counts_each_side_with_its_own() -> None:
    event = MeterEvent(at("10:01"), EventType.RATIO_CHANGE, multiplier=Decimal(10))
    rows = [(at("10:00"), 100.0), (at("10:02"), 104.0), (at("10:03"), 105.0)]
    interval = interval_of(rows, MINUTELY, "10:00", "10:03", events=[event])
    assert (interval.exact, interval.flags) == (Decimal(2 + 20 + 10), IntervalFlag.RATIO_CHANGE)


def test_a_declaration_that_contradicts_the_readings_is_unexplained() -> None:
    event = MeterEvent(at("10:01"), EventType.REPLACEMENT, Decimal(499), Decimal(3))
    interval = interval_of(minutely(500, None, 4), MINUTELY, "10:00", "10:02", events=[event])
    assert interval.value is None
    assert interval.flags == IntervalFlag.UNEXPLAINED | IntervalFlag.REPLACEMENT


def test_values_that_no_double_holds_are_counted_exactly() -> None:
    start = 2**63
    rows = [(at("10:00") + step * MINUTE_US, Decimal(start + 3 * step)) for step in range(16)]
    interval = interval_of(rows, MINUTELY, "10:00", "10:15")
    assert (interval.exact, interval.flags) == (Decimal(45), 0)


def test_an_uncertain_reading_makes_its_interval_uncertain_and_a_bad_one_is_no_reading() -> None:
    rows: list[Row] = [
        (at("10:00"), 1.0),
        (at("10:01"), 2.0, 64),
        (at("10:02"), 999.0, 0),
        (at("10:03"), 4.0),
        (at("10:04"), 5.0),
    ]
    first, second = intervals_of(rows, MINUTELY, edges("10:00", "10:04", 2 * MINUTE_US))
    assert (first.exact, first.quality, first.flags) == (Decimal(2), Quality.UNCERTAIN, IntervalFlag.UNCERTAIN)
    assert (second.exact, second.samples) == (Decimal(2), 1)


def test_what_people_read_is_marked_where_nothing_else_went_in() -> None:
    rows: list[Row] = [(at("10:00"), 1.0, 192, Flag.MANUAL), (at("10:30"), 7.0, 192, Flag.MANUAL), (at("10:45"), 8.0)]
    first, _, third = intervals_of(rows, QUARTERLY, edges("10:00", "10:45"))
    assert first.flags == IntervalFlag.MANUAL
    assert third.flags == 0


def test_an_interval_that_is_not_over_is_incomplete_and_only_what_has_passed_is_due() -> None:
    rows = minutely(*range(8))
    interval = interval_of(rows, MINUTELY, "10:00", "10:15", now="10:07:30")
    assert (interval.exact, interval.flags, interval.expected, interval.samples) == (Decimal(7), IntervalFlag.INCOMPLETE, 8, 8)
    assert interval.coverage == 7 / 15


def test_a_register_in_tenths_leaves_no_noise() -> None:
    rows = [(at("10:00") + step * 10 * SECOND_US, round(0.1 * step, 1)) for step in range(91)]
    interval = interval_of(rows, MINUTELY, "10:00", "10:15")
    assert str(interval.exact) == "9"
    assert str(interval_of(rows, MINUTELY, "10:00:03", "10:05:01").exact) == "2.98"


def test_zero_consumption_is_zero() -> None:
    interval = interval_of(minutely(*[5.0] * 16), MINUTELY, "10:00", "10:15")
    assert (interval.exact, interval.value, interval.flags, interval.quality) == (Decimal(0), 0.0, 0, Quality.GOOD)


def test_a_register_in_whole_units_that_is_polled_often_is_no_spike() -> None:
    seconds = [(n, 100.0 + n * 10 // 360) for n in range(91)]
    rows = [(at("10:00") + 10 * n * SECOND_US, value) for n, value in seconds]
    slow = PointLaw(Kind.COUNTER, expected_us=10 * SECOND_US, max_gap_us=20 * SECOND_US, max_rate_per_h=Decimal(10))
    interval = interval_of(rows, slow, "10:00", "10:15")
    assert (interval.exact, interval.flags, interval.coverage) == (Decimal(2), 0, 1.0)
    assert interval.quality == Quality.GOOD


def test_a_rise_that_stays_and_is_soon_accounted_for_is_no_spike() -> None:
    rows = minutely(100.0, 100.25, 103.25, 103.25, 103.25, 103.25, 103.25)
    interval = interval_of(rows, law(max_rate=60), "10:00", "10:06")
    assert (interval.exact, interval.flags, interval.samples) == (Decimal("3.25"), 0, 6)
