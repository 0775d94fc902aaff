"""What rules are given, and what they refuse of it: times without a zone, numbers that are none, counts below zero."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from ems_telemetry.errors import CannotComputeError


class Point(NamedTuple):
    """A valid value at a time; one that stands for a stretch of time is named by its start."""

    at: datetime
    value: Decimal


def aware(moment: datetime, what: str) -> datetime:
    """Gives a time back that has a zone.

    Raises:
        CannotComputeError: it has none, and so is no certain moment.
    """
    if moment.utcoffset() is None:
        raise CannotComputeError(f"{what} {moment.isoformat()} has no time zone; give it with one, such as UTC")
    return moment


def finite(value: Decimal, what: str) -> Decimal:
    """Gives a number back that is one.

    Raises:
        CannotComputeError: it is NaN or infinite.
    """
    if not value.is_finite():
        raise CannotComputeError(f"{what} is {value}, which is no number; leave out what is not valid")
    return value


def part_of(part: int, whole: int, what: str, of_what: str) -> int:
    """Gives a count back that is at least zero and at most another one.

    Raises:
        CannotComputeError: one of them is below zero, or the part is greater than the whole.
    """
    for count, name in ((part, what), (whole, of_what)):
        if count < 0:
            raise CannotComputeError(f"{count} {name}: a count is zero or more")
    if part > whole:
        raise CannotComputeError(
            f"{part} {what} of {whole} {of_what}: a part is at most the whole; look for what was counted twice"
        )
    return part


def one_of_each(days: Iterable[date]) -> list[date]:
    """Gives days back in order.

    Raises:
        CannotComputeError: there is none, or one comes twice.
    """
    ordered = sorted(days)
    if not ordered:
        raise CannotComputeError("there is no day to count; give one or more")
    twice = next((day for day, following in pairwise(ordered) if day == following), None)
    if twice:
        raise CannotComputeError(f"{twice} comes twice; give each day once")
    return ordered
