"""Counters: an interval's increment is the difference of the register at its edges.

The register at an edge lies on the straight line between the readings around it, is computed in decimal and rounded once, to
twelve decimals. So the increments of adjacent intervals add up exactly to the difference of the register, whatever lies
between, and wherever a series is cut.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ems_telemetry.intervals.course import LARGEST, Course, Jump, follow
from ems_telemetry.intervals.events import MeterEvent
from ems_telemetry.intervals.interval import IntervalFlag, Intervals
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.intervals.series import Bools, Int64s, Series
from ems_telemetry.intervals.spans import (
    due_within,
    extremes,
    input_flags,
    mark,
    mark_moments,
    passed_within,
    place,
    qualities_of,
    time_until,
)
from ems_telemetry.model import Quality

GRID: Final = Decimal("1e-12")
EXACTLY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_ZERO: Final = Decimal(0)


def compute_counter(
    series: Series, law: PointLaw, events: Sequence[MeterEvent], edges_us: Int64s, known_until_us: int
) -> Intervals:
    """Computes the increments of a counter; the arguments are those of `compute`."""
    with localcontext(EXACTLY):
        course = follow(series, law, events)
        return _Counter(series, law, course, edges_us, known_until_us).intervals()


class _Counter:
    """One counter's accepted readings, and the edges among them."""

    def __init__(self, series: Series, law: PointLaw, course: Course, edges_us: Int64s, known_until_us: int) -> None:
        self._series, self._law, self._course = series, law, course
        self._edges_us, self._known_until_us = edges_us, known_until_us
        self._index = course.usable[course.kept]
        self._times_us = series.times_us[self._index]
        self._firsts = place(course.kept, np.array([jump.first for jump in course.jumps], dtype=np.int64))
        self._jumped = frozenset(self._firsts.tolist())

    def intervals(self) -> Intervals:
        count, edges_us = len(self._edges_us) - 1, self._edges_us
        before = place(self._times_us, edges_us)
        mins, maxs = extremes(self._series.values[self._index], before)
        known_us, unexplained = self._known_us(), self._unexplained()
        increments = self._increments(~unexplained & (known_us > 0))
        covered_us, good_us = self._measured_us()
        flags = self._flags(known_us, unexplained, before)
        passed_us = passed_within(edges_us, self._known_until_us)
        qualities = qualities_of(good_us, np.maximum(passed_us - known_us, 0), passed_us, self._law)
        qualities[self._questionable() & (qualities > Quality.UNCERTAIN)] = Quality.UNCERTAIN
        qualities[unexplained | (known_us == 0)] = Quality.BAD
        return Intervals(
            edges_us[:-1],
            np.fromiter((np.nan if one is None else float(one) for one in increments), np.float64, count),
            increments,
            mins,
            maxs,
            np.diff(before),
            due_within(edges_us, self._law.expected_us, self._known_until_us),
            covered_us / np.diff(edges_us),
            qualities,
            flags,
        )

    def _known_us(self) -> Int64s:
        """Gives the time of each interval that lies between the first and the last reading."""
        if not len(self._times_us):
            return np.zeros(len(self._edges_us) - 1, dtype=np.int64)
        until_us: Int64s = np.clip(self._edges_us, self._times_us[0], self._times_us[-1])
        return until_us[1:] - until_us[:-1]

    def _measured_us(self) -> tuple[Int64s, Int64s]:
        """Gives the time of each interval that was measured, and what of it was measured well."""
        if len(self._times_us) < 2:  # noqa: PLR2004  two readings make a step
            return (np.zeros(len(self._edges_us) - 1, dtype=np.int64),) * 2
        lasts_us = np.diff(self._times_us)
        lasts_us[lasts_us > self._law.max_gap_us] = 0
        for jump, first in zip(self._course.jumps, self._firsts, strict=True):
            lasts_us[first - 1] *= bool(jump.knots)
        covered_us = np.diff(time_until(self._edges_us, self._times_us[:-1], lasts_us))
        good = self._series.qualities[self._index] >= Quality.GOOD
        if good.all():
            return covered_us, covered_us
        return covered_us, np.diff(time_until(self._edges_us, self._times_us[:-1], lasts_us * (good[1:] & good[:-1])))

    def _stretch(self, first: int) -> tuple[int, int]:
        return int(self._times_us[first - 1]), int(self._times_us[first])

    def _mark_jumps(self, marked: Sequence[bool]) -> Bools:
        stretches = (self._stretch(int(first)) for first, it in zip(self._firsts, marked, strict=True) if it)
        return mark(self._edges_us, stretches)

    def _unexplained(self) -> Bools:
        return self._mark_jumps([not jump.knots for jump in self._course.jumps])

    def _questionable(self) -> Bools:
        return self._mark_jumps([jump.is_questionable for jump in self._course.jumps])

    def _flags(self, known_us: Int64s, unexplained: Bools, before: Int64s) -> NDArray[np.int32]:
        edges_us, index, usable_us = self._edges_us, self._index, self._series.times_us[self._course.usable]
        starts = np.maximum(np.searchsorted(self._times_us, edges_us[:-1], side="right") - 1, 0)
        stops = np.minimum(before[1:] + 1, len(index))
        flags = input_flags(self._series.qualities[index], self._series.flags[index], starts, stops)
        flags[known_us == 0] = 0
        long = np.flatnonzero(np.diff(self._times_us) > self._law.max_gap_us) + 1
        flags[mark(edges_us, map(self._stretch, long.tolist())) & ~unexplained] |= IntervalFlag.ESTIMATED
        flags[known_us == 0] |= IntervalFlag.MISSING
        flags[(known_us > 0) & (known_us < np.diff(edges_us))] |= IntervalFlag.INCOMPLETE
        for bit in {bit for jump in self._course.jumps for bit in IntervalFlag(jump.flags)}:
            flags[self._mark_jumps([bool(jump.flags & bit) for jump in self._course.jumps])] |= bit
        for jump in self._course.jumps:
            for at_us, bits in jump.marks:
                flags[mark_moments(edges_us, [at_us])] |= bits
        impossible_us = self._series.times_us[self._series.usable() & (np.abs(self._series.values) >= LARGEST)]
        spikes_us = np.append(usable_us[list(self._course.spikes)], impossible_us)
        flags[mark_moments(edges_us, spikes_us)] |= IntervalFlag.SPIKE
        flags[mark_moments(edges_us, usable_us[list(self._course.dips)])] |= IntervalFlag.DIP
        return flags

    def _increments(self, known: Bools) -> list[Decimal | None]:
        """Gives the difference of the register between the edges of each interval of which it is known."""
        needed = np.zeros(len(known) + 1, dtype=np.bool_)
        needed[:-1] |= known
        needed[1:] |= known
        stands = self._stands(needed)
        return [
            _plain(later - earlier) if is_known else None
            for earlier, later, is_known in zip(stands, stands[1:], known.tolist(), strict=False)
        ]

    def _stands(self, needed: Bools) -> list[Decimal]:
        """Gives the unwrapped register at the edges that are needed, zero at the others."""
        stands = [_ZERO] * len(needed)
        where = np.flatnonzero(needed)
        if not len(where):
            return stands
        edges_us = np.clip(self._edges_us[where], self._times_us[0], self._times_us[-1])
        at = np.searchsorted(self._times_us, edges_us, side="right") - 1
        if self._course.jumps or self._course.factors[0] != 1 or self._series.exact:
            found: Iterator[Decimal] = self._unwrapped(edges_us.tolist(), at.tolist())
        else:
            found = self._plainly(edges_us, at)
        for position, stand in zip(where.tolist(), found, strict=True):
            stands[position] = stand
        return stands

    def _plainly(self, edges_us: Int64s, at: Int64s) -> Iterator[Decimal]:
        """Gives what a register that only rose shows at each edge; `at` is the reading at or before it."""
        following = np.minimum(at + 1, len(self._times_us) - 1)
        values, times_us = self._series.values[self._index], self._times_us
        rows = zip(
            values[at].tolist(),
            values[following].tolist(),
            (edges_us - times_us[at]).tolist(),
            (times_us[following] - times_us[at]).tolist(),
            strict=True,
        )
        for value, following_value, elapsed_us, lasts_us in rows:
            stand = Decimal(repr(value))
            if elapsed_us and following_value != value:
                stand += (Decimal(repr(following_value)) - stand) * elapsed_us / lasts_us
            yield stand.quantize(GRID)

    def _unwrapped(self, edges_us: Sequence[int], at: Sequence[int]) -> Iterator[Decimal]:
        """Gives the same where readings jump: the register of the first stretch, carried on over all jumps."""
        jumps, factors, firsts = self._course.jumps, self._course.factors, self._firsts.tolist()
        bases = self._bases(firsts)
        stretches = np.searchsorted(self._firsts, np.array(at, dtype=np.int64), side="right").tolist()
        for edge_us, position, stretch in zip(edges_us, at, stretches, strict=True):
            stand = bases[stretch] + self._on_line(position, edge_us, factors[stretch])
            if edge_us > int(self._times_us[position]) and stretch < len(jumps) and firsts[stretch] == position + 1:
                stand += _within(jumps[stretch], int(self._times_us[position]), edge_us)
            yield stand

    def _bases(self, firsts: Sequence[int]) -> list[Decimal]:
        """Gives what each stretch between jumps adds to its readings so that the register carries on."""
        bases = [_ZERO]
        for number, (jump, first) in enumerate(zip(self._course.jumps, firsts, strict=True)):
            before = (self._stand(first - 1) * self._course.factors[number]).quantize(GRID)
            behind = (self._stand(first) * self._course.factors[number + 1]).quantize(GRID)
            step = jump.knots[-1][1].quantize(GRID) if jump.knots else _ZERO
            bases.append(bases[-1] + before + step - behind)
        return bases

    def _stand(self, position: int) -> Decimal:
        return self._series.decimal(int(self._index[position]))

    def _on_line(self, position: int, edge_us: int, factor: Decimal) -> Decimal:
        """Gives what the readings alone show at an edge; within a jump, what they showed before it."""
        stand, time_us = self._stand(position), int(self._times_us[position])
        if edge_us > time_us and position + 1 not in self._jumped:
            lasts_us = int(self._times_us[position + 1]) - time_us
            stand += (self._stand(position + 1) - stand) * (edge_us - time_us) / lasts_us
        return (stand * factor).quantize(GRID)


def _within(jump: Jump, start_us: int, edge_us: int) -> Decimal:
    """Gives what a jump has counted up to a time within it: evenly between its knots."""
    counted = _ZERO
    for at_us, amount in jump.knots:
        if edge_us <= at_us:
            share = amount - counted if at_us == edge_us else (amount - counted) * (edge_us - start_us) / (at_us - start_us)
            return (counted + share).quantize(GRID)
        start_us, counted = at_us, amount
    return counted.quantize(GRID)


def _plain(number: Decimal) -> Decimal:
    """Takes off the zeros at the end; adding zero takes off the exponent."""
    return number.normalize() + _ZERO
