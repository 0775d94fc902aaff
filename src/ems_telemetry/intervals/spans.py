"""Sums and extremes of columns between the edges of intervals; everything is counted in whole microseconds."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.intervals.series import Bools, Floats, Int64s
from ems_telemetry.model import Flag, Quality


def place(times_us: Int64s, edges_us: Int64s) -> Int64s:
    """Gives per edge how many times lie before it."""
    return np.searchsorted(times_us, edges_us, side="left")


def extremes(values: Floats, before: Int64s) -> tuple[Floats, Floats]:
    """Gives least and greatest of the values between two places each, NaN where there are none."""
    starts, stops = before[:-1], before[1:]
    least, greatest = np.full(len(starts), np.nan), np.full(len(starts), np.nan)
    filled = stops > starts
    if filled.any():
        within = values[: int(stops[-1])]
        least[filled] = np.minimum.reduceat(within, starts[filled])
        greatest[filled] = np.maximum.reduceat(within, starts[filled])
    return least, greatest


def running(amounts: Int64s | Bools) -> Int64s:
    """Gives the sums of the first 0, 1, 2, … amounts."""
    sums = np.zeros(len(amounts) + 1, dtype=np.int64)
    np.cumsum(amounts, out=sums[1:])
    return sums


def time_until(edges_us: Int64s, starts_us: Int64s, lasts_us: Int64s) -> Int64s:
    """Gives per edge how much of adjacent or separate stretches, rising and not overlapping, lies before it."""
    if not len(starts_us):
        return np.zeros(len(edges_us), dtype=np.int64)
    index = np.searchsorted(starts_us, edges_us, side="right")
    within = np.clip(edges_us - starts_us[index - 1], 0, lasts_us[index - 1])
    return np.where(index > 0, running(lasts_us)[np.maximum(index - 1, 0)] + within, 0)


def mark(edges_us: Int64s, stretches: Iterable[tuple[int, int]]) -> Bools:
    """Tells which intervals share some time with one of the stretches."""
    rows = np.array(list(stretches), dtype=np.int64).reshape(-1, 2)
    changes = np.zeros(len(edges_us), dtype=np.int64)
    last = len(edges_us) - 1
    np.add.at(changes, np.clip(np.searchsorted(edges_us, rows[:, 0], side="right") - 1, 0, last), 1)
    np.add.at(changes, np.clip(np.searchsorted(edges_us, rows[:, 1], side="left"), 0, last), -1)
    return np.asarray(np.cumsum(changes[:-1]) > 0, dtype=np.bool_)


def mark_moments(edges_us: Int64s, moments_us: Iterable[int]) -> Bools:
    """Tells which intervals hold one of the moments."""
    marked = np.zeros(len(edges_us) + 1, dtype=np.bool_)
    marked[np.searchsorted(edges_us, np.fromiter(moments_us, np.int64), side="right")] = True
    return marked[1:-1]


def due_within(edges_us: Int64s, expected_us: int | None, known_until_us: int) -> Int64s | None:
    """Counts the readings due in each interval by now: those of a beat from the epoch on, so that they add up."""
    if expected_us is None:
        return None
    beats = -(-np.minimum(edges_us, max(known_until_us, int(edges_us[0]))) // expected_us)
    return np.diff(beats)


def passed_within(edges_us: Int64s, known_until_us: int) -> Int64s:
    """Gives how much of each interval's time has passed by now."""
    return np.diff(np.minimum(edges_us, max(known_until_us, int(edges_us[0]))))


def qualities_of(good_us: Int64s, bad_us: Int64s, passed_us: Int64s, law: PointLaw) -> NDArray[np.int16]:
    """Rates intervals by the shares of their time that are good and bad: bad comes before good, uncertain is the rest."""
    bad = bad_us * 100 >= passed_us * float(law.bad_percent)
    good = good_us * 100 >= passed_us * float(law.good_percent)
    rated = np.where(bad, Quality.BAD, np.where(good, Quality.GOOD, Quality.UNCERTAIN))
    return rated.astype(np.int16)


def input_flags(qualities: NDArray[np.int16], flags: NDArray[np.int32], starts: Int64s, stops: Int64s) -> NDArray[np.int32]:
    """Tells of the readings from start to before stop whether one was uncertain, and whether all were read by a person."""
    counts = np.maximum(stops - starts, 0)
    uncertain, manual = running(qualities < Quality.GOOD), running((flags & Flag.MANUAL) != 0)
    stops = np.maximum(stops, starts)
    result = np.where(uncertain[stops] > uncertain[starts], IntervalFlag.UNCERTAIN, 0)
    result |= np.where((counts > 0) & (manual[stops] - manual[starts] == counts), IntervalFlag.MANUAL, 0)
    return result.astype(np.int32)
