from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_series import HOUR_US, QUARTER_US, at

from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of, quarter_floor

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "UTC"]


def day(text: str, zone: str, *, standard_time: bool = False) -> list[int]:
    start = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    stop = (start.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=ZoneInfo(zone))
    return edges_of(Period.DAY, microseconds(start), microseconds(stop), ZoneInfo(zone), standard_time=standard_time)


@pytest.mark.parametrize(
    ("text", "zone", "quarters"),
    [
        ("2026-03-29", "Europe/Berlin", 92),
        ("2026-10-25", "Europe/Berlin", 100),
        ("2026-06-01", "Europe/Berlin", 96),
        ("2026-06-01", "Asia/Kathmandu", 96),
        ("2026-04-05", "Australia/Lord_Howe", 98),
        ("2026-10-04", "Australia/Lord_Howe", 94),
        ("2026-03-08", "America/Havana", 92),
        ("2026-11-01", "America/Havana", 100),
    ],
)
def test_a_local_day_has_the_quarters_its_clock_gives_it(text: str, zone: str, quarters: int) -> None:
    start_us, stop_us = day(text, zone)
    assert (stop_us - start_us) / QUARTER_US == quarters
    assert len(edges_of(Period.QUARTER, start_us, stop_us, BERLIN)) == quarters + 1


@pytest.mark.parametrize("text", ["2026-03-29", "2026-10-25", "2026-07-01"])
def test_standard_time_leaves_daylight_saving_out(text: str) -> None:
    start = datetime.fromisoformat(text).replace(tzinfo=UTC)
    bounds = edges_of(Period.DAY, microseconds(start), microseconds(start) + HOUR_US, BERLIN, standard_time=True)
    assert bounds == [microseconds(start - timedelta(hours=1)), microseconds(start + timedelta(hours=23))]


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    assert quarter_floor(at("10:15")) == at("10:15")
    assert quarter_floor(at("10:15") - 1) == at("10:00")
    assert quarter_floor(-1) == -QUARTER_US


@pytest.mark.parametrize(("zone", "minute"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Europe/Berlin", 0)])
def test_hours_begin_when_the_local_clock_shows_a_full_one(zone: str, minute: int) -> None:
    bounds = edges_of(Period.HOUR, at("09:55"), at("12:10"), ZoneInfo(zone))
    assert {moment_of(edge_us).minute for edge_us in bounds} == {minute}
    assert {later - earlier for earlier, later in pairwise(bounds)} == {HOUR_US}
    assert bounds[0] <= at("09:55") < bounds[1]
    assert bounds[-2] < at("12:10") <= bounds[-1]


def test_hours_of_the_day_the_clock_goes_back_are_twenty_five() -> None:
    start_us, stop_us = day("2026-10-25", "Europe/Berlin")
    assert len(edges_of(Period.HOUR, start_us, stop_us, BERLIN)) == 26


def test_months_and_years_begin_at_local_midnight() -> None:
    months = edges_of(Period.MONTH, at("2026-03-10T00:00"), at("2026-05-01T00:00"), BERLIN)
    assert [moment_of(edge_us).astimezone(BERLIN).isoformat()[:16] for edge_us in months] == [
        "2026-03-01T00:00",
        "2026-04-01T00:00",
        "2026-05-01T00:00",
        "2026-06-01T00:00",
    ]
    years = edges_of(Period.YEAR, at("2025-12-31T23:30"), at("2026-12-31T23:00"), BERLIN)
    assert [moment_of(edge_us).isoformat()[:16] for edge_us in years] == ["2025-12-31T23:00", "2026-12-31T23:00"]


@given(
    zone=st.sampled_from(ZONES),
    period=st.sampled_from([Period.HOUR, Period.DAY, Period.MONTH]),
    start=st.integers(0, 2_200_000),
    length=st.integers(1, 3000),
    standard_time=st.booleans(),
)
def test_longer_periods_are_made_of_whole_quarters_and_cover_what_was_asked(
    zone: str, period: Period, start: int, length: int, *, standard_time: bool
) -> None:
    from_us, to_us = start * QUARTER_US, (start + length) * QUARTER_US
    bounds = edges_of(period, from_us, to_us, ZoneInfo(zone), standard_time=standard_time)
    assert bounds[0] <= from_us < bounds[1]
    assert bounds[-2] < to_us <= bounds[-1]
    assert all(earlier < later for earlier, later in pairwise(bounds))
    assert all(edge_us % QUARTER_US == 0 for edge_us in bounds)
