"""The periods that are kept of every point, and where they begin and end at a site."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ems_telemetry.intervals.slices import Stretch

HOUR: Final = timedelta(hours=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def periods_within(period: str, stretch: Stretch, zone: ZoneInfo) -> Iterator[Stretch]:
    """Gives the hours, local days or local months that a stretch touches, each whole, in order.

    Args:
        period: `1h`, `1d` or `1mo`. Hours follow the clock of UTC, days and months that of the site.
        stretch: not empty.
        zone: the site's.
    """
    start = _floor(period, stretch.since, zone)
    while start < stretch.until:
        end = _following(period, start, zone)
        yield Stretch(start, end)
        start = end


def _floor(period: str, time: datetime, zone: ZoneInfo) -> datetime:
    if period == "1h":
        return time - (time - _EPOCH) % HOUR
    midnight = time.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    local = midnight if period == "1d" else midnight.replace(day=1)
    return local.astimezone(time.tzinfo)


def _following(period: str, start: datetime, zone: ZoneInfo) -> datetime:
    if period == "1h":
        return start + HOUR
    local = start.astimezone(zone)
    days = 1 if period == "1d" else 32
    later = (local.replace(tzinfo=None) + timedelta(days=days)).replace(hour=0, minute=0)
    return (later if period == "1d" else later.replace(day=1)).replace(tzinfo=zone).astimezone(start.tzinfo)
