"""Gauges and states: means over the time that was measured, never over the number of readings.

The means are rounded to twelve significant digits, more than any instrument has, so that the order in which a machine adds
does not show in them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ems_telemetry.intervals.interval import IntervalFlag, Intervals
from ems_telemetry.intervals.law import Mean, PointLaw, Slope
from ems_telemetry.intervals.series import Bools, Floats, Int64s, Series
from ems_telemetry.intervals.spans import due_within, extremes, passed_within, place, qualities_of, running
from ems_telemetry.model import Flag, Kind, Quality

_DIGITS = 12


class _Pieces(NamedTuple):
    """Stretches over which a gauge is known, cut at the edges. `groups` are where each interval's pieces begin, and the end.

    `reading` is the one a piece follows from, -1 before the first; `values` those at the middle of the piece's time.
    """

    reading: Int64s
    lasts_us: Int64s
    values: Floats
    groups: Int64s


def compute_gauge(series: Series, law: PointLaw, edges_us: Int64s, known_until_us: int) -> Intervals:
    """Computes the means of a gauge or of a state; the arguments are those of `compute`."""
    usable = series.usable()
    is_sloped = law.slope is Slope.SLOPED and law.kind is not Kind.STATE
    lasts_us = _lasts(series, usable, law, known_until_us, is_sloped=is_sloped)
    pieces = _cut(series, lasts_us, edges_us, is_sloped=is_sloped)
    covered_us = np.add.reduceat(pieces.lasts_us[: pieces.groups[-1]], pieces.groups[:-1])
    good = _of_readings(series.qualities >= Quality.GOOD, pieces)
    good_us = np.add.reduceat((pieces.lasts_us * good)[: pieces.groups[-1]], pieces.groups[:-1])
    passed_us = passed_within(edges_us, known_until_us)
    qualities = qualities_of(good_us, np.maximum(passed_us - covered_us, 0), passed_us, law)
    qualities[covered_us == 0] = Quality.BAD
    before = place(series.times_us[usable], edges_us)
    mins, maxs = extremes(series.values[usable], before)
    return Intervals(
        edges_us[:-1],
        _means(pieces, covered_us, law.mean),
        [None] * len(covered_us),
        mins,
        maxs,
        np.diff(before),
        due_within(edges_us, law.expected_us, known_until_us),
        covered_us / np.diff(edges_us),
        qualities,
        _flags(series, pieces, covered_us, edges_us[1:] > known_until_us),
    )


def _lasts(series: Series, usable: Bools, law: PointLaw, known_until_us: int, *, is_sloped: bool) -> Int64s:
    """Gives for how long each reading tells the gauge: never beyond the next reading, whatever that is, nor beyond now."""
    nexts_us = np.append(series.times_us[1:], known_until_us)
    lasts_us = np.minimum(nexts_us, known_until_us) - series.times_us
    if is_sloped:
        lasts_us[lasts_us > law.max_gap_us] = 0
        lasts_us[~np.append(usable[1:], np.False_)[: len(lasts_us)]] = 0
    lasts_us[~usable] = 0
    held_us: Int64s = np.clip(lasts_us, 0, law.max_gap_us)
    return held_us


def _cut(series: Series, lasts_us: Int64s, edges_us: Int64s, *, is_sloped: bool) -> _Pieces:
    places = np.searchsorted(series.times_us, edges_us, side="right")
    groups = places + np.arange(len(edges_us))
    starts_us = np.insert(series.times_us, places, edges_us)
    is_reading = np.ones(len(starts_us), dtype=np.bool_)
    is_reading[groups] = False
    reading = np.cumsum(is_reading) - 1
    known = np.where(np.isfinite(series.values), series.values, 0.0)
    if not len(known):
        return _Pieces(reading, np.zeros_like(starts_us), np.zeros(len(starts_us)), groups)
    ends_us = np.minimum(np.append(starts_us[1:], edges_us[-1]), (series.times_us + lasts_us)[reading])
    pieces_us = np.maximum(ends_us - starts_us, 0)
    pieces_us[reading < 0] = 0
    values = known[reading]
    if is_sloped:
        middles_us = (starts_us - series.times_us[reading]) + pieces_us / 2
        shares = middles_us / np.maximum(lasts_us, 1)[reading]
        values = values + np.append(np.diff(known), 0.0)[reading] * np.where(pieces_us > 0, shares, 0.0)
    return _Pieces(reading, pieces_us, values, groups)


def _of_readings(told: Bools, pieces: _Pieces) -> Bools:
    """Gives per piece what is told of its reading, where the piece has time."""
    return (told[pieces.reading] if len(told) else np.False_) & (pieces.lasts_us > 0)


def _means(pieces: _Pieces, covered_us: Int64s, mean: Mean) -> Floats:
    if mean is Mean.RANGE_ONLY:
        return np.full(len(covered_us), np.nan)
    end, values = int(pieces.groups[-1]), pieces.values
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if mean is Mean.ENERGETIC:
            values = 10.0 ** (values / 10)
        sums = np.add.reduceat((values * pieces.lasts_us)[:end], pieces.groups[:-1])
        means = sums / covered_us
        if mean is Mean.ENERGETIC:
            means = 10 * np.log10(means)
    means[(covered_us == 0) | ~np.isfinite(means)] = np.nan
    return round_significantly(means)


def round_significantly(values: Floats) -> Floats:
    """Rounds to twelve significant digits, to the nearest double of that decimal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = _DIGITS - 1 - np.floor(np.log10(np.abs(values)))
    can = np.isfinite(places) & (places <= 300)  # noqa: PLR2004  ten to that power is a double
    places = np.where(can, places, 0)
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    return np.where(can, np.round(values * up / down) / up * down, values)


def _flags(series: Series, pieces: _Pieces, covered_us: Int64s, is_open: Bools) -> NDArray[np.int32]:
    starts, stops = pieces.groups[:-1], pieces.groups[1:]
    counts = running(pieces.lasts_us > 0)
    uncertain = running(_of_readings(series.qualities < Quality.GOOD, pieces))
    manual = running(_of_readings((series.flags & Flag.MANUAL) != 0, pieces))
    inputs = counts[stops] - counts[starts]
    flags = np.where(covered_us == 0, IntervalFlag.MISSING, 0)
    flags |= np.where((covered_us > 0) & is_open, IntervalFlag.INCOMPLETE, 0)
    flags |= np.where(uncertain[stops] > uncertain[starts], IntervalFlag.UNCERTAIN, 0)
    flags |= np.where((inputs > 0) & (manual[stops] - manual[starts] == inputs), IntervalFlag.MANUAL, 0)
    return flags.astype(np.int32)
