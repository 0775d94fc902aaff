"""Which days count, how many of a month or a year do not, and from which one on somebody has to be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.given import one_of_each
from ems_telemetry.rules.profiles import DayProfile
from ems_telemetry.rules.validity import Standing

_SHORTEST_MIN, _LONGEST_MIN = 23 * 60, 25 * 60
"""A day as clocks show it: an hour is left out in spring and comes twice in autumn."""


@dataclass(frozen=True, slots=True)
class Day:
    """Whether a day is valid, how many hours or half-hours of it are, how many were lost, and by which profile and why."""

    day: date
    standing: Standing
    valid: int
    lost: int
    profile: str
    reason: str


@dataclass(frozen=True, slots=True)
class DayCount:
    """The days of a month, or of a year so far.

    Attributes:
        standing: valid if one day is, not operating if none ran.
        valid: days that are.
        invalid: days that ran and are not valid.
        not_operating: days without an hour of operation.
        notify_on: the day that was one too many, in a year counted from its beginning; None if there is none.
        profile: by which this was counted.
        reason: the same in words.
    """

    standing: Standing
    valid: int
    invalid: int
    not_operating: int
    notify_on: date | None
    profile: str
    reason: str

    @property
    def notify(self) -> bool:
        """Tells whether more days were invalid than may be, so that the authority is to be told."""
        return self.notify_on is not None


def judge_day(day: date, blocks: Sequence[Standing], expected: int, profile: DayProfile) -> Day:
    """Judges a day by its hours or half-hours.

    Args:
        day: which one, as the clocks of the place show it.
        blocks: what became of each; one that is not there was lost.
        expected: how many the day has: of half-hours 48, and 46 or 50 when the clocks change.
        profile: how many may be lost.

    Raises:
        CannotComputeError: no day has so many blocks.
    """
    if not _SHORTEST_MIN <= expected * profile.block_minutes <= _LONGEST_MIN:
        raise CannotComputeError(
            f"{day}: {expected} times {profile.block_minutes} min is no day; count the blocks as {profile.id} has them"
        )
    if len(blocks) > expected:
        raise CannotComputeError(f"{day}: {len(blocks)} blocks, and the day has {expected}; look for what came twice")
    valid, stood = blocks.count(Standing.VALID), blocks.count(Standing.NOT_OPERATING)
    lost = expected - valid - stood
    if stood == expected:
        return Day(day, Standing.NOT_OPERATING, 0, 0, profile.id, "the unit did not run")
    reason = f"blocks of {profile.block_minutes} min lost: {lost} of {expected}; {profile.most_lost} may be"
    if not valid:
        return Day(day, Standing.INVALID, 0, lost, profile.id, f"{reason}, but no valid one is left")
    standing = Standing.VALID if lost <= profile.most_lost else Standing.INVALID
    return Day(day, standing, valid, lost, profile.id, reason)


def count_days(days: Sequence[Day], profile: DayProfile) -> DayCount:
    """Counts the days of a month or of a year, in any order.

    Args:
        days: each once and all of one calendar year. Whether the authority is to be told is known only if they begin with it.
        profile: the one they were judged by.

    Raises:
        CannotComputeError: there is no day, one comes twice, they are of two years or were judged by another profile.
    """
    dates = one_of_each([each.day for each in days])
    if dates[0].year != dates[-1].year:
        raise CannotComputeError(
            f"days from {dates[0]} to {dates[-1]}: invalid days are counted by calendar year; give one year"
        )
    other = next((each for each in days if each.profile != profile.id), None)
    if other:
        raise CannotComputeError(f"{other.day} was judged by {other.profile}; judge all days by {profile.id}")
    invalid = sorted(each.day for each in days if each.standing is Standing.INVALID)
    valid = sum(each.standing is Standing.VALID for each in days)
    notify_on = invalid[profile.most_invalid_days] if len(invalid) > profile.most_invalid_days else None
    reason = f"invalid days: {len(invalid)} of {len(invalid) + valid} with operation; {profile.most_invalid_days} a year may be"
    if notify_on:
        reason += f", {notify_on} was one too many: tell the authority"
    standing = Standing.VALID if valid else Standing.INVALID if invalid else Standing.NOT_OPERATING
    return DayCount(standing, valid, len(invalid), len(days) - valid - len(invalid), notify_on, profile.id, reason)
