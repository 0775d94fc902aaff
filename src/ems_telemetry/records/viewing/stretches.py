"""The periods of a view: those of the records, or longer ones by the clock of the site, with the records that lie in each."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.storage.record_views import ViewRow


class Bucket(StrEnum):
    """How long the periods of a view are."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_MONTHS: Final = {Bucket.MONTH: 1, Bucket.QUARTER: 3, Bucket.YEAR: 12}
AT_MOST: Final = {
    Bucket.DAY: timedelta(days=2), Bucket.MONTH: timedelta(days=32), Bucket.QUARTER: timedelta(days=93),
    Bucket.YEAR: timedelta(days=367),
}  # fmt: skip
"""None is longer, whatever the clock does."""


class Stretch(NamedTuple):
    """A period `[start, end)`; `period` is how it is called."""

    start: datetime
    end: datetime
    period: str


def stretch_of(row: ViewRow, bucket: Bucket | None) -> Stretch | None:
    """Gives the period that a record belongs to; None where the record is of a longer one."""
    if bucket is None:
        return Stretch(row.start, row.end, row.period)
    zone = ZoneInfo(row.tz)
    stretch = _around(bucket, row.start.astimezone(zone).date(), zone)
    return stretch if stretch.start <= row.start and row.end <= stretch.end else None


def in_line(rows: Iterable[ViewRow]) -> list[ViewRow]:
    """Gives records of one plan item in order, none over another: where its period changed, what began first or is longer."""
    line: list[ViewRow] = []
    for row in sorted(rows, key=lambda row: (row.start, -row.end.timestamp())):
        if not line or row.start >= line[-1].end:
            line.append(row)
    return line


def covers(line: Sequence[ViewRow], stretch: Stretch) -> bool:
    """Tells whether records in order leave no hole in a period."""
    edges = [stretch.start, *(edge for row in line for edge in (row.start, row.end)), stretch.end]
    return all(end == start for end, start in zip(edges[::2], edges[1::2], strict=True))


@lru_cache(maxsize=4_096)
def _around(bucket: Bucket, day: date, zone: ZoneInfo) -> Stretch:
    if bucket is Bucket.DAY:
        return Stretch(_midnight(day, zone), _midnight(day + timedelta(days=1), zone), bucket)
    months = _MONTHS[bucket]
    first = day.replace(month=day.month - (day.month - 1) % months, day=1)
    after = (first + timedelta(days=31 * months)).replace(day=1)
    return Stretch(_midnight(first, zone), _midnight(after, zone), bucket)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
