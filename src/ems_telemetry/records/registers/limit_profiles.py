"""The profiles that limits name, by which hours, days and instruments are judged; a name that is not known is refused."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeVar

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.profiles import (
    AvailabilityProfile,
    DayProfile,
    LongMeanProfile,
    QuadrantProfile,
    ShareProfile,
    profile_of,
)

T = TypeVar("T")
HOUR_MIN: Final = 60


def block_profile(name: str | None) -> QuadrantProfile | ShareProfile | None:
    """Gives the profile that hours or half-hours are judged by.

    Raises:
        ValueError: there is none of its name.
    """
    if name is None:
        return None
    try:
        return profile_of(name, QuadrantProfile)
    except CannotComputeError:
        return said(partial(profile_of, kind=ShareProfile), name)


def day_profile(name: str | None) -> DayProfile | LongMeanProfile | None:
    """Gives the profile that days are judged by. Raises as `block_profile` does."""
    if name is None:
        return None
    try:
        return profile_of(name, LongMeanProfile)
    except CannotComputeError:
        return said(partial(profile_of, kind=DayProfile), name)


def availability_profile(name: str | None) -> AvailabilityProfile | None:
    """Gives the profile that availability is told by. Raises as `block_profile` does."""
    return None if name is None else said(partial(profile_of, kind=AvailabilityProfile), name)


def counted_minutes(day: str | None, availability: str | None) -> Iterator[tuple[int, str]]:
    """Tells how long the blocks are that profiles count, each with the name of the profile."""
    by_day = day_profile(day)
    if by_day is not None:
        yield by_day.block_minutes if isinstance(by_day, DayProfile) else HOUR_MIN, by_day.id
    by_availability = availability_profile(availability)
    if by_availability is not None:
        yield HOUR_MIN, by_availability.id


def said(look: Callable[[str], T], name: str) -> T:
    """Looks a name up that somebody said in the form of a limit.

    Raises:
        ValueError: there is none; the message gives the nearest.
    """
    try:
        return look(name)
    except CannotComputeError as error:
        raise ValueError(str(error)) from error
