"""Is this hour or half-hour valid? Each regime asks otherwise, so the profile decides; the answer says why in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import digits, mean, percent_of, settle
from ems_telemetry.rules.given import Point, aware, finite
from ems_telemetry.rules.profiles import QuadrantProfile, ShareProfile

_MINUTE = timedelta(minutes=1)


class Standing(StrEnum):
    """What became of an hour, a day or a longer period."""

    VALID = "valid"
    INVALID = "invalid"
    NOT_OPERATING = "not_operating"
    """The unit did not run: nothing was due, and nothing is missing."""


@dataclass(frozen=True, slots=True)
class Block:
    """An hour or half-hour as it was measured; minutes are counted from its start, from 0.

    Attributes:
        start: when it begins.
        points: the values whose status is valid, one for each minute or at whatever pace the instrument has.
        expected: how many points there are if none is missing.
        operated: the minutes in which the unit ran; None where nothing runs, as with ambient air: all of them.
        maintained: the minutes of tests, calibration and maintenance of the instrument; their points do not count.
    """

    start: datetime
    points: Sequence[Point]
    expected: int = 60
    operated: frozenset[int] | None = None
    maintained: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a block is valid, its mean if it is, how many points that is of, and by which profile and why."""

    standing: Standing
    mean: Decimal | None
    points: int
    profile: str
    reason: str


def judge_block(block: Block, profile: QuadrantProfile | ShareProfile) -> Judged:
    """Judges an hour or half-hour and takes the mean of all its valid points, in their unit.

    Raises:
        CannotComputeError: a time has no zone, a point or minute lies outside the block, or there are more points than can be.
    """
    _check(block, profile.minutes)
    operated = _every(profile.minutes) if block.operated is None else block.operated
    if not operated:
        return Judged(Standing.NOT_OPERATING, None, 0, profile.id, "the unit did not run")
    if isinstance(profile, QuadrantProfile):
        counted = _within(block, operated)
        is_valid, reason = _by_quadrants(block, operated, counted, profile)
    else:
        counted = _within(block, operated if profile.of_operating_part else _every(profile.minutes))
        is_valid, reason = _by_share(block.expected, len(operated), len(counted), profile)
    middle = settle(mean([point.value for point in counted])) if is_valid else None
    return Judged(Standing.VALID if is_valid else Standing.INVALID, middle, len(counted), profile.id, reason)


def _by_quadrants(
    block: Block, operated: frozenset[int], counted: Sequence[Point], profile: QuadrantProfile
) -> tuple[bool, str]:
    if not counted:
        return False, "there is no valid point"
    if len(operated) <= profile.short_run_minutes:
        is_enough = len(counted) >= profile.short_run_points
        return is_enough, f"{_points(len(counted))}; the unit ran {len(operated)} min, so {profile.short_run_points} is needed"
    length = profile.minutes // profile.quadrants
    empty = {minute // length for minute in operated} - {_minute(block, point) // length for point in counted}
    if not empty:
        return True, f"{_points(len(counted))}, in each quadrant in which the unit ran"
    without = f"no valid point in quadrant {', '.join(str(quadrant + 1) for quadrant in sorted(empty))}"
    if not block.maintained:
        return False, without
    times = [point.at.astimezone(UTC) for point in counted]
    apart = max(times) - min(times)
    is_enough = len(counted) >= profile.maintained_points and apart >= profile.maintained_apart_minutes * _MINUTE
    needed = f"{profile.maintained_points} points {profile.maintained_apart_minutes} min apart are needed"
    found = f"{_points(len(counted))} within {digits(Decimal(str(apart / _MINUTE)))} min"
    return is_enough, f"{without}; with a test or maintenance {needed}, there are {found}"


def _by_share(expected: int, operated: int, counted: int, profile: ShareProfile) -> tuple[bool, str]:
    most = Fraction(expected * operated, profile.minutes) if profile.of_operating_part else Fraction(expected)
    share = digits(round(percent_of(counted * most.denominator, most.numerator), 2))
    of = f"{digits(round(Decimal(most.numerator) / most.denominator, 2))} points"
    part = f" of the {operated} min in operation" if profile.of_operating_part and operated < profile.minutes else ""
    reason = f"{counted} of {of}{part} are valid ({share} %); {profile.least_share} is needed"
    return counted > 0 and counted >= profile.least_share * most, reason


def _check(block: Block, minutes: int) -> None:
    aware(block.start, "the start")
    if block.expected < 1:
        raise CannotComputeError(f"{block.expected} points expected: a block has at least one")
    if len(block.points) > block.expected:
        raise CannotComputeError(f"{len(block.points)} points where {block.expected} are all; look for what came twice")
    for point in block.points:
        aware(point.at, "the point at")
        finite(point.value, f"the value at {point.at.isoformat()}")
        if not 0 <= _minute(block, point) < minutes:
            raise CannotComputeError(
                f"the point at {point.at.isoformat()} is not in the {minutes} min from {block.start.isoformat()}"
            )
    strange = {*(block.operated or ()), *block.maintained} - _every(minutes)
    if strange:
        raise CannotComputeError(f"minute {min(strange)}: a block of {minutes} min has 0 to {minutes - 1}")


def _within(block: Block, minutes: Iterable[int]) -> list[Point]:
    counting = frozenset(minutes) - block.maintained
    return [point for point in block.points if _minute(block, point) in counting]


def _minute(block: Block, point: Point) -> int:
    return (point.at.astimezone(UTC) - block.start.astimezone(UTC)) // _MINUTE


def _every(minutes: int) -> frozenset[int]:
    return frozenset(range(minutes))


def _points(count: int) -> str:
    return f"{count} valid point" + ("" if count == 1 else "s")
