"""Hours and half-hours by the worked examples of CR-12, CR-13 and CR-14, and what must hold beside them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.given import Point
from ems_telemetry.rules.profiles import QuadrantProfile, ShareProfile, profile_of
from ems_telemetry.rules.validity import Block, Judged, Standing, judge_block

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
US_HOUR = profile_of("us_hour@1", QuadrantProfile)
EU_ETS_HOUR = profile_of("eu_ets_hour@1", ShareProfile)
HALF_HOUR = profile_of("eu_cems_half_hour@1", ShareProfile)
HALF_HOUR_75 = profile_of("half_hour_75@1", ShareProfile)
AMBIENT_HOUR = profile_of("ambient_hour@1", ShareProfile)
BY_ID = {profile.id: profile for profile in (US_HOUR, EU_ETS_HOUR, HALF_HOUR, HALF_HOUR_75, AMBIENT_HOUR)}
MINUTES = st.frozensets(st.integers(0, 59))


def points(minutes: Iterable[int], value: Decimal = Decimal(200)) -> list[Point]:
    return [Point(START + timedelta(minutes=minute), value) for minute in minutes]


def us_hour(
    valid: Iterable[int], operated: Iterable[int] | None = None, maintained: Iterable[int] = (), expected: int = 60
) -> Judged:
    ran = None if operated is None else frozenset(operated)
    return judge_block(Block(START, points(valid), expected, ran, frozenset(maintained)), US_HOUR)


def half_hour(valid: int, profile: ShareProfile, operated: int = 30) -> Judged:
    return judge_block(Block(START, points(range(valid)), 30, frozenset(range(operated))), profile)


def without_second_quadrant() -> list[int]:
    return [*range(15), *range(30, 60)]


def test_cr_12_an_hour_with_an_empty_quadrant_is_invalid_although_45_minutes_are_valid() -> None:
    judged = us_hour(without_second_quadrant())
    assert (judged.standing, judged.mean, judged.points) == (Standing.INVALID, None, 45)
    assert judged.reason == "no valid point in quadrant 2"
    assert judged.profile == "us_hour@1"


def test_cr_12_the_same_hour_is_valid_if_the_instrument_was_calibrated_in_that_quadrant() -> None:
    judged = us_hour(without_second_quadrant(), maintained=range(15, 30))
    assert (judged.standing, judged.mean) == (Standing.VALID, Decimal(200))
    assert judged.reason == (
        "no valid point in quadrant 2; with a test or maintenance 2 points 15 min apart are needed,"
        " there are 45 valid points within 59 min"
    )


def test_cr_12_one_point_is_enough_if_the_unit_ran_twelve_minutes() -> None:
    judged = us_hour([5], operated=range(12))
    assert (judged.standing, judged.mean) == (Standing.VALID, Decimal(200))
    assert judged.reason == "1 valid point; the unit ran 12 min, so 1 is needed"


def test_cr_12_one_minute_in_each_quadrant_is_enough_and_the_mean_is_of_all_points() -> None:
    judged = judge_block(Block(START, [Point(START + timedelta(minutes=m), Decimal(m)) for m in (0, 29, 30, 59)]), US_HOUR)
    assert (judged.standing, judged.mean, judged.points) == (Standing.VALID, Decimal("29.5"), 4)
    assert us_hour([0, 14, 30, 59]).standing is Standing.INVALID


@pytest.mark.parametrize(("last", "standing"), [(15, Standing.VALID), (14, Standing.INVALID)])
def test_cr_12_with_maintenance_two_points_lie_fifteen_minutes_apart(last: int, standing: Standing) -> None:
    assert us_hour([0, last], maintained=range(40, 50)).standing is standing


def test_cr_12_with_maintenance_one_point_is_not_enough() -> None:
    assert us_hour([0], maintained=range(40, 50)).standing is Standing.INVALID


@pytest.mark.parametrize(("ran", "standing"), [(15, Standing.VALID), (16, Standing.INVALID)])
def test_cr_12_a_short_run_lasts_up_to_fifteen_minutes(ran: int, standing: Standing) -> None:
    assert us_hour([12], operated=range(10, 10 + ran)).standing is standing


def test_cr_12_quadrants_in_which_the_unit_did_not_run_need_no_point() -> None:
    assert us_hour([3, 20], operated=range(30)).standing is Standing.VALID
    assert us_hour([3], operated=range(30)).standing is Standing.INVALID


def test_cr_12_minutes_of_calibration_or_standstill_are_not_part_of_the_mean() -> None:
    ran = points(range(20), Decimal(100)) + points(range(20, 40), Decimal(900)) + points(range(40, 60), Decimal(700))
    judged = judge_block(Block(START, ran, 60, frozenset(range(40)), frozenset(range(20, 30))), US_HOUR)
    assert (judged.mean, judged.points) == ((20 * Decimal(100) + 10 * Decimal(900)) / 30, 30)


def test_an_hour_in_which_the_unit_did_not_run_is_not_judged() -> None:
    judged = us_hour(range(60), operated=())
    assert (judged.standing, judged.mean, judged.reason) == (Standing.NOT_OPERATING, None, "the unit did not run")
    assert half_hour(0, HALF_HOUR, operated=0).standing is Standing.NOT_OPERATING


def test_an_hour_without_a_valid_point_is_invalid_and_not_zero() -> None:
    assert us_hour([]) == Judged(Standing.INVALID, None, 0, "us_hour@1", "there is no valid point")
    assert us_hour([], operated=[7]).mean is None
    assert judge_block(Block(START, []), EU_ETS_HOUR).mean is None


@pytest.mark.parametrize(("valid", "standing"), [(48, Standing.VALID), (47, Standing.INVALID)])
def test_cr_13_an_hour_is_valid_from_eighty_percent_of_its_points(valid: int, standing: Standing) -> None:
    values = [Point(START + timedelta(minutes=minute), Decimal(minute)) for minute in range(valid)]
    judged = judge_block(Block(START, values), EU_ETS_HOUR)
    assert judged.standing is standing
    assert judged.mean == (Decimal("23.5") if standing is Standing.VALID else None)


def test_cr_13_the_reason_tells_the_share() -> None:
    judged = judge_block(Block(START, points(range(47))), EU_ETS_HOUR)
    assert judged.reason == "47 of 60 points are valid (78.33 %); 4/5 is needed"


def test_cr_13_counts_points_at_whatever_pace_they_come() -> None:
    every_ten_seconds = [Point(START + timedelta(seconds=10 * n), Decimal(1)) for n in range(288)]
    assert judge_block(Block(START, every_ten_seconds, 360), EU_ETS_HOUR).standing is Standing.VALID
    assert judge_block(Block(START, every_ten_seconds[1:], 360), EU_ETS_HOUR).standing is Standing.INVALID


@pytest.mark.parametrize(
    ("profile", "valid", "standing"),
    [
        (HALF_HOUR, 20, Standing.VALID),
        (HALF_HOUR, 19, Standing.INVALID),
        (HALF_HOUR_75, 22, Standing.INVALID),
        (HALF_HOUR_75, 23, Standing.VALID),
    ],
    ids=lambda value: value.id if isinstance(value, ShareProfile) else str(value),
)
def test_cr_14_a_half_hour_is_valid_from_the_share_of_its_profile(
    profile: ShareProfile, valid: int, standing: Standing
) -> None:
    assert half_hour(valid, profile).standing is standing


def test_cr_14_the_reason_tells_the_share() -> None:
    assert half_hour(22, HALF_HOUR_75).reason == "22 of 30 points are valid (73.33 %); 3/4 is needed"
    assert half_hour(7, HALF_HOUR, 12).reason == "7 of 12 points of the 12 min in operation are valid (58.33 %); 2/3 is needed"


@pytest.mark.parametrize(("valid", "standing"), [(8, Standing.VALID), (7, Standing.INVALID)])
def test_cr_14_only_the_operating_part_counts(valid: int, standing: Standing) -> None:
    assert half_hour(valid, HALF_HOUR, operated=12).standing is standing


@pytest.mark.parametrize(("valid", "standing"), [(45, Standing.VALID), (44, Standing.INVALID)])
def test_an_ambient_hour_needs_45_minutes(valid: int, standing: Standing) -> None:
    assert judge_block(Block(START, points(range(valid))), AMBIENT_HOUR).standing is standing


def test_an_hour_that_the_clock_shows_twice_is_told_from_its_twin() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    second = datetime(2026, 10, 25, 2, tzinfo=berlin, fold=1)
    judge_block(Block(second, [Point(datetime(2026, 10, 25, 2, 10, tzinfo=berlin, fold=1), Decimal(1))]), US_HOUR)
    with pytest.raises(CannotComputeError, match="not in the 60 min"):
        judge_block(Block(second, [Point(datetime(2026, 10, 25, 2, 10, tzinfo=berlin), Decimal(1))]), US_HOUR)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            Block(START.replace(tzinfo=None), []),
            "the start 2026-03-01T09:00:00 has no time zone; give it with one, such as UTC",
        ),
        (Block(START, [Point(START.replace(tzinfo=None), Decimal(1))]), "the point at 2026-03-01T09:00:00 has no time zone"),
        (Block(START, [Point(START, Decimal("NaN"))]), "is NaN, which is no number"),
        (Block(START, points([60])), "is not in the 60 min from"),
        (Block(START, points([-1])), "is not in the 60 min from"),
        (Block(START, [], 0), "0 points expected"),
        (Block(START, points([1, 1]), 1), "2 points where 1 are all; look for what came twice"),
        (Block(START, [], operated=frozenset({60})), "minute 60: a block of 60 min has 0 to 59"),
        (Block(START, [], maintained=frozenset({-1})), "minute -1"),
    ],
)
def test_what_is_no_hour_is_refused(block: Block, message: str) -> None:
    with pytest.raises(CannotComputeError, match=message):
        judge_block(block, US_HOUR)


@given(st.sampled_from(sorted(BY_ID)), MINUTES, MINUTES, MINUTES, st.integers(0, 59))
def test_one_more_valid_minute_never_makes_a_block_invalid(
    name: str, valid: frozenset[int], operated: frozenset[int], maintained: frozenset[int], more: int
) -> None:
    profile = BY_ID[name]
    every = frozenset(range(profile.minutes))

    def judged(minutes: frozenset[int]) -> Standing:
        block = Block(START, points(minutes & every), profile.minutes, operated & every, maintained & every)
        return judge_block(block, profile).standing

    before, after = judged(valid), judged(valid | {more})
    assert after is before or (before, after) == (Standing.INVALID, Standing.VALID)


@given(MINUTES, st.lists(st.decimals(-1000, 1000, places=3), min_size=60, max_size=60))
def test_the_mean_lies_between_the_least_and_the_greatest_point(valid: frozenset[int], values: list[Decimal]) -> None:
    given_points = [Point(START + timedelta(minutes=minute), values[minute]) for minute in sorted(valid)]
    middle = judge_block(Block(START, given_points), US_HOUR).mean
    if middle is not None:
        assert min(point.value for point in given_points) <= middle <= max(point.value for point in given_points)
