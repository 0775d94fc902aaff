"""What stands in for missing values, by the worked examples of CR-16, CR-17 and CR-18, and on both sides of each edge."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import mean, settle
from ems_telemetry.rules.given import Point
from ems_telemetry.rules.profiles import DeviationProfile, LadderProfile, NeighbourProfile, profile_of
from ems_telemetry.rules.substitution import (
    Gap,
    Outage,
    Substitute,
    outages,
    substitute_by_deviation,
    substitute_by_ladder,
    substitute_by_neighbours,
)

pytestmark = pytest.mark.unit

MRR = profile_of("eu_mrr45@1", DeviationProfile)
SO2 = profile_of("us_part75_so2@1", LadderProfile)
PROPERTY = profile_of("us_part98_property@1", NeighbourProfile)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
concentrations = st.decimals(min_value=0, max_value=1000, places=3)


def latest(p90: int = 260, p95: int = 275, maximum: int = 310) -> list[Decimal]:
    """720 hours whose 648th, 684th and last in order of size are these."""
    return [Decimal(n) for n in [100] * 647 + [p90] + [p90 + 1] * 35 + [p95] + [p95 + 1] * 35 + [maximum]]


def gap(hours: int, availability: str) -> Gap:
    return Gap(hours, Decimal(210), Decimal(230), latest(), Decimal(availability), Decimal(500))


def value(of: Gap) -> Decimal:
    return substitute_by_ladder(of, SO2).value


def test_cr_16_a_missing_hour_is_the_mean_and_two_standard_deviations() -> None:
    found = substitute_by_deviation([Decimal(n) for n in (100, 110, 90, 105, 95)], MRR)
    assert round(found.value, 6) == Decimal("115.811388")
    assert (found.method, found.flag) == ("eu_mrr45@1", "substituted:mrr45")
    assert found.inputs == (
        "5 valid hours of the reporting period",
        "mean 100",
        "standard deviation (n - 1) 7.90569415042",
        "mean + 2 standard deviations",
    )


@pytest.mark.parametrize("valid", [[], [Decimal(100)]])
def test_cr_16_one_hour_has_no_deviation(valid: list[Decimal]) -> None:
    with pytest.raises(CannotComputeError, match="a standard deviation needs 2"):
        substitute_by_deviation(valid, MRR)


@pytest.mark.parametrize(("days", "notify_on"), [(5, None), (6, date(2026, 3, 7)), (9, date(2026, 3, 7))])
def test_cr_16_the_sixth_day_out_in_a_row_is_told(days: int, notify_on: date | None) -> None:
    first = date(2026, 3, 2)
    out = [first + timedelta(days=n) for n in range(days)]
    assert outages(reversed(out), MRR) == (Outage(first, out[-1], notify_on),)


def test_cr_16_days_that_are_not_in_a_row_are_outages_of_their_own() -> None:
    out = [date(2026, 3, n) for n in (1, 2, 3, 5, 6, 7, 7)]
    assert outages(out, MRR) == (
        Outage(date(2026, 3, 1), date(2026, 3, 3), None),
        Outage(date(2026, 3, 5), date(2026, 3, 7), None),
    )
    assert outages([], MRR) == ()


def test_cr_17_a_short_gap_is_the_mean_of_the_hours_around_it() -> None:
    found = substitute_by_ladder(gap(6, "96.00"), SO2)
    assert found == Substitute(
        Decimal(220),
        "us_part75_so2@1",
        "substituted:part75_so2",
        (
            "availability 96 %, at least 95 %",
            "a gap of 6 h",
            "not more than 24 h",
            "mean of the hour before, 210, and after, 230: 220",
        ),
    )


def test_cr_17_a_long_gap_is_the_90th_percentile() -> None:
    found = substitute_by_ladder(gap(30, "96.00"), SO2)
    assert found.value == Decimal(260)
    assert found.inputs[2:] == (
        "more than 24 h",
        "90th percentile by nearest rank of the latest 720 valid hours: 260",
        "mean of the hour before, 210, and after, 230: 220",
        "the greater of both",
    )


def test_cr_17_a_lower_availability_takes_the_95th_percentile() -> None:
    assert value(gap(9, "92")) == Decimal(275)


def test_cr_17_below_90_percent_the_maximum_substitutes() -> None:
    found = substitute_by_ladder(gap(1, "85")._replace(before=None, after=None), SO2)
    assert found.value == Decimal(310)
    assert found.inputs[1:] == ("a gap of 1 h", "maximum of the latest 720 valid hours: 310")


def test_cr_17_below_80_percent_the_maximum_potential_substitutes() -> None:
    found = substitute_by_ladder(gap(1, "78"), SO2)
    assert (found.value, found.inputs) == (Decimal(500), ("availability 78 %, below 80 %", "maximum potential 500"))


@pytest.mark.parametrize(
    ("hours", "availability", "expected"),
    [
        (24, "95.00", 220),
        (25, "95.00", 260),
        (24, "94.99", 275),
        (8, "94.99", 220),
        (8, "90.00", 220),
        (9, "90.00", 275),
        (8, "89.99", 310),
        (1, "80.00", 310),
        (1, "79.99", 500),
        (1, "0", 500),
        (1, "100", 220),
    ],
)
def test_cr_17_each_rung_on_both_sides_of_its_edge(hours: int, availability: str, expected: int) -> None:
    assert value(gap(hours, availability)) == Decimal(expected)


def test_cr_17_a_long_gap_is_never_less_than_the_hours_around_it() -> None:
    assert value(gap(25, "96")._replace(after=Decimal(400))) == Decimal(305)
    assert value(gap(9, "92")._replace(after=Decimal(400))) == Decimal(305)


def test_cr_17_only_the_latest_720_valid_hours_count_and_fewer_are_told() -> None:
    assert value(gap(1, "85")._replace(latest=[Decimal(9999), *latest()])) == Decimal(310)
    assert value(gap(1, "85")._replace(latest=[Decimal(9999), *latest()[1:]])) == Decimal(9999)
    found = substitute_by_ladder(gap(30, "96")._replace(latest=[Decimal(n) for n in range(301, 311)]), SO2)
    assert found.value == Decimal(309)
    assert "there are not yet 720" in found.inputs


@pytest.mark.parametrize(
    ("given_gap", "message"),
    [
        (gap(0, "96"), "a gap of 0 h: one has an hour or more"),
        (gap(-1, "96"), "a gap of -1 h"),
        (gap(1, "100.01"), "an availability of 100.01 %"),
        (gap(1, "NaN"), "the availability is NaN, which is no number"),
        (gap(1, "-1"), "an availability of -1 %"),
        (gap(1, "78")._replace(maximum_potential=None), "needs the maximum potential; give it as the monitoring plan has it"),
        (gap(1, "96")._replace(before=None), "no valid hour before the gap"),
        (gap(1, "96")._replace(after=None), "no valid hour after the gap yet; substitute when it has ended"),
        (gap(25, "96")._replace(after=None), "no valid hour after the gap yet"),
        (gap(25, "96")._replace(latest=[]), "no valid hour before the gap, of which us_part75_so2@1 takes the latest"),
        (gap(1, "96")._replace(after=Decimal("Infinity")), "the hour after is Infinity, which is no number"),
    ],
)
def test_cr_17_what_a_rung_lacks_is_told(given_gap: Gap, message: str) -> None:
    with pytest.raises(CannotComputeError, match=message):
        substitute_by_ladder(given_gap, SO2)


@given(
    st.integers(1, 100),
    st.lists(concentrations, min_size=1, max_size=60),
    concentrations,
    st.decimals(0, 100, places=2),
    st.decimals(0, 100, places=2),
)
def test_a_lower_availability_never_gives_a_lower_substitute(
    hours: int, valid: list[Decimal], after: Decimal, one: Decimal, other: Decimal
) -> None:
    assume(after <= max(valid))  # above all that was measured before, the maximum of the third rung may lie below the mean
    low, high = sorted((one, other))
    whole = Gap(hours, valid[-1], after, valid, high, Decimal(1000))
    assert substitute_by_ladder(whole._replace(availability_percent=low), SO2).value >= substitute_by_ladder(whole, SO2).value


def test_cr_18_a_missing_heating_value_is_the_mean_of_those_around_it() -> None:
    samples = [
        Point(MONDAY, Decimal("1.026e-3")),
        Point(MONDAY + timedelta(days=14), Decimal("1.034e-3")),
        Point(MONDAY - timedelta(days=7), Decimal("9e-3")),
        Point(MONDAY + timedelta(days=21), Decimal("9e-3")),
    ]
    assert substitute_by_neighbours(MONDAY + timedelta(days=7), samples, PROPERTY) == Substitute(
        Decimal("1.030e-3"),
        "us_part98_property@1",
        "substituted:part98_35",
        (
            "the value before, 0.001026 of 2026-03-02T00:00:00+00:00",
            "the value after, 0.001034 of 2026-03-16T00:00:00+00:00",
            "mean of both",
        ),
    )


def test_cr_18_while_none_is_known_after_the_one_before_stands_in() -> None:
    found = substitute_by_neighbours(MONDAY + timedelta(days=7), [Point(MONDAY, Decimal("1.026e-3"))], PROPERTY)
    assert (found.value, found.inputs[-1]) == (Decimal("1.026e-3"), "none is known after")


def test_cr_18_where_none_was_before_the_first_after_stands_in() -> None:
    later = [Point(MONDAY + timedelta(days=n), Decimal(n)) for n in (9, 2, 5)]
    found = substitute_by_neighbours(MONDAY, later, PROPERTY)
    assert (found.value, found.inputs[-1]) == (Decimal(2), "none is known before")


@pytest.mark.parametrize(
    ("at", "samples", "message"),
    [
        (MONDAY, [], "no value is known before or after 2026-03-02"),
        (MONDAY, [Point(MONDAY, Decimal(1))], "a value was measured at"),
        (MONDAY.replace(tzinfo=None), [Point(MONDAY, Decimal(1))], "the time 2026-03-02T00:00:00 has no time zone"),
        (MONDAY, [Point(MONDAY.replace(tzinfo=None), Decimal(1))], "the value of 2026-03-02T00:00:00 has no time zone"),
    ],
)
def test_cr_18_what_has_no_neighbour_or_needs_none_is_refused(at: datetime, samples: list[Point], message: str) -> None:
    with pytest.raises(CannotComputeError, match=message):
        substitute_by_neighbours(at, samples, PROPERTY)


@given(st.lists(concentrations, min_size=2, max_size=50))
def test_a_missing_concentration_is_never_less_than_the_mean(valid: list[Decimal]) -> None:
    found = substitute_by_deviation(valid, MRR)
    assert found.value >= settle(mean(valid))
    assert found == substitute_by_deviation(list(reversed(valid)), MRR)
