"""What is asked of a server's history next, and how it is worded. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from asyncua import ua

from ems_telemetry.connectors.opcua.file import Order
from ems_telemetry.connectors.opcua.spans import Span, Spans, total, within

_MILLISECOND = timedelta(milliseconds=1)


class Window(NamedTuple):
    """A stretch of time, and the points whose history is read over it together."""

    span: Span
    points: tuple[str, ...]


def next_window(holes: Mapping[str, Spans], order: Order, slice_: timedelta) -> Window | None:
    """Chooses what to read next.

    One request has one stretch of time for all its nodes. The hole at one end of everything missing leads; the stretch then
    grows over the holes beside it, and those points join it that miss at least half of it: of no point is more asked for than
    twice of what is missing.

    Args:
        holes: what is missing, by point.
        order: from which end.
        slice_: the longest stretch.

    Returns:
        None if nothing is missing.
    """
    if not holes:
        return None
    newest_first = order is Order.NEWEST_FIRST
    span = _newest(holes, slice_) if newest_first else _oldest(holes, slice_)
    touched = [hole for point in _missing_half(holes, span) for hole in holes[point] if within((hole,), span)]
    if newest_first:
        span = Span(max(span.end - slice_, min(hole.start for hole in touched)), span.end)
    else:
        span = Span(span.start, min(span.start + slice_, max(hole.end for hole in touched)))
    return Window(span, _missing_half(holes, span))


def _missing_half(holes: Mapping[str, Spans], span: Span) -> tuple[str, ...]:
    return tuple(point for point, spans in holes.items() if 2 * total(within(spans, span)) >= span.length)


def _oldest(holes: Mapping[str, Spans], slice_: timedelta) -> Span:
    start, end = min(spans[0] for spans in holes.values())
    return Span(start, min(end, start + slice_))


def _newest(holes: Mapping[str, Spans], slice_: timedelta) -> Span:
    end, start = max((spans[-1].end, spans[-1].start) for spans in holes.values())
    return Span(max(start, end - slice_), end)


def older_than(holes: Mapping[str, Spans], limit: datetime) -> dict[str, Spans]:
    """Gives the holes, or parts of them, that lie before a limit; points without any are left out."""
    cut = {point: tuple(Span(hole.start, min(hole.end, limit)) for hole in spans) for point, spans in holes.items()}
    old = {point: tuple(hole for hole in spans if hole.start < hole.end) for point, spans in cut.items()}
    return {point: spans for point, spans in old.items() if spans}


class Question(NamedTuple):
    """One node to read, from the beginning or from where the last answer ended."""

    point: str
    node_id: ua.NodeId
    continuation: bytes | None = None


def history_request(
    span: Span, questions: Sequence[Question], values_per_node: int, timestamps: ua.TimestampsToReturn, *, release: bool = False
) -> ua.HistoryReadParameters:
    """Words one HistoryRead of raw values, or the release of continuation points.

    The stretch is widened to whole milliseconds, since servers may cut our times to theirs; whoever takes the answer drops what
    lies outside. Whether the end belongs to the stretch differs between servers.
    """
    start, end = _milliseconds(span.start), _milliseconds(span.end + _MILLISECOND - timedelta(microseconds=1))
    return ua.HistoryReadParameters(
        HistoryReadDetails=ua.ReadRawModifiedDetails(
            IsReadModified=False,
            StartTime=start,
            EndTime=end,
            NumValuesPerNode=values_per_node,
            ReturnBounds=False,
        ),
        TimestampsToReturn=timestamps,
        ReleaseContinuationPoints=release,
        NodesToRead=[
            ua.HistoryReadValueId(NodeId=question.node_id, ContinuationPoint=question.continuation) for question in questions
        ],
    )


def _milliseconds(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
