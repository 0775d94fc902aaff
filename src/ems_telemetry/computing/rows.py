"""Intervals to and from the rows of their table."""

from ems_telemetry.intervals.interval import Interval
from ems_telemetry.storage.columns import as_time, as_us
from ems_telemetry.storage.intervals import IntervalRow


def row_of(point_id: int, period: str, interval: Interval, *, has_ended: bool) -> IntervalRow:
    """Gives an interval as its table has it."""
    start = as_time(interval.start_us)
    return IntervalRow(point_id, period, start, *interval[1:], has_ended)


def interval_of(row: IntervalRow) -> Interval:
    """Gives the interval that a row holds."""
    return Interval(as_us(row.start), *row[3:12])
