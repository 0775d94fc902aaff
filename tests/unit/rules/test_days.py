"""Days and how many of them do not count, by the worked example of CR-15 and at the edges of each profile."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.days import Day, count_days, judge_day
from ems_telemetry.rules.profiles import DayProfile, profile_of
from ems_telemetry.rules.validity import Standing

pytestmark = pytest.mark.unit

DE = profile_of("de_half_hour_day@1", DayProfile)
LCP = profile_of("lcp_day@1", DayProfile)
WI = profile_of("wi_day@1", DayProfile)
BY_ID = {profile.id: profile for profile in (DE, LCP, WI)}
DAY = date(2026, 3, 1)


def judged(lost: int, profile: DayProfile = DE, stood: int = 0, day: date = DAY) -> Day:
    expected = 1440 // profile.block_minutes
    ran = [Standing.INVALID] * lost + [Standing.VALID] * (expected - lost - stood)
    return judge_day(day, ran + [Standing.NOT_OPERATING] * stood, expected, profile)


def year(invalid: int, valid: int = 200) -> list[Day]:
    return [judged(7 if n < invalid else 0, day=date(2026, 1, 1) + timedelta(days=n)) for n in range(invalid + valid)]


def test_cr_15_a_german_day_stands_with_six_half_hours_lost_and_falls_with_seven() -> None:
    assert judged(6).standing is Standing.VALID
    assert judged(7) == Day(DAY, Standing.INVALID, 41, 7, "de_half_hour_day@1", "blocks of 30 min lost: 7 of 48; 6 may be")


@pytest.mark.parametrize(("name", "most"), [("lcp_day@1", 3), ("wi_day@1", 5), ("de_half_hour_day@1", 6)])
def test_cr_15_each_profile_has_its_own_edge(name: str, most: int) -> None:
    assert judged(most, BY_ID[name]).standing is Standing.VALID
    assert judged(most + 1, BY_ID[name]).standing is Standing.INVALID


def test_cr_15_the_eleventh_invalid_day_of_a_year_is_told() -> None:
    ten = count_days(year(10), DE)
    assert (ten.standing, ten.valid, ten.invalid, ten.notify, ten.notify_on) == (Standing.VALID, 200, 10, False, None)
    assert ten.reason == "invalid days: 10 of 210 with operation; 10 a year may be"
    eleven = count_days(list(reversed(year(11))), DE)
    assert (eleven.invalid, eleven.notify, eleven.notify_on) == (11, True, date(2026, 1, 11))
    assert eleven.reason.endswith("2026-01-11 was one too many: tell the authority")


def test_half_hours_of_which_nothing_is_known_are_lost() -> None:
    assert judge_day(DAY, [Standing.VALID] * 42, 48, DE).standing is Standing.VALID
    assert judge_day(DAY, [Standing.VALID] * 41, 48, DE).standing is Standing.INVALID


def test_half_hours_without_operation_are_not_lost() -> None:
    day = judged(6, stood=40)
    assert (day.standing, day.valid, day.lost) == (Standing.VALID, 2, 6)


def test_a_day_without_operation_is_counted_neither_way() -> None:
    day = judged(0, stood=48)
    assert (day.standing, day.lost, day.reason) == (Standing.NOT_OPERATING, 0, "the unit did not run")
    month = count_days([day, judged(0, day=DAY + timedelta(days=1))], DE)
    assert (month.valid, month.invalid, month.not_operating, month.standing) == (1, 0, 1, Standing.VALID)
    assert count_days([day], DE).standing is Standing.NOT_OPERATING


def test_a_day_of_which_no_half_hour_is_left_is_invalid_however_few_were_lost() -> None:
    day = judged(2, stood=46)
    assert (day.standing, day.reason) == (
        Standing.INVALID,
        "blocks of 30 min lost: 2 of 48; 6 may be, but no valid one is left",
    )
    assert count_days([day], DE).standing is Standing.INVALID


@pytest.mark.parametrize("expected", [46, 50])
def test_days_on_which_the_clocks_change_have_fewer_or_more_half_hours(expected: int) -> None:
    assert judge_day(DAY, [Standing.VALID] * (expected - 6), expected, DE).standing is Standing.VALID


@pytest.mark.parametrize(("expected", "profile"), [(24, DE), (48, LCP), (0, LCP), (-24, LCP)])
def test_what_is_no_day_is_refused(expected: int, profile: DayProfile) -> None:
    with pytest.raises(CannotComputeError, match="is no day"):
        judge_day(DAY, [], expected, profile)


def test_more_blocks_than_the_day_has_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="25 blocks, and the day has 24"):
        judge_day(DAY, [Standing.VALID] * 25, 24, LCP)


def test_days_that_cannot_be_counted_together_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="there is no day"):
        count_days([], DE)
    with pytest.raises(CannotComputeError, match="2026-03-01 comes twice"):
        count_days([judged(0), judged(0)], DE)
    with pytest.raises(CannotComputeError, match="by calendar year"):
        count_days([judged(0, day=date(2025, 12, 31)), judged(0)], DE)
    with pytest.raises(CannotComputeError, match="judged by lcp_day@1; judge all days by de_half_hour_day@1"):
        count_days([judged(0, LCP)], DE)


@given(st.sampled_from(sorted(BY_ID)), st.lists(st.sampled_from(list(Standing)), max_size=24), st.integers(0, 23))
def test_a_block_that_turns_valid_never_makes_a_day_invalid(name: str, blocks: list[Standing], place: int) -> None:
    profile = BY_ID[name]
    expected = 1440 // profile.block_minutes
    before = judge_day(DAY, blocks, expected, profile)
    better = [*blocks[:place], Standing.VALID, *blocks[place + 1 :]]
    after = judge_day(DAY, better, expected, profile)
    assert after.valid + after.lost + better.count(Standing.NOT_OPERATING) == expected
    assert (before.standing, after.standing) != (Standing.VALID, Standing.INVALID)


@given(st.lists(st.sampled_from([0, 6, 7, 48]), min_size=1, max_size=365))
def test_each_day_is_counted_once(lost: list[int]) -> None:
    days = [judged(each, day=date(2026, 1, 1) + timedelta(days=n)) for n, each in enumerate(lost)]
    count = count_days(days, DE)
    assert count.valid + count.invalid + count.not_operating == len(days)
    assert count.notify == (count.invalid > 10)
