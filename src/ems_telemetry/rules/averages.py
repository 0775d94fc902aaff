"""Means over days and longer. All valid hours count alike: in a mean of daily means a short day would weigh like a long one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import mean, settle
from ems_telemetry.rules.given import finite, one_of_each, part_of
from ems_telemetry.rules.profiles import LongMeanProfile, RollingProfile

INSUFFICIENT: Final = "insufficient"
"""The flag of a mean that is null because too little of it is valid."""


class HoursOfDay(NamedTuple):
    """The valid hours or half-hours of a day, and whether the unit ran on it."""

    day: date
    operated: bool
    valid: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class LongMean:
    """A mean in the unit of its hours, None with the flag `insufficient`; of how many hours, by which profile, and why."""

    value: Decimal | None
    flags: tuple[str, ...]
    hours: int
    method: str
    reason: str


def rolling_mean(days: Sequence[HoursOfDay], profile: RollingProfile) -> LongMean:
    """Gives the mean of all valid hours of the last operating days; null while the unit has not run on so many.

    Args:
        days: each once, in any order, up to the one the mean is for. Those without operation are passed over.
        profile: how many operating days.

    Raises:
        CannotComputeError: there is no day, one comes twice, or no hour of the last operating days is valid.
    """
    one_of_each([each.day for each in days])
    operating = sorted((each for each in days if each.operated), key=lambda each: each.day)
    latest = operating[-profile.days :]
    values = [finite(value, f"an hour of {each.day}") for each in latest for value in each.valid]
    if len(latest) < profile.days:
        reason = f"operating days: {len(latest)}; {profile.days} are needed"
        return LongMean(None, (INSUFFICIENT,), len(values), profile.id, reason)
    spread = f"the last {profile.days} operating days, {latest[0].day} to {latest[-1].day}"
    if not values:
        raise CannotComputeError(f"no hour of {spread} is valid: there is nothing to take a mean of")
    return LongMean(settle(mean(values)), (), len(values), profile.id, f"valid hours: {len(values)} of {spread}")


def long_mean(valid: Sequence[Decimal], expected: int, profile: LongMeanProfile) -> LongMean:
    """Gives the mean of the valid hours of a day, a year or another period; null if there are too few.

    Args:
        valid: the valid hours.
        expected: how many hours the period has.
        profile: how many must be valid.

    Raises:
        CannotComputeError: there are more valid hours than the period has, or one is no number.
    """
    part_of(len(valid), expected, "valid hours", "hours")
    values = [finite(value, "a valid hour") for value in valid]
    of_share = ceil(profile.least_share * expected) if profile.least_share is not None else 0
    needed = max(profile.least_hours or 0, of_share, 1)
    reason = f"valid hours: {len(values)} of {expected}; {needed} are needed"
    if len(values) < needed:
        return LongMean(None, (INSUFFICIENT,), len(values), profile.id, reason)
    return LongMean(settle(mean(values)), (), len(values), profile.id, reason)
