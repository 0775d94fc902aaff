"""Longer means, by the worked examples of CR-21 and CR-22, and on both sides of each edge."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.averages import HoursOfDay, LongMean, long_mean, rolling_mean
from ems_telemetry.rules.profiles import LongMeanProfile, RollingProfile, profile_of

pytestmark = pytest.mark.unit

THIRTY = profile_of("us_30_day_rolling@1", RollingProfile)
TWO = replace(THIRTY, id="permit_3@1", days=2)
DAY_24H = profile_of("de_39bimschv_24h@1", LongMeanProfile)
YEAR = profile_of("de_39bimschv_year@1", LongMeanProfile)
FIRST = date(2026, 3, 1)
A = HoursOfDay(FIRST, operated=True, valid=[Decimal(100)] * 24)
B = HoursOfDay(FIRST + timedelta(days=1), operated=True, valid=[Decimal(200)] * 6)
values = st.decimals(-1000, 1000, places=3)


def test_cr_21_a_rolling_mean_is_of_hours_and_not_of_days() -> None:
    assert rolling_mean([A, B], TWO) == LongMean(
        Decimal(120), (), 30, "permit_3@1", "valid hours: 30 of the last 2 operating days, 2026-03-01 to 2026-03-02"
    )


def test_cr_21_days_without_operation_are_passed_over_and_older_ones_fall_out() -> None:
    stood = HoursOfDay(FIRST + timedelta(days=2), operated=False, valid=[Decimal(999)])
    older = HoursOfDay(FIRST - timedelta(days=1), operated=True, valid=[Decimal(999)])
    assert rolling_mean([stood, B, older, A], TWO) == rolling_mean([A, B], TWO)


def test_cr_21_there_is_no_mean_of_thirty_days_on_the_29th() -> None:
    days = [HoursOfDay(FIRST + timedelta(days=n), operated=True, valid=[Decimal(n)]) for n in range(30)]
    early = rolling_mean(days[:29], THIRTY)
    assert (early.value, early.flags, early.reason) == (None, ("insufficient",), "operating days: 29; 30 are needed")
    assert rolling_mean(days, THIRTY).value == Decimal("14.5")


def test_cr_21_without_a_valid_hour_there_is_nothing_to_take_a_mean_of() -> None:
    empty = [each._replace(valid=[]) for each in (A, B)]
    with pytest.raises(CannotComputeError, match="2026-03-01 to 2026-03-02 is valid: there is nothing to take a mean of"):
        rolling_mean(empty, TWO)
    assert rolling_mean([A, empty[1]], TWO).value == Decimal(100)


def test_days_that_come_twice_or_not_at_all_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="2026-03-01 comes twice"):
        rolling_mean([A, A], TWO)
    with pytest.raises(CannotComputeError, match="there is no day"):
        rolling_mean([], TWO)
    with pytest.raises(CannotComputeError, match="an hour of 2026-03-01 is NaN"):
        rolling_mean([A._replace(valid=[Decimal("NaN")]), B], TWO)


def test_cr_22_a_day_of_17_valid_hours_has_no_mean() -> None:
    assert long_mean([Decimal(1)] * 17, 24, DAY_24H) == LongMean(
        None, ("insufficient",), 17, "de_39bimschv_24h@1", "valid hours: 17 of 24; 18 are needed"
    )


def test_cr_22_a_day_of_18_valid_hours_has_one() -> None:
    found = long_mean([Decimal(n) for n in range(18)], 24, DAY_24H)
    assert (found.value, found.flags) == (Decimal("8.5"), ())


@pytest.mark.parametrize(
    ("hours", "expected", "is_enough"), [(7884, 8760, True), (7883, 8760, False), (7906, 8784, True), (7905, 8784, False)]
)
def test_cr_22_a_year_needs_90_percent_of_its_hours(hours: int, expected: int, is_enough: bool) -> None:  # noqa: FBT001
    assert (long_mean([Decimal(1)] * hours, expected, YEAR).value is not None) is is_enough


def test_cr_22_nothing_is_insufficient_and_not_zero() -> None:
    for expected in (24, 0):
        found = long_mean([], expected, YEAR)
        assert (found.value, found.flags) == (None, ("insufficient",))


def test_hours_that_cannot_be_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="25 valid hours of 24 hours"):
        long_mean([Decimal(1)] * 25, 24, DAY_24H)
    with pytest.raises(CannotComputeError, match="a valid hour is Infinity"):
        long_mean([Decimal("Infinity")] * 18, 24, DAY_24H)


@given(st.lists(st.lists(values, max_size=24), min_size=2, max_size=10), st.integers(1, 5))
def test_the_rolling_mean_lies_between_the_least_and_the_greatest_hour(hours: list[list[Decimal]], last: int) -> None:
    days = [HoursOfDay(FIRST + timedelta(days=n), operated=True, valid=valid) for n, valid in enumerate(hours)]
    counted = [value for valid in hours[-last:] for value in valid]
    assume(len(days) >= last and counted)
    found = rolling_mean(days, replace(THIRTY, days=last))
    assert found.hours == len(counted)
    assert found.value is not None
    assert min(counted) <= found.value <= max(counted)


@given(st.lists(values, min_size=1, max_size=24))
def test_a_mean_of_one_day_is_that_of_its_hours_whichever_rule_takes_it(valid: list[Decimal]) -> None:
    every = LongMeanProfile(id="all@1", source="this test", least_hours=1, least_share=None)
    rolled = rolling_mean([HoursOfDay(FIRST, operated=True, valid=valid)], replace(THIRTY, days=1))
    assert rolled.value == long_mean(valid, 24, every).value
