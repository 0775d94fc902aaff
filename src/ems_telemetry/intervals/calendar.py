"""Where intervals begin and end: quarters of an hour in UTC, and hours, days, months and years by the clock of a place.

Every interval is half open, `[start, end)`, and is named by its start. Times are microseconds since the epoch.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final

QUARTER_US: Final = 900_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Period(StrEnum):
    """How long an interval is, as the API spells it."""

    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"
    MONTH = "1mo"
    YEAR = "1y"


def microseconds(moment: datetime) -> int:
    """Gives microseconds since the epoch of an aware time, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(time_us: int) -> datetime:
    """Gives the aware UTC time of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=time_us)


def quarter_floor(time_us: int) -> int:
    """Gives the start of the quarter of an hour that a time lies in."""
    return time_us - time_us % QUARTER_US


def edges_of(period: Period, from_us: int, to_us: int, zone: tzinfo, *, standard_time: bool = False) -> list[int]:
    """Gives the boundaries of periods from the last one at or before `from_us` to the first one at or after `to_us`.

    Args:
        period: how long each is. Days and longer ones begin at local midnight, hours when the local clock shows a full one.
        from_us: the start of what is asked for.
        to_us: its end, which is not part of it; not before the start.
        zone: of the place, such as `ZoneInfo("Europe/Berlin")`.
        standard_time: leave daylight saving out: each day has 24 hours.
    """
    if standard_time:
        zone = standard_time_of(zone, moment_of(from_us).year)
    if period is Period.QUARTER:
        last_us = -(-max(to_us, from_us) // QUARTER_US) * QUARTER_US
        return list(range(quarter_floor(from_us), last_us + 1, QUARTER_US))
    edges: list[int] = []
    for edge_us in _boundaries(period, from_us, zone):
        if edge_us <= from_us:
            edges.clear()
        edges.append(edge_us)
        if edge_us >= to_us:
            break
    return edges


def standard_time_of(zone: tzinfo, year: int) -> timezone:
    """Gives a zone's time without daylight saving in a year: the lesser of its offsets in January and in July."""
    offsets = (datetime(year, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7))
    return timezone(min(offset for offset in offsets if offset is not None))


def _boundaries(period: Period, from_us: int, zone: tzinfo) -> Iterator[int]:
    """Gives boundaries in order of time, from one before `from_us` on to the end of what a calendar can hold."""
    day = moment_of(from_us).astimezone(zone).date() - timedelta(days=1)
    if period is Period.HOUR:
        while day < date.max:
            yield from _hours(_midnight(day, zone), _midnight(day + timedelta(days=1), zone), zone)
            day += timedelta(days=1)
    if period is Period.MONTH:
        day = day.replace(day=1)
    if period is Period.YEAR:
        day = day.replace(month=1, day=1)
    while day < date(date.max.year, 1, 1):
        yield _midnight(day, zone)
        day = _following(day, period)


def _following(day: date, period: Period) -> date:
    if period is Period.YEAR:
        return day.replace(year=day.year + 1)
    if period is Period.MONTH:
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=1)


def _midnight(day: date, zone: tzinfo) -> int:
    """Gives when a local day begins; where the clock jumps over midnight, that is the jump."""
    return microseconds(datetime.combine(day, time(), zone).astimezone(UTC))


def _hours(start_us: int, stop_us: int, zone: tzinfo) -> Iterator[int]:
    yield start_us
    for time_us in range(quarter_floor(start_us) + QUARTER_US, stop_us, QUARTER_US):
        if moment_of(time_us).astimezone(zone).minute == 0:
            yield time_us
