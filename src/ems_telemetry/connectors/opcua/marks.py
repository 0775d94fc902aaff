"""Up to where each point is complete, and which stretches are missing: the high-water marks and the holes behind them. Pure.

A mark is the source's time of the last sample that is durable. After an interruption a point is open: something may be missing
behind its mark. The first durable sample after it closes the point and tells where the hole ends. An older state of all this is
always a safe one: it only makes more be read again than is missing, and what is read twice is stored once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ems_telemetry.connectors.opcua.spans import RESOLUTION, Span, Spans, add, subtract

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A clock that tells less was never set; such a time moves no mark."""
MOST_HOLES = 32
"""Holes kept apart per point; of more, the two oldest are joined, with what lies between them."""


class Arrival(NamedTuple):
    """One sample, as far as marks are concerned."""

    point: str
    time: datetime | None
    """The source's own time, if it gave one."""
    received_at: datetime
    """By our own clock: the server's time of a value sent again may be as old as the value."""
    lossy: bool = False
    """The server says that values before it were lost in its queue."""


class Standing(NamedTuple):
    """How one point stands, as it is written down."""

    point: str
    mark: datetime | None
    holes: Spans


@dataclass(slots=True)
class _State:
    mark: datetime | None = None
    open: bool = False
    holes: Spans = ()


class Marks:
    """The marks of a connector's points. Points it was not made for are passed over."""

    def __init__(self, points: Iterable[str], on_first: Callable[[], None] = lambda: None) -> None:
        """Takes the points, and whom to tell that one has got its first mark: no older state knows anything of it."""
        self._states = {point: _State() for point in points}
        self._on_first = on_first
        self._changed: set[str] = set()
        self.opened = 0
        """Points that came to have a hole, since the beginning."""
        self.closed = 0
        """Points whose last hole went, since the beginning."""

    def restore(self, standings: Iterable[Standing]) -> None:
        """Takes over what an earlier run wrote down. The time between is an interruption."""
        for point, mark, holes in standings:
            if (state := self._states.get(point)) is not None:
                state.mark, state.holes = mark, holes
                self.opened += bool(holes)
        self.interrupt()

    def interrupt(self, points: Iterable[str] | None = None) -> None:
        """Opens points, or all of them: something may be missing behind their marks."""
        for point in self._states if points is None else points:
            if (state := self._states.get(point)) is not None:
                state.open = state.mark is not None

    def advance(self, arrival: Arrival) -> None:
        """Moves the mark of a point to a sample that is durable now, also backwards: the device's clock may be put back."""
        point, time, received_at, lossy = arrival
        state = self._states.get(point)
        if state is None or time is None or time < EARLIEST:
            return
        if state.mark is not None and (state.open or lossy):
            self._note_hole(state, Span(state.mark + RESOLUTION, time if time > state.mark else received_at))
        is_first = state.mark is None
        state.mark, state.open = time, False
        self._changed.add(point)
        if is_first:
            self._on_first()

    def fill(self, point: str, span: Span) -> None:
        """Takes out what is durable now, or known to be gone for ever."""
        state = self._states[point]
        had = bool(state.holes)
        state.holes = subtract(state.holes, span)
        self.closed += had and not state.holes
        self._changed.add(point)

    def holes(self) -> Mapping[str, Spans]:
        """Gives what is missing, of each point that misses something."""
        return {point: state.holes for point, state in self._states.items() if state.holes}

    def has_passed(self, point: str, hole: Span) -> bool:
        """Tells whether a point has sent anything newer than what lies before a hole."""
        mark = self._states[point].mark
        return mark is not None and mark >= hole.start

    def take_changed(self) -> list[Standing]:
        """Gives the points that changed since the last time, as they stand now."""
        changed, self._changed = self._changed, set()
        return [Standing(point, self._states[point].mark, self._states[point].holes) for point in changed]

    def put_back(self, standings: Iterable[Standing]) -> None:
        """Remembers that these are not written down yet after all."""
        self._changed.update(standing.point for standing in standings)

    def _note_hole(self, state: _State, hole: Span) -> None:
        if hole.start >= hole.end:
            return
        self.opened += not state.holes
        holes = add(state.holes, hole)
        if len(holes) > MOST_HOLES:
            holes = add(holes, Span(holes[0].start, holes[1].end))
        state.holes = holes
