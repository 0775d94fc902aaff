"""Availability and layers, by the worked examples of CR-19, CR-20 and the first figure of CR-17."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.availability import (
    DayAvailability,
    Layers,
    QuarterAvailability,
    judge_day_availability,
    judge_quarter_availability,
    monitor_availability,
)
from ems_telemetry.rules.profiles import AvailabilityProfile, LadderProfile, profile_of

pytestmark = pytest.mark.unit

US = profile_of("us_cems_75_90@1", AvailabilityProfile)
SO2 = profile_of("us_part75_so2@1", LadderProfile)
FIRST = date(2026, 1, 1)
counts = st.integers(0, 10_000)


def quarter(met: int, operating: int, stood: int = 0) -> QuarterAvailability:
    valid = [24] * met + [0] * (operating - met)
    days = [judge_day_availability(FIRST + timedelta(days=n), each, 24, US) for n, each in enumerate(valid)]
    days += [judge_day_availability(FIRST + timedelta(days=operating + n), 0, 0, US) for n in range(stood)]
    return judge_quarter_availability(days, US)


def test_cr_19_a_day_meets_with_15_of_20_operating_hours() -> None:
    assert judge_day_availability(FIRST, 15, 20, US) == DayAvailability(
        FIRST, Decimal(75), meets=True, profile="us_cems_75_90@1", reason="valid hours: 15 of 20 (75 %); 75 % are needed"
    )


def test_cr_19_a_day_does_not_meet_with_14_of_20_operating_hours() -> None:
    day = judge_day_availability(FIRST, 14, 20, US)
    assert (day.percent, day.meets) == (Decimal(70), False)


def test_cr_19_a_quarter_meets_with_81_of_90_operating_days() -> None:
    found = quarter(81, 90)
    assert (found.operating_days, found.days_met, found.percent, found.meets) == (90, 81, Decimal(90), True)


def test_cr_19_a_quarter_with_80_of_90_operating_days_is_a_deviation() -> None:
    found = quarter(80, 90)
    assert found.meets is False
    assert found.percent is not None
    assert round(found.percent, 1) == Decimal("88.9")
    assert found.reason == "operating days that meet: 80 of 90 (88.89 %); 90 % are needed"


def test_cr_19_a_day_without_operating_hours_is_not_counted() -> None:
    day = judge_day_availability(FIRST, 0, 0, US)
    assert (day.percent, day.meets, day.reason) == (None, None, "no operating hours: not counted")
    assert quarter(9, 10, stood=80) == quarter(9, 10)


def test_cr_19_a_quarter_without_operating_days_is_not_counted() -> None:
    assert quarter(0, 0, stood=90) == QuarterAvailability(0, 0, None, None, US.id, "no operating days: not counted")


def test_a_quarter_is_of_days_of_one_quarter_judged_alike() -> None:
    day = judge_day_availability(FIRST, 24, 24, US)
    with pytest.raises(CannotComputeError, match="more than one quarter"):
        judge_quarter_availability([day, judge_day_availability(date(2026, 4, 1), 24, 24, US)], US)
    with pytest.raises(CannotComputeError, match="2026-01-01 comes twice"):
        judge_quarter_availability([day, day], US)
    with pytest.raises(CannotComputeError, match="there is no day"):
        judge_quarter_availability([], US)
    with pytest.raises(CannotComputeError, match="was judged by us_cems_75_90@1; judge all days by permit_7@1"):
        judge_quarter_availability([day], replace(US, id="permit_7@1"))


@pytest.mark.parametrize(
    ("valid", "operating", "message"),
    [
        (-1, 20, "-1 valid hours: a count is zero or more"),
        (0, -1, "-1 operating hours: a count is zero or more"),
        (21, 20, "21 valid hours of 20 operating hours: a part is at most the whole"),
    ],
)
def test_hours_that_cannot_be_are_refused(valid: int, operating: int, message: str) -> None:
    with pytest.raises(CannotComputeError, match=message):
        judge_day_availability(FIRST, valid, operating, US)
    with pytest.raises(CannotComputeError, match=message):
        monitor_availability(valid, operating, SO2)


def test_cr_17_8410_of_8760_hours_are_96_percent() -> None:
    assert round(monitor_availability(8410, 8760, SO2), 2) == Decimal("96.00")
    assert monitor_availability(8322, 8760, SO2) == Decimal(95)
    assert round(monitor_availability(8321, 8760, SO2), 2) == Decimal("94.99")


def test_cr_17_a_unit_that_has_not_run_so_long_is_measured_by_what_it_ran() -> None:
    assert monitor_availability(90, 100, SO2) == Decimal(90)
    with pytest.raises(CannotComputeError, match="known from the first one on"):
        monitor_availability(0, 0, SO2)
    with pytest.raises(CannotComputeError, match="8761 operating hours of 8760 in the window"):
        monitor_availability(8000, 8761, SO2)


def test_cr_20_the_layers_of_a_month_add_up() -> None:
    month = Layers(720, 700, 15, Decimal(70_000), Decimal(1_500))
    assert (month.missing, month.total) == (5, Decimal(71_500))
    assert round(month.measured_percent, 2) == Decimal("97.22")
    assert round(month.complete_percent, 2) == Decimal("99.31")


@pytest.mark.parametrize(
    ("expected", "measured", "substituted", "message"),
    [
        (10, 11, 0, "11 measured of 10 expected"),
        (10, 8, 3, "3 substituted of 2 expected and not measured"),
        (10, -1, 0, "-1 measured"),
        (10, 0, -1, "-1 substituted"),
        (-1, 0, 0, "-1 expected"),
    ],
)
def test_cr_20_layers_that_do_not_add_up_are_refused(expected: int, measured: int, substituted: int, message: str) -> None:
    with pytest.raises(CannotComputeError, match=message):
        Layers(expected, measured, substituted, Decimal(0), Decimal(0))


@given(counts, counts, counts)
def test_layers_add_up_and_substitutes_never_raise_the_availability(measured: int, substituted: int, missing: int) -> None:
    expected = measured + substituted + missing
    layers = Layers(expected, measured, substituted, Decimal(measured), Decimal(substituted))
    assert layers.missing == missing
    assert layers.measured_percent == Layers(expected, measured, 0, Decimal(measured), Decimal(0)).measured_percent
    assert layers.measured_percent <= layers.complete_percent <= 100
    assert (layers.complete_percent == 100) == (missing == 0)


def test_callers_context_does_not_matter() -> None:
    layers = Layers(720, 700, 15, Decimal("70000.25"), Decimal("1500.25"))
    expected = layers.total, layers.measured_percent, monitor_availability(8321, 8760, SO2)
    with localcontext() as context:
        context.prec = 3
        assert (layers.total, layers.measured_percent, monitor_availability(8321, 8760, SO2)) == expected


@given(st.integers(0, 24), st.integers(1, 24))
def test_one_more_valid_hour_never_loses_the_day(valid: int, operating: int) -> None:
    assume(valid < operating)
    before = judge_day_availability(FIRST, valid, operating, US)
    after = judge_day_availability(FIRST, valid + 1, operating, US)
    assert after.meets or not before.meets
