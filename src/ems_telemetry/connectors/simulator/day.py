"""The shape of a working week: levels that change over the day, with ripples, and their exact integral.

A curve repeats every week, so the integral since the epoch is known in closed form: counters built on it never go back, and a
plant started again goes on where its meters would have been.
"""

import bisect
import itertools
import math
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
WEEK_S = 7 * DAY_S

EPOCH = datetime(2023, 12, 31, 23, 0, tzinfo=UTC)
"""A Monday's midnight in Berlin. The plant keeps standard time all year: a summer time would turn its counters back."""

Profile: TypeAlias = tuple[tuple[float, float], ...]
"""Knots (second of the week, level) from 0 to a week; straight lines between them."""

DayShape: TypeAlias = Sequence[tuple[float, float]]
"""Knots (hour of the day, level) from 0 to 24."""


def plant_seconds(time: datetime) -> float:
    """Tells the seconds from the epoch to an aware time."""
    return (time - EPOCH) / timedelta(seconds=1)


def week_of(workday: DayShape, saturday: DayShape, sunday: DayShape) -> Profile:
    """Joins seven days, Monday first, into the profile of a week; each day begins at the level the last one ended at."""
    days = [*[workday] * 5, saturday, sunday]
    return tuple((day * DAY_S + hour * HOUR_S, level) for day, shape in enumerate(days) for hour, level in shape)


def level_at(profile: Profile, second: float) -> float:
    """Tells the level of a profile at a second of the week."""
    index = bisect.bisect_right(profile, (second, math.inf))
    if index == len(profile):
        return profile[-1][1]
    (start, first), (end, last) = profile[index - 1], profile[index]
    return first + (last - first) * (second - start) / (end - start)


def blend(base: float, *parts: tuple[Profile, float]) -> Profile:
    """Adds profiles, each times its factor, to a base level; exact, since sums of straight lines are straight."""
    seconds = sorted({second for profile, _ in parts for second, _ in profile})
    return tuple((second, base + sum(factor * level_at(profile, second) for profile, factor in parts)) for second in seconds)


class Ripple(NamedTuple):
    """A sine around the level: `amplitude` relative to the level, a whole number of cycles per week, a phase."""

    amplitude: float
    cycles: int
    phase: float


def ripples(seed: int, name: str, amplitude: float) -> tuple[Ripple, ...]:
    """Makes three ripples of about 40 s, 5 min and 30 min, different for each name and seed.

    Args:
        seed: the plant's.
        name: what ripples; two meters must not move in step.
        amplitude: how far the level may be left at most, relative to it.
    """

    def draw(index: int) -> float:
        return zlib.crc32(f"{seed}/{name}/{index}".encode()) / 2**32

    parts = ((0.5, 40.0), (0.3, 300.0), (0.2, 1800.0))
    return tuple(
        Ripple(amplitude * share, round(WEEK_S / (period_s * (1 + 0.3 * draw(index)))), math.tau * draw(index + 10))
        for index, (share, period_s) in enumerate(parts)
    )


class Curve:
    """A level over time, in some unit, and its integral in that unit times seconds. It repeats every week."""

    def __init__(self, profile: Profile, around: Sequence[Ripple] = ()) -> None:
        self._profile = profile
        self._ripples = tuple(around)
        areas = (self._area(left, right, right[0] - left[0]) for left, right in itertools.pairwise(profile))
        self._sums = [0.0, *itertools.accumulate(areas)]

    def value(self, time_s: float) -> float:
        """Tells the level at a time in seconds since the epoch."""
        second = time_s % WEEK_S
        sway = sum(ripple.amplitude * math.sin(_frequency(ripple) * second + ripple.phase) for ripple in self._ripples)
        return level_at(self._profile, second) * (1 + sway)

    def integral(self, time_s: float) -> float:
        """Tells the area under the level from the epoch to a time in seconds since the epoch."""
        weeks, second = divmod(time_s, WEEK_S)
        index = min(bisect.bisect_right(self._profile, (second, math.inf)), len(self._profile) - 1)
        left, right = self._profile[index - 1], self._profile[index]
        return weeks * self._sums[-1] + self._sums[index - 1] + self._area(left, right, second - left[0])

    def _area(self, left: tuple[float, float], right: tuple[float, float], width_s: float) -> float:
        """Integrates from a knot towards the next one, so far."""
        if right[0] == left[0]:
            return 0.0
        slope = (right[1] - left[1]) / (right[0] - left[0])
        area = left[1] * width_s + slope * width_s**2 / 2
        for ripple in self._ripples:
            start = _ripple_antiderivative(ripple, left, slope, 0.0)
            area += ripple.amplitude * (_ripple_antiderivative(ripple, left, slope, width_s) - start)
        return area


def _frequency(ripple: Ripple) -> float:
    return math.tau * ripple.cycles / WEEK_S


def _ripple_antiderivative(ripple: Ripple, left: tuple[float, float], slope: float, x: float) -> float:
    frequency = _frequency(ripple)
    angle = frequency * (left[0] + x) + ripple.phase
    return -(left[1] + slope * x) * math.cos(angle) / frequency + slope * math.sin(angle) / frequency**2


Signal: TypeAlias = Callable[[float], float]
"""A quantity as a function of the seconds since the epoch."""


def counter_of(curve: Curve, start: float = 0.0) -> Signal:
    """Makes the counter of a flow per hour (or of a power in kW): its integral since the epoch, per hour."""
    return lambda time_s: start + curve.integral(time_s) / HOUR_S
