"""Spans of time that follow each other without a break, and which of them stand in a row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Generic, Protocol, TypeVar

from ems_telemetry.errors import CannotComputeError

_NO_TIME: Final = timedelta()
_MICROSECOND: Final = timedelta(microseconds=1)


class Span(Protocol):
    """Something that holds from `start` to before `end`, both in UTC."""

    @property
    def start(self) -> datetime:
        """Tells when it begins."""

    @property
    def end(self) -> datetime:
        """Tells when it is over."""


S = TypeVar("S", bound=Span)


@dataclass(frozen=True, slots=True)
class Run(Generic[S]):
    """Spans in a row, one or more. `cut` tells that what adjoins it is not known: it may have lasted longer."""

    spans: tuple[S, ...]
    cut: bool

    @property
    def start(self) -> datetime:
        """Tells when it begins."""
        return self.spans[0].start

    @property
    def end(self) -> datetime:
        """Tells when it is over."""
        return self.spans[-1].end

    @property
    def duration(self) -> timedelta:
        """Tells how long it lasted."""
        return self.end - self.start


def in_order(spans: Iterable[S]) -> tuple[S, ...]:
    """Orders spans by time.

    Raises:
        CannotComputeError: one has no length or is not in UTC, or two overlap: something would be counted twice.
    """
    given = list(spans)
    for span in given:
        if span.start.utcoffset() != _NO_TIME or span.end.utcoffset() != _NO_TIME:
            raise CannotComputeError(
                f"{span.start.isoformat()} to {span.end.isoformat()} is not in UTC; turn local times into it"
            )
        if span.end <= span.start:
            raise CannotComputeError(
                f"an interval ends at {span.end.isoformat()}, not after its start {span.start.isoformat()}"
            )
    ordered = sorted(given, key=lambda span: span.start)
    for one, other in pairwise(ordered):
        if other.start < one.end:
            raise CannotComputeError(
                f"the intervals of {one.start.isoformat()} and {other.start.isoformat()} overlap; give each once"
            )
    return tuple(ordered)


def runs_of(ordered: Sequence[S], wanted: Callable[[S], bool], known: Callable[[S], bool]) -> list[Run[S]]:
    """Finds the wanted ones of ordered spans that stand in a row; what is not wanted ends a row, and so does a break in time.

    Args:
        ordered: as `in_order` gives them.
        wanted: tells whether a span belongs into a run.
        known: tells whether anything is known of a span. Before the first and after the last nothing is missed.
    """
    places = [place for place, span in enumerate(ordered) if wanted(span)]
    firsts = [place for place in places if place == 0 or not wanted(ordered[place - 1]) or not _adjoin(ordered, place - 1)]
    lasts = [
        place for place in places if place == len(ordered) - 1 or not wanted(ordered[place + 1]) or not _adjoin(ordered, place)
    ]
    return [
        Run(tuple(ordered[first : last + 1]), _is_cut(ordered, first, last, known))
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _adjoin(ordered: Sequence[S], place: int) -> bool:
    return ordered[place].end == ordered[place + 1].start


def _is_cut(ordered: Sequence[S], first: int, last: int, known: Callable[[S], bool]) -> bool:
    before = first > 0 and not (known(ordered[first - 1]) and _adjoin(ordered, first - 1))
    after = last < len(ordered) - 1 and not (known(ordered[last + 1]) and _adjoin(ordered, last))
    return before or after


def microseconds(duration: timedelta) -> int:
    """Gives a duration in whole µs, exactly."""
    return duration // _MICROSECOND
