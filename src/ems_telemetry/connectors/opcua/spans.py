"""Stretches of time and sets of them: what is missing of a point. Pure functions.

A set of spans is a sorted tuple of spans that neither overlap nor touch. Times are aware UTC.
"""

from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

RESOLUTION = timedelta(microseconds=1)
"""Times closer together than this are the same."""


class Span(NamedTuple):
    """A stretch `[start, end)`; its start lies before its end."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


Spans: TypeAlias = tuple[Span, ...]


def add(spans: Spans, new: Span) -> Spans:
    """Adds a span to a set, joining what overlaps or touches."""
    near = [span for span in spans if span.start <= new.end and new.start <= span.end]
    apart = [span for span in spans if span not in near]
    joined = Span(min(span.start for span in (*near, new)), max(span.end for span in (*near, new)))
    return tuple(sorted((*apart, joined)))


def subtract(spans: Spans, gone: Span) -> Spans:
    """Takes a span out of a set."""
    left = (Span(span.start, min(span.end, gone.start)) for span in spans)
    right = (Span(max(span.start, gone.end), span.end) for span in spans)
    return tuple(sorted(span for span in {*left, *right} if span.start < span.end))


def within(spans: Spans, frame: Span) -> Spans:
    """Gives the part of a set that lies in a frame."""
    cut = (Span(max(span.start, frame.start), min(span.end, frame.end)) for span in spans)
    return tuple(span for span in cut if span.start < span.end)


def total(spans: Spans) -> timedelta:
    """Adds up the lengths."""
    return sum((span.length for span in spans), timedelta())


def contains(spans: Spans, time: datetime) -> bool:
    """Tells whether a time lies in one of them."""
    return any(span.start <= time < span.end for span in spans)
