"""The step over what a person declared of a meter, from the old register's last reading to the new one's first."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from ems_telemetry.intervals.events import EventType, MeterEvent
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.intervals.judging import Register

_MARKS = {
    EventType.REPLACEMENT: IntervalFlag.REPLACEMENT,
    EventType.RESET: IntervalFlag.RESET,
    EventType.ROLLOVER: IntervalFlag.ROLLOVER,
    EventType.RATIO_CHANGE: IntervalFlag.RATIO_CHANGE,
}


class Passed(NamedTuple):
    """What was counted up to each event and up to the reading behind them; no knots where that cannot be."""

    knots: tuple[tuple[int, Decimal], ...]
    factor: Decimal
    flags: IntervalFlag
    marks: tuple[tuple[int, int], ...]
    is_questionable: bool


class _Change(NamedTuple):
    """Where an event took the register from and to; `flags` tell what of it was not known."""

    final: Decimal
    initial: Decimal
    flags: IntervalFlag


def pass_events(register: Register, last: int, first: int, events: Sequence[MeterEvent], factor: Decimal) -> Passed:
    """Counts over events, in order of time, between two readings of which the latter is the new register's."""
    stand, stand_us = register[last], int(register.times_us[last])
    counted, flags, is_rising = Decimal(0), IntervalFlag(0), True
    knots: list[tuple[int, Decimal]] = []
    for index, event in enumerate(events):
        change = _change(register, first, events[index:], stand, stand_us)
        is_rising = is_rising and change.final >= stand
        counted += (change.final - stand) * factor
        knots.append((event.at_us, counted))
        stand, stand_us, flags = change.initial, event.at_us, flags | change.flags
        factor = factor if event.multiplier is None else event.multiplier
    # People write down times less exactly than meters do.
    rise, most = register[first] - stand, register.most_since(stand_us - register.law.max_gap_us, first)
    knots.append((int(register.times_us[first]), counted + rise * factor))
    is_known = is_rising and rise >= 0 and (most is None or rise <= most)
    marks = tuple((event.at_us, int(_MARKS[event.type])) for event in events)
    if not is_known:
        return Passed((), factor, flags | IntervalFlag.UNEXPLAINED, marks, is_questionable=True)
    return Passed(tuple(knots), factor, flags, marks, bool(flags))


def _change(register: Register, first: int, events: Sequence[MeterEvent], stand: Decimal, stand_us: int) -> _Change:
    event, law = events[0], register.law
    final, initial, flags = event.final, event.initial, IntervalFlag(0)
    if event.type is EventType.RATIO_CHANGE:
        final = initial if final is None else final
        final = _between(register, first, events, stand, stand_us) if final is None else final
        return _Change(final, final if initial is None else initial, flags)
    if final is None and event.type is EventType.ROLLOVER:
        final = law.modulus
        flags |= IntervalFlag.UNKNOWN_MODULUS if final is None else flags
    if final is None:
        final, flags = stand, flags | IntervalFlag.LOWER_BOUND
    if initial is None:
        initial = Decimal(0)
        if event.type is EventType.REPLACEMENT:
            initial, flags = register[first], flags | IntervalFlag.LOWER_BOUND
    return _Change(final, initial, flags)


def _between(register: Register, first: int, events: Sequence[MeterEvent], stand: Decimal, stand_us: int) -> Decimal:
    """What the register showed when the ratio changed: on the straight line to what is known of it next."""
    at_us, to_us, target = events[0].at_us, int(register.times_us[first]), register[first]
    for event in events[1:]:
        if event.type is not EventType.RATIO_CHANGE or event.final is not None:
            to_us, target = event.at_us, stand if event.final is None else event.final
            break
    return stand if to_us == stand_us else stand + (target - stand) * (at_us - stand_us) / (to_us - stand_us)
