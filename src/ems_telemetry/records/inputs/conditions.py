"""In which condition something was operated when: normal, abnormal or emergency, by a point or by what people stated."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

from ems_telemetry.records.inputs.sources import Child
from ems_telemetry.records.inputs.states import shares_of
from ems_telemetry.records.registers.operations import CONDITION_OF, Condition, OperatingState
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.runs import microseconds

UNKNOWN: Final = "unknown"
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
    held = [each for each in stated if each.start < end and (each.end is None or each.end > start)]
    cuts = {start, end}
    cuts |= {moment for each in held for moment in (each.start, each.end) if moment is not None and start < moment < end}
    pieces: list[Segment] = []
    for left, right in pairwise(sorted(cuts)):
        at = [CONDITION_OF[each.state] for each in held if each.start <= left and (each.end is None or left < each.end)]
        condition = max(at, key=SEVEREST_LAST.index) if at else otherwise
        if pieces and pieces[-1].condition == condition:
            left = pieces.pop().start  # noqa: PLW2901  # the piece grows
        pieces.append(Segment(left, right, condition))
    return pieces


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
