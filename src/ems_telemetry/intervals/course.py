"""The course of a counter: which readings of its register count, and what happened where it did not simply rise."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np

from ems_telemetry.intervals.events import MeterEvent
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.intervals.judging import LEAP, MOST_LEFT_OUT, Change, Register, judge_fall, judge_rise
from ems_telemetry.intervals.law import HOUR_US, PointLaw
from ems_telemetry.intervals.passing import Passed, pass_events
from ems_telemetry.intervals.series import Int64s, Series

LARGEST: Final = 1e40
"""No register shows so much; the decimals of what is computed have room for less than that."""


class Jump(NamedTuple):
    """A step between two readings that count, over which the register did not simply rise.

    `last` and `first` are positions among the usable readings. `knots` are times and what was counted since `last` up to
    them, the final one at `first`; empty where it is unknown. `marks` are flags that belong to one moment.
    """

    last: int
    first: int
    knots: tuple[tuple[int, Decimal], ...]
    flags: int
    is_questionable: bool
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """`usable` are indices into the series; all other numbers are positions among those.

    `kept` count, `spikes` and `dips` were left out. `factors` holds by how much increments count: one more than there are
    `jumps`, which are in order of time.
    """

    usable: Int64s
    kept: Int64s
    spikes: Sequence[int]
    dips: Sequence[int]
    jumps: Sequence[Jump]
    factors: Sequence[Decimal]


def follow(series: Series, law: PointLaw, events: Sequence[MeterEvent]) -> Course:
    """Follows a counter's register through its usable readings. Needs a decimal context of 60 digits."""
    possible = np.abs(series.values) < LARGEST
    usable = np.flatnonzero(series.usable() & possible)
    register = Register(series, usable, law)
    ordered = sorted(events)
    first_us = int(register.times_us[0]) if len(usable) else 0
    factor = Decimal(1)
    for event in ordered:
        if event.at_us <= first_us and event.multiplier is not None:
            factor = event.multiplier
    later = [event for event in ordered if event.at_us > first_us]
    unusual = _unusual_steps(register, law)
    if not len(unusual) and not later:
        return Course(usable, np.arange(len(usable)), (), (), (), (factor,))
    return _Walk(register, later, unusual, factor).course(usable)


def _unusual_steps(register: Register, law: PointLaw) -> Int64s:
    """Finds the readings to which the register did not plainly rise; some of these turn out to be usual."""
    values, rises = register.values, np.diff(register.values)  # no overflow: all are less than LARGEST
    unusual = rises < 0
    if law.max_rate_per_h is not None:
        caps = np.diff(register.times_us) * (float(law.max_rate_per_h) / HOUR_US)
        unusual |= rises > caps * (1 - 1e-9)
    else:
        unusual |= values[1:] > values[:-1] * LEAP
    if register.series.exact:
        inexact = np.isin(register.usable, np.fromiter(register.series.exact, np.int64))
        unusual |= inexact[1:] | inexact[:-1]
    return np.flatnonzero(unusual) + 1


class _Walk:
    def __init__(self, register: Register, events: Sequence[MeterEvent], unusual: Int64s, factor: Decimal) -> None:
        self._register = register
        self._count = len(register.times_us)
        self._kept = np.ones(self._count, dtype=np.bool_)
        self._spikes: list[int] = []
        self._dips: list[int] = []
        self._jumps: list[Jump] = []
        self._factors = [factor]
        self._since = 0
        self._passages: dict[int, list[MeterEvent]] = {}
        for event in events:
            after = int(np.searchsorted(register.times_us, event.at_us))
            if after < self._count:
                self._passages.setdefault(after, []).append(event)
        self._ends = sorted(self._passages)
        self._looks = sorted({*unusual.tolist(), *self._passages})

    def course(self, usable: Int64s) -> Course:
        last = 0
        for position in self._looks:
            if position > last:
                last = self._look(position)
        kept = np.flatnonzero(self._kept)
        return Course(usable, kept, self._spikes, self._dips, self._jumps, self._factors)

    def _look(self, position: int) -> int:
        """Judges the step to a position from the reading before it, and gives the position that counts next."""
        last = position - 1
        if position in self._passages:
            self._since = self._pass(last, position)
            return self._since
        end = self._end_after(position)
        is_fall = self._register[position] < self._register[last]
        change = (
            judge_fall(self._register, last, position, end, self._since)
            if is_fall
            else judge_rise(self._register, last, position, end)
        )
        if change is None:
            return position
        self._since = self._apply(change)
        return self._since

    def _end_after(self, position: int) -> int:
        return next((end for end in self._ends if end > position), self._count)

    def _apply(self, change: Change) -> int:
        self._leave_out(change.last + 1, change.first, change.left_out)
        if change.first in self._passages:
            return self._pass(change.last, change.first)
        if change.first >= self._count or change.flags == 0:
            return change.first
        factor, first_us = self._factors[-1], int(self._register.times_us[change.first])
        knots = () if change.increment is None else ((first_us, change.increment * factor),)
        self._jumps.append(Jump(change.last, change.first, knots, change.flags, change.is_questionable))
        self._factors.append(factor)
        return change.first

    def _pass(self, last: int, position: int) -> int:
        """Steps over what was declared, to the first reading behind it that can be the new register's."""
        end = min(self._end_after(position), position + MOST_LEFT_OUT + 1)
        passed = Passed((), Decimal(0), IntervalFlag(0), (), is_questionable=False)
        first = position
        for first in range(position, end):
            passed = pass_events(self._register, last, first, self._passages[position], self._factors[-1])
            if passed.knots:
                break
        else:
            first = position
        self._leave_out(position, first, IntervalFlag.SPIKE)
        self._jumps.append(Jump(last, first, passed.knots, passed.flags, passed.is_questionable, passed.marks))
        self._factors.append(passed.factor)
        return first

    def _leave_out(self, start: int, stop: int, flag: IntervalFlag) -> None:
        left_out = [position for position in range(start, stop) if self._kept[position]]
        self._kept[start:stop] = False
        (self._dips if flag is IntervalFlag.DIP else self._spikes).extend(left_out)
