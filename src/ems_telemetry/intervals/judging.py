"""What a register's fall, or its too fast rise, was: a rollover, a reset, a reading to leave out, or nothing that can be told.

What is judged looks at no more than `MOST_LEFT_OUT` readings to either side, so that a series computed in pieces gives the
same as the whole.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.intervals.law import HOUR_US, PointLaw
from ems_telemetry.intervals.series import Int64s, Series

MOST_LEFT_OUT: Final = 16
"""So many readings in a row may be left out; a level that lasts longer is what the register shows now."""
_BEGIN: Final = Decimal("0.1")
"""A register that fell by itself is believed to count anew only if it shows less than this share of what it showed before."""
_TREMBLE: Final = Decimal("0.01")
"""A fall of less than this share of the register is no event but a trembling, if the register comes back."""
LEAP: Final = 10
"""Not believed is a register that shows more than so many times what it showed before and rose more than so many times quicker
than at any of the steps behind, where nothing says how fast it can rise."""
_LEAST_LEAP: Final = 100
"""Of so many units a leap may be."""
_AMPLE: Final = 10
"""After a reset a register may show so many times what can have been counted in the time since the last reading."""


class Register:
    """The usable readings of a counter, exact where asked for."""

    def __init__(self, series: Series, usable: Int64s, law: PointLaw) -> None:
        self.series = series
        self.usable = usable
        self.law = law
        self.times_us: Int64s = series.times_us[usable]
        self.values = series.values[usable]
        self._exactly = lru_cache(8 * MOST_LEFT_OUT)(self._read)

    def __getitem__(self, position: int) -> Decimal:
        """Gives what the register showed, by position among the usable readings."""
        return self._exactly(position)

    def _read(self, position: int) -> Decimal:
        return self.series.decimal(int(self.usable[position]))

    def most_between(self, last: int, first: int) -> Decimal | None:
        """Gives by how much the register can have risen between two positions, None where nothing says so."""
        return self.most_since(int(self.times_us[last]), first)

    def can_rise(self, last: int, first: int, rise: Decimal) -> bool | None:
        """Tells whether the register can show so much more at the latter of two positions, None where nothing says so.

        It can show one of its last digit more than it can have risen: of what lies below that, nothing is shown.
        """
        most = self.most_between(last, first)
        if most is None or rise <= most:
            return None if most is None else True
        return rise <= most + 1 and rise <= most + min(_last_digit(self[last]), _last_digit(self[first]))

    def most_since(self, time_us: int, first: int) -> Decimal | None:
        """Gives by how much the register can have risen from a time to a position, None where nothing says so."""
        if self.law.max_rate_per_h is None:
            return None
        return self.law.max_rate_per_h * (int(self.times_us[first]) - time_us) / HOUR_US


def _last_digit(stand: Decimal) -> Decimal:
    exponent = stand.normalize().as_tuple().exponent
    return Decimal(1).scaleb(min(exponent, 0)) if isinstance(exponent, int) else Decimal(0)


class Change(NamedTuple):
    """What a step was: `last` and `first` are the positions that count, what lies between is left out for the reason given.

    With flags it is a jump by `increment`, None where that is unknown; without, the register simply rose from one to the other.
    """

    last: int
    first: int
    left_out: IntervalFlag
    increment: Decimal | None = None
    flags: int = 0
    is_questionable: bool = False


def judge_rise(register: Register, last: int, position: int, end: int) -> Change | None:
    """Judges a rise that may be too fast; None where it is not, or where the register stays and so much has soon been counted.

    `end` is the position before which the register is one.
    """
    rise = register[position] - register[last]
    stop = min(end, position + MOST_LEFT_OUT + 1)
    can_rise = register.can_rise(last, position, rise)
    if can_rise or (can_rise is None and not _leaps(register, last, position, stop)):
        return None
    stays = True
    for later in range(position + 1, stop):
        beyond = register[later] - register[last]
        stays = stays and register[later] >= register[later - 1]
        if beyond < 0:
            continue
        if beyond <= rise / 2 if can_rise is None else register.can_rise(last, later, beyond):
            return None if stays else Change(last, later, IntervalFlag.SPIKE)
    if can_rise is False and stop < position + MOST_LEFT_OUT + 1:
        return Change(last, stop, IntervalFlag.SPIKE)
    return Change(last, position, IntervalFlag.SPIKE, None, IntervalFlag.UNEXPLAINED, is_questionable=True)


def _leaps(register: Register, last: int, position: int, stop: int) -> bool:
    """Tells whether a register jumps up from next to nothing, as one does that forgot its stand for a while."""
    rise = register[position] - register[last]
    return register[position] > LEAP * register[last] and _outruns(register, last, position, stop, rise)


def _outruns(register: Register, last: int, position: int, stop: int, rise: Decimal) -> bool:
    """Tells whether a rise is large, and far quicker than any of the steps behind it."""
    lasts_us = int(register.times_us[position]) - int(register.times_us[last])
    return rise > _LEAST_LEAP and all(
        LEAP * lasts_us * (register[later] - register[later - 1])
        < rise * (int(register.times_us[later]) - int(register.times_us[later - 1]))
        for later in range(position + 1, stop)
    )


def judge_fall(register: Register, last: int, position: int, end: int, since: int) -> Change:
    """Judges a fall that nobody declared. The register is one from `since` on, and up to before `end`."""
    stop = min(end, position + MOST_LEFT_OUT + 1)
    back = _comes_back(register, last, position, stop)
    if back is not None:
        return Change(last, back, IntervalFlag.DIP)
    before = _before_peak(register, last, position, since)
    if before is not None:
        return Change(before, position, IntervalFlag.SPIKE)
    return _rollover(register, last, position) or _reset(register, last, position, stop)


def _comes_back(register: Register, last: int, position: int, stop: int) -> int | None:
    """Finds where the register shows again what it showed before it fell, having jumped there."""
    level, lowest = register[last], register[position]
    for later in range(position + 1, stop):
        value, before = register[later], register[later - 1]
        if value < level:
            lowest = min(lowest, value)
            continue
        fall, can_rise = level - lowest, register.can_rise(last, later, value - level)
        trembles = fall <= _TREMBLE * level
        if can_rise is False or (can_rise is None and not trembles and value - level > fall / 2):
            return None
        return later if trembles or value - before >= fall / 2 else None
    return None


def _before_peak(register: Register, last: int, position: int, since: int) -> int | None:
    """Finds the reading before a jump up that this fall takes back. Where a fastest rise is known, peaks are found as rises."""
    if register.law.max_rate_per_h is not None:
        return None
    value = register[position]
    fall = register[last] - value
    for high in range(last, max(since, last - MOST_LEFT_OUT), -1):
        level = register[high - 1]
        if register[high] - level >= Decimal("0.9") * fall and level <= value <= level + fall / 2:
            return high - 1
    return None


def _rollover(register: Register, last: int, position: int) -> Change | None:
    modulus = register.law.modulus
    before, after = register[last], register[position]
    if modulus is None or before > modulus or not 0 <= after < modulus:
        return None
    increment, most = modulus - before + after, register.most_between(last, position)
    spans_the_end = before >= (1 - _BEGIN) * modulus and after <= _BEGIN * modulus
    if not (spans_the_end if most is None else register.can_rise(last, position, increment)):
        return None
    doubtful = most is None or most >= modulus
    return Change(last, position, IntervalFlag.SPIKE, increment, IntervalFlag.ROLLOVER, doubtful)


def _reset(register: Register, last: int, position: int, stop: int) -> Change:
    before, after = register[last], register[position]
    most = register.most_between(last, position)
    if most is None:
        begins = after <= _BEGIN * before and not _outruns(register, last, position, stop, after)
    else:
        begins = after <= most or after <= min(_BEGIN * before, _AMPLE * most)
    if begins and after >= 0:
        flags = IntervalFlag.RESET | IntervalFlag.LOWER_BOUND
        return Change(last, position, IntervalFlag.SPIKE, after, flags, is_questionable=True)
    return Change(last, position, IntervalFlag.SPIKE, None, IntervalFlag.UNEXPLAINED, is_questionable=True)
