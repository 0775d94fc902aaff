"""Longer intervals from shorter ones: hours from quarters, days from hours, months from days."""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import NamedTuple

from ems_telemetry.intervals.counter import EXACTLY
from ems_telemetry.intervals.interval import Interval, IntervalFlag
from ems_telemetry.intervals.law import Mean, PointLaw
from ems_telemetry.model import Kind, Quality

_ADDITIVE = frozenset({Kind.COUNTER, Kind.INTERVAL_TOTAL, Kind.EVENT})
_GOOD, _UNCERTAIN, _BAD = int(Quality.GOOD), int(Quality.UNCERTAIN), int(Quality.BAD)
_MISSING, _MANUAL = int(IntervalFlag.MISSING), int(IntervalFlag.MANUAL)
_NOT_INHERITED = ~(_MISSING | _MANUAL)
_DOUBTS = int(
    IntervalFlag.UNCERTAIN
    | IntervalFlag.LOWER_BOUND
    | IntervalFlag.UNKNOWN_MODULUS
    | IntervalFlag.UNEXPLAINED
    | IntervalFlag.RESET
    | IntervalFlag.ROLLOVER
)


class _Part(NamedTuple):
    """A child with what of it has passed by now, and what of that was measured."""

    child: Interval
    passed_us: int
    covered_us: int
    is_missing: bool


def compose(
    children: Iterable[Interval], edges_us: Sequence[int], law: PointLaw, known_until_us: int, *, partial: bool = False
) -> Interval:
    """Puts adjacent intervals of one point together.

    Args:
        children: what is known of the intervals between the edges; one that is not there counts as missing.
        edges_us: their n + 1 boundaries, rising. The children need not be of one length.
        law: what is configured of the point.
        known_until_us: now; a child that has not begun by then is not yet due and does no harm to a sum.
        partial: give the sum of what is there although a child is null. Without, it is null.

    Raises:
        ValueError: a child that does not begin at one of the edges.
    """
    given = {child.start_us: child for child in children}
    stray = given.keys() - set(edges_us[:-1])
    if stray:
        raise ValueError(f"no interval begins at {min(stray)} µs; the edges are those of other intervals")
    parts = [
        _part(given.get(start_us) or _missing(start_us, stop_us, law, known_until_us), stop_us, law, known_until_us)
        for start_us, stop_us in pairwise(edges_us)
    ]
    exact = _sum(parts, partial=partial) if law.kind in _ADDITIVE else None
    value = float(exact) if exact is not None else None if law.kind in _ADDITIVE else _mean(parts, law.mean)
    mins = [part.child.min for part in parts if part.child.min is not None]
    maxs = [part.child.max for part in parts if part.child.max is not None]
    expected = [part.child.expected for part in parts if part.child.expected is not None]
    return Interval(
        edges_us[0],
        value,
        exact,
        min(mins, default=None),
        max(maxs, default=None),
        sum(part.child.samples for part in parts),
        sum(expected) if len(expected) == len(parts) else None,
        _coverage(parts, edges_us[-1] - edges_us[0], law),
        _quality(parts, law),
        _flags(parts, law, is_over=edges_us[-1] <= known_until_us),
    )


def _missing(start_us: int, stop_us: int, law: PointLaw, known_until_us: int) -> Interval:
    expected = 0 if law.kind is Kind.EVENT else None
    if law.expected_us is not None and law.kind is not Kind.EVENT:
        until_us = max(min(stop_us, known_until_us), start_us)
        expected = -(-until_us // law.expected_us) - -(-start_us // law.expected_us)
    return Interval(start_us, None, None, None, None, 0, expected, 0.0, _BAD, _MISSING)


def _part(child: Interval, stop_us: int, law: PointLaw, known_until_us: int) -> _Part:
    passed_us = max(min(stop_us, known_until_us) - child.start_us, 0)
    covered_us = round(child.coverage * (stop_us - child.start_us))
    is_due = passed_us > 0 and not (law.kind in {Kind.INTERVAL_TOTAL, Kind.EVENT} and child.expected == 0)
    is_known = child.value is not None if law.kind in _ADDITIVE else child.coverage > 0
    return _Part(child, passed_us, covered_us, is_due and not is_known)


def _sum(parts: Sequence[_Part], *, partial: bool) -> Decimal | None:
    known = [part.child for part in parts if part.child.value is not None]
    if not known or (not partial and any(part.is_missing for part in parts)):
        return None
    with localcontext(EXACTLY):
        return sum((_exact(child) for child in known), Decimal(0))


def _exact(child: Interval) -> Decimal:
    return Decimal(repr(child.value)) if child.exact is None else child.exact


def _mean(parts: Sequence[_Part], mean: Mean) -> float | None:
    """Gives the mean of the children's means, weighted by the time each of them was measured."""
    known = [(part.child.value, part.covered_us) for part in parts if part.child.value is not None and part.covered_us]
    if not known:
        return None
    time_us = sum(covered_us for _, covered_us in known)
    if mean is Mean.ENERGETIC:
        power = math.fsum(10.0 ** (value / 10) * covered_us for value, covered_us in known) / time_us
        return float(f"{10 * math.log10(power):.12g}")
    return float(f"{math.fsum(value * covered_us for value, covered_us in known) / time_us:.12g}")


def _coverage(parts: Sequence[_Part], length_us: int, law: PointLaw) -> float:
    if law.kind in {Kind.INTERVAL_TOTAL, Kind.EVENT}:
        samples = sum(part.child.samples for part in parts)
        missing = sum(max((part.child.expected or 0) - part.child.samples, 0) for part in parts)
        return samples / max(samples + missing, 1)
    return sum(part.covered_us for part in parts) / length_us


def _quality(parts: Sequence[_Part], law: PointLaw) -> int:
    """Rates by shares of time: good is what was measured and is in no doubt, bad is what is missing, uncertain the rest."""
    due = [part for part in parts if part.passed_us and (part.is_missing or part.child.quality or part.child.samples)]
    passed_us = sum(part.passed_us for part in due)
    good_us = sum(min(part.covered_us, part.passed_us) for part in due if not _is_doubtful(part.child))
    bad_us = sum(_bad_us(part, law) for part in due)
    if not passed_us or bad_us * 100 >= passed_us * law.bad_percent:
        return _BAD
    return _GOOD if good_us * 100 >= passed_us * law.good_percent else _UNCERTAIN


def _is_doubtful(child: Interval) -> bool:
    return child.quality != _GOOD and bool(child.flags & _DOUBTS)


def _bad_us(part: _Part, law: PointLaw) -> int:
    if part.is_missing:
        return part.passed_us
    return 0 if law.kind in _ADDITIVE else max(part.passed_us - part.covered_us, 0)


def _flags(parts: Sequence[_Part], law: PointLaw, *, is_over: bool) -> int:
    all_flags, manual, known = 0, _MANUAL, False
    for part in parts:
        child = part.child
        all_flags |= child.flags
        if child.coverage or child.value is not None:
            manual, known = manual & child.flags, True
    if not known:
        return all_flags & ~_MANUAL
    flags = (all_flags & _NOT_INHERITED) | manual
    lacks = law.kind in _ADDITIVE and any(part.is_missing for part in parts)
    return flags | int(IntervalFlag.INCOMPLETE) if lacks or not is_over else flags
