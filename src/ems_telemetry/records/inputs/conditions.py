"""In which condition something was operated when: normal, abnormal or emergency, by a point or by what people stated."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

from ems_telemetry.records.inputs.children import Child
from ems_telemetry.records.inputs.states import shares_of
from ems_telemetry.records.registers.operations import CONDITION_OF, Condition, OperatingState
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.runs import microseconds

UNKNOWN: Final = "unknown"
QUARTER: Final = timedelta(minutes=15)
MINUTE: Final = timedelta(minutes=1)
MINUTES: Final = 15
"""Of a quarter of an hour."""
SEVEREST_LAST: Final = tuple(Condition)
Shares = Mapping[str, Decimal]
"""Shares of a span by condition, and of what is not known; together 1."""


class Segment(NamedTuple):
    """A span in one condition."""

    start: datetime
    end: datetime
    condition: str


class Stated(NamedTuple):
    """What people stated of a span; `end` None while it lasts."""

    start: datetime
    end: datetime | None
    state: OperatingState


def segments_of(stated: Iterable[Stated], start: datetime, end: datetime, otherwise: str) -> list[Segment]:
    """Cuts a span where the condition changes. Where several were stated at a time the severest holds.

    Args:
        stated: in any order; they may overlap and reach beyond the span.
        start: where the span begins.
        end: where it ends.
        otherwise: the condition where nothing was stated.
    """

    def severest(states: Sequence[OperatingState]) -> str:
        return max((CONDITION_OF[state] for state in states), key=SEVEREST_LAST.index) if states else otherwise

    return cut(stated, start, end, severest)


def cut(
    stated: Iterable[Stated], start: datetime, end: datetime, chosen: Callable[[Sequence[OperatingState]], str]
) -> list[Segment]:
    """Cuts a span where what was stated changes.

    Args:
        stated: in any order; they may overlap and reach beyond the span.
        start: where the span begins.
        end: where it ends.
        chosen: names what holds where these were stated at a time; of none, where nothing was.
    """
    held = [each for each in stated if each.start < end and (each.end is None or each.end > start)]
    cuts = {start, end}
    cuts |= {moment for each in held for moment in (each.start, each.end) if moment is not None and start < moment < end}
    pieces: list[Segment] = []
    for left, right in pairwise(sorted(cuts)):
        condition = chosen([each.state for each in held if each.start <= left and (each.end is None or left < each.end)])
        if pieces and pieces[-1].condition == condition:
            left = pieces.pop().start  # noqa: PLW2901  # the piece grows
        pieces.append(Segment(left, right, condition))
    return pieces


def by_quarter(segments: Sequence[Segment], start: datetime, count: int) -> Iterator[Sequence[Segment]]:
    """Gives the segments that each of adjacent quarters of an hour has a part of; they must cover them all."""
    first = 0
    for place in range(count):
        left, right = start + place * QUARTER, start + (place + 1) * QUARTER
        while segments[first].end <= left:
            first += 1
        last = first + 1
        while last < len(segments) and segments[last].start < right:
            last += 1
        yield segments[first:last]


def by_minute(segments: Sequence[Segment], start: datetime) -> Iterator[Sequence[str]]:
    """Gives what held in each minute of a quarter of an hour, of the segments that have a part of it."""
    for minute in range(MINUTES):
        left, right = start + minute * MINUTE, start + (minute + 1) * MINUTE
        yield [each.condition for each in segments if each.start < right and each.end > left]


@exactly
def shares_by_segments(segments: Sequence[Segment], start: datetime, end: datetime) -> Shares:
    """Tells which share of a span, which the segments cover, was in which condition."""
    whole, shares = microseconds(end - start), dict[str, Decimal]()
    place = max(bisect_right(segments, start, key=lambda each: each.start) - 1, 0)
    for segment in segments[place:]:
        if segment.start >= end:
            break
        length = microseconds(min(end, segment.end) - max(start, segment.start))
        shares[segment.condition] = shares.get(segment.condition, ZERO) + Decimal(length) / whole
    return shares


@exactly
def shares_by_point(child: Child, states: Mapping[str, str]) -> Shares:
    """Tells which share of a quarter was in which condition, by a point that tells the state.

    Args:
        child: a quarter of that point.
        states: the condition by what the point says, as words of digits.
    """
    conditions = {Decimal(code): condition for code, condition in states.items()}
    shares = dict[str, Decimal]()
    for code, share in shares_of(child, list(conditions)).items():
        shares[conditions[code]] = shares.get(conditions[code], ZERO) + share
    unknown = 1 - sum(shares.values(), ZERO)
    return {**shares, UNKNOWN: unknown} if unknown else shares


def stated_of(inputs: Iterable[Mapping[str, Any]]) -> list[Stated]:
    """Reads what was stated back from inputs."""
    return [
        Stated(
            datetime.fromisoformat(each["from"]),
            None if each["to"] is None else datetime.fromisoformat(each["to"]),
            OperatingState(each["state"]),
        )
        for each in inputs
    ]
