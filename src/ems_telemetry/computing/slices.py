"""Which part of the work that waits is done next: a slice of time for several points, as small as memory wants it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

QUARTER: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=32)
MOST_READINGS: Final = 1_500_000
DEFAULT_INTERVAL_S: Final = 60.0
"""How often readings of a point come, where nothing says so; only for the size of a slice."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Stretch(NamedTuple):
    """Time `[since, until)`, from quarter to quarter."""

    since: datetime
    until: datetime


class Waiting(NamedTuple):
    """A stretch `[since, until]` of a point that must be computed anew, under the id it is noted by."""

    id: int
    point_id: int
    since: datetime
    until: datetime


class Slice(NamedTuple):
    """What is done in one go."""

    stretches: Mapping[int, Stretch]
    """What to compute, by point."""
    done: Sequence[int]
    """What then need not wait any longer, by id."""
    shortened: Sequence[tuple[int, datetime]]
    """What waits on, from a later time."""


def quarter_floor(time: datetime) -> datetime:
    """Gives the beginning of the quarter that an instant lies in."""
    return time - (time - _EPOCH) % QUARTER


def quarter_ceil(time: datetime) -> datetime:
    """Gives the first beginning of a quarter at an instant or after it."""
    return time + (_EPOCH - time) % QUARTER


def next_slice(waiting: Sequence[Waiting], expected_interval_s: Mapping[int, float | None]) -> Slice:
    """Chooses the oldest time that something waits for, and of all points what they have there.

    Args:
        waiting: not empty.
        expected_interval_s: by point, how often its readings come.
    """
    first = quarter_floor(min(each.since for each in waiting))
    end = first + _length({each.point_id for each in waiting}, expected_interval_s)
    stretches: dict[int, Stretch] = {}
    done: list[int] = []
    shortened: list[tuple[int, datetime]] = []
    for each in waiting:
        if each.since >= end:
            continue
        until = quarter_floor(each.until) + QUARTER
        stretch = Stretch(quarter_floor(each.since), min(until, end))
        stretches[each.point_id] = _both(stretch, stretches.get(each.point_id, stretch))
        if until <= end:
            done.append(each.id)
        else:
            shortened.append((each.id, end))
    return Slice(stretches, done, shortened)


def _length(points: Iterable[int], expected_interval_s: Mapping[int, float | None]) -> timedelta:
    per_second = sum(1 / (expected_interval_s.get(point) or DEFAULT_INTERVAL_S) for point in points)
    length = timedelta(seconds=MOST_READINGS / per_second) if per_second else LONGEST
    step = DAY if length >= DAY else QUARTER  # most days begin and end with a slice, and are composed once
    return max(step, min(LONGEST, length) // step * step)


def _both(one: Stretch, other: Stretch) -> Stretch:
    return Stretch(min(one.since, other.since), max(one.until, other.until))
