"""The periods of an answer as instants: those that begin within a span, by the clock of a place."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, repeat
from operator import add
from typing import Final
from zoneinfo import ZoneInfo

from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of

__all__ = ["AT_MOST", "QUARTER", "Period", "bucket_edges", "bucket_of", "midnight"]

QUARTER: Final = timedelta(minutes=15)
AT_MOST: Final = {
    Period.QUARTER: QUARTER,
    Period.HOUR: timedelta(hours=2),
    Period.DAY: timedelta(days=2),
    Period.MONTH: timedelta(days=32),
    Period.YEAR: timedelta(days=367),
}
"""No period is longer than this, whatever the clock does."""


def bucket_edges(period: Period, since: datetime, until: datetime, zone: ZoneInfo, most: int) -> list[datetime]:
    """Gives the edges of the periods that begin in `[since, until)`, at most so many of them; n + 1 of n, none of none."""
    if since >= until:
        return []
    # So many of the longest are certainly no fewer than those asked for; the calendar has an end.
    enough = min(until, since + min(until - since, (most + 2) * AT_MOST[period]))
    edges = _moments(period, edges_of(period, microseconds(since), microseconds(enough), zone))
    first = 0 if edges[0] >= since else 1
    chosen = edges[first : first + most + 1]
    return chosen if len(chosen) > 1 else []


def _moments(period: Period, edges_us: Sequence[int]) -> list[datetime]:
    if period is Period.QUARTER:
        # Equal steps, in a twentieth of the time: there may be 35,040 in an answer.
        return list(accumulate(repeat(QUARTER, len(edges_us) - 1), add, initial=moment_of(edges_us[0])))
    return [moment_of(edge_us) for edge_us in edges_us]


def bucket_of(period: Period, moment: datetime, zone: ZoneInfo) -> datetime:
    """Gives the beginning of the period that an instant lies in."""
    moment_us = microseconds(moment)
    return moment_of(edges_of(period, moment_us, moment_us + 1, zone)[0])


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Gives the instant at which a local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def index_us(edges: Sequence[datetime]) -> list[int]:
    """Gives instants in microseconds since the epoch."""
    return [microseconds(edge) for edge in edges]
