"""Whatever a register does, the increments add up to its course, exactly, and wherever it is cut."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_series import FAR_US, HOUR_US, MINUTE_US, QUARTER_US, SECOND_US, at, edges, intervals_of

from ems_telemetry.intervals.compute import compute
from ems_telemetry.intervals.events import EventType, MeterEvent
from ems_telemetry.intervals.interval import Interval, IntervalFlag
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.intervals.series import NEIGHBOURS, series_of
from ems_telemetry.model import Kind, Quality

pytestmark = pytest.mark.unit

MODULUS = Decimal(100_000)
START_US = at("08:00")
STEPS = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 90), st.integers(0, 3)),
    min_size=2,
    max_size=150,
)
"""Seconds since the reading before, hundredths counted per second, and something else that decides on mishaps."""
LAW = PointLaw(Kind.COUNTER, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US, max_rate_per_h=Decimal(3600), modulus=MODULUS)
RATED = replace(LAW, modulus=None)
FREE = PointLaw(Kind.COUNTER, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US)


class Told(NamedTuple):
    """What a meter said, and what it counted in truth up to each reading."""

    rows: list[tuple[int, float | None, int]]
    counted: list[Decimal]


def register(steps: Sequence[tuple[int, int, int]], begin: Decimal, modulus: Decimal | None = None) -> Told:
    now_us, stand, total = START_US, begin, Decimal(0)
    rows: list[tuple[int, float | None, int]] = []
    counted: list[Decimal] = []
    for seconds, rate, _ in steps:
        rows.append((now_us, float(stand), Quality.GOOD))
        counted.append(total)
        rise = Decimal(seconds * rate) / 100
        now_us, stand, total = now_us + seconds * SECOND_US, stand + rise, total + rise
        stand = stand if modulus is None else stand % modulus
    return Told(rows, counted)


def total_of(intervals: Sequence[Interval]) -> Decimal:
    return sum((interval.exact for interval in intervals if interval.exact is not None), Decimal(0))


def wide(rows: Sequence[tuple[int, float | None, int]]) -> "np.typing.NDArray[np.int64]":
    return np.arange(START_US, rows[-1][0] + 2 * QUARTER_US, QUARTER_US, dtype=np.int64)


@given(STEPS, st.integers(0, 10**7 - 1))
def test_increments_add_up_to_what_was_counted_over_gaps_and_rollovers(steps: list[tuple[int, int, int]], begin: int) -> None:
    told = register(steps, Decimal(begin) / 100, MODULUS)
    intervals = intervals_of(told.rows, LAW, wide(told.rows))
    assert total_of(intervals) == told.counted[-1]
    assert all(interval.exact is None or interval.exact >= 0 for interval in intervals)
    falls = any(
        later[1] < earlier[1] for earlier, later in pairwise(told.rows) if earlier[1] is not None and later[1] is not None
    )
    assert falls == any(interval.flags & IntervalFlag.ROLLOVER for interval in intervals)


@given(STEPS, st.integers(0, 10**7 - 1), st.lists(st.integers(0, 40_000), min_size=1, max_size=12, unique=True))
def test_increments_add_up_between_any_edges(steps: list[tuple[int, int, int]], begin: int, seconds: list[int]) -> None:
    told = register(steps, Decimal(begin) / 100, MODULUS)
    inner = [START_US + second * SECOND_US for second in seconds]
    bounds = np.unique(np.array([START_US, *inner, told.rows[-1][0]], dtype=np.int64))
    if len(bounds) > 1:
        assert total_of(intervals_of(told.rows, LAW, bounds)) == told.counted[-1]


@given(STEPS, st.integers(0, 10**7 - 1))
def test_readings_left_out_change_no_total(steps: list[tuple[int, int, int]], begin: int) -> None:
    told = register(steps, Decimal(begin) / 100)
    rows = [
        (time_us, 1.83e21 if mishap == 3 and 0 < n < len(steps) - 1 else value, 0 if mishap == 2 and n % 3 else quality)
        for n, ((time_us, value, quality), (_, _, mishap)) in enumerate(zip(told.rows, steps, strict=True))
    ]
    usable = [n for n, (_, _, quality) in enumerate(rows) if quality]
    spikes = [n for n in usable if rows[n][1] == 1.83e21]
    if any(all(first + more in spikes for more in range(17)) for first in spikes):
        return
    good = [n for n in usable if n not in spikes]
    intervals = intervals_of(rows, LAW, wide(rows))
    if spikes and min(spikes) < good[0]:
        return
    assert total_of(intervals) == told.counted[good[-1]] - told.counted[good[0]]


@given(STEPS, st.integers(1, 10**7), st.data())
def test_a_series_in_pieces_gives_the_same_as_the_whole(
    steps: list[tuple[int, int, int]], begin: int, data: st.DataObject
) -> None:
    told = register(steps, Decimal(begin) / 100, MODULUS)
    rows = list(told.rows)
    for n in data.draw(st.lists(st.integers(1, max(1, len(rows) - 2)), max_size=3, unique=True)):
        value = data.draw(st.sampled_from([0.0, 1.83e21, 3.5, None]))
        for which in range(n, min(len(rows) - 1, n + data.draw(st.integers(1, 5)))):
            rows[which] = (rows[which][0], value, Quality.GOOD)
    law = data.draw(st.sampled_from([LAW, FREE]))
    bounds = wide(rows)
    whole = intervals_of(rows, law, bounds)
    cut = data.draw(st.integers(1, len(bounds) - 2))
    pieces = [
        interval
        for part in (bounds[: cut + 1], bounds[cut:])
        for interval in intervals_of(window(rows, int(part[0]), int(part[-1])), law, part)
    ]
    assert pieces == whole


def window(rows: list[tuple[int, float | None, int]], start_us: int, stop_us: int) -> list[tuple[int, float | None, int]]:
    usable = [row for row in rows if row[1] is not None]
    before = [row[0] for row in usable if row[0] < start_us][-NEIGHBOURS:]
    behind = [row[0] for row in usable if row[0] >= stop_us][:NEIGHBOURS]
    first_us, last_us = (before or [start_us])[0], (behind or [stop_us])[-1]
    return [row for row in rows if first_us <= row[0] <= last_us]


@given(STEPS, st.integers(0, 10**7 - 1), st.integers(0, 2**32))
def test_order_of_arrival_does_not_matter(steps: list[tuple[int, int, int]], begin: int, seed: int) -> None:
    rows = register(steps, Decimal(begin) / 100, MODULUS).rows
    shuffled = list(rows)
    Random(seed).shuffle(shuffled)  # noqa: S311  an order, not a secret
    assert intervals_of(shuffled, LAW, wide(rows)) == intervals_of(rows, LAW, wide(rows))


@given(STEPS, st.integers(0, 149), st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_declared_replacement_adds_both_meters_exactly(
    steps: list[tuple[int, int, int]], where: int, ratio: int, final_rise: int, initial: int
) -> None:
    told = register(steps, Decimal("1234.56"))
    after = 1 + where % (len(steps) - 1)
    rows = list(told.rows[:after])
    old, new = Decimal(str(rows[-1][1])), Decimal(initial) / 100
    rows += [
        (time_us, float(new + told.counted[after + n] - told.counted[after]), quality)
        for n, (time_us, _, quality) in enumerate(told.rows[after:])
    ]
    final = old + Decimal(final_rise) / 100
    event = MeterEvent(rows[after][0], EventType.REPLACEMENT, final, new, Decimal(ratio))
    intervals = list(compute(series_of((*row, 0) for row in rows), RATED, [event], wide(rows), FAR_US))
    expected = told.counted[after - 1] + (final - old) + ratio * (told.counted[-1] - told.counted[after])
    assert total_of(intervals) == expected
    assert sum(bool(interval.flags & IntervalFlag.REPLACEMENT) for interval in intervals) == 1


@given(st.lists(st.integers(1, 10**15), min_size=2, max_size=30), st.integers(1, 3000))
def test_increments_are_never_finer_than_twelve_decimals(values: list[int], seconds: int) -> None:
    rows = [(START_US + n * seconds * SECOND_US, value / 7) for n, value in enumerate(sorted(values))]
    law = PointLaw(Kind.COUNTER, max_gap_us=HOUR_US, max_rate_per_h=Decimal(10**18))
    for interval in intervals_of(rows, law, edges("08:00", "12:00")):
        if interval.exact is not None:
            assert interval.exact == interval.exact.quantize(Decimal("1e-12"))
            assert interval.value == float(interval.exact)
