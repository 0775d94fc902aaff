"""The hours, days and months of points, composed of their quarters."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

from ems_telemetry.computing.gathering import law_of
from ems_telemetry.computing.rows import interval_of, row_of
from ems_telemetry.computing.slices import Stretch
from ems_telemetry.intervals.calendar import Period, edges_of
from ems_telemetry.intervals.compose import compose
from ems_telemetry.storage.columns import as_us
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.intervals import IntervalRow, put_intervals, read_intervals
from ems_telemetry.storage.rules import PointRule

STEPS: Final = (
    (Period.QUARTER, Period.HOUR, timedelta(hours=1)),
    (Period.QUARTER, Period.DAY, timedelta(days=2)),
    (Period.DAY, Period.MONTH, timedelta(days=32)),
)
"""What is composed of what, in this order, and how much longer than any of them a stretch of time must be to hold one."""


async def store_parents(connection: Connection, computed: Mapping[int, Stretch], rules: Mapping[int, PointRule]) -> int:
    """Composes and stores what the computed quarters belong to; in the open transaction.

    A period ends, as far as this goes, when its last quarter is computed: what is not is not due yet.

    Returns:
        How many were new or other than before.
    """
    if not computed:
        return 0
    since = min(stretch.since for stretch in computed.values())
    until = max(stretch.until for stretch in computed.values())
    changed = 0
    for of, period, longest in STEPS:
        children = await read_intervals(connection, list(computed), of, since - longest, until + longest)
        rows = [
            row
            for point_id, found in groupby(children, key=attrgetter("point_id"))
            for row in _composed(computed[point_id], rules[point_id], list(found), of, period)
        ]
        changed += await put_intervals(connection, rows)
    return changed


def _composed(
    stretch: Stretch, rule: PointRule, children: Sequence[IntervalRow], of: Period, period: Period
) -> Iterator[IntervalRow]:
    zone, law = ZoneInfo(rule.timezone), law_of(rule)
    known_until_us = as_us(max(rule.computed_to or stretch.until, stretch.until))
    starts = [as_us(child.start) for child in children]
    edges = edges_of(period, as_us(stretch.since), as_us(stretch.until), zone)
    inner = edges_of(of, edges[0], edges[-1], zone)
    for start_us, end_us in pairwise(edges):
        within = children[bisect_left(starts, start_us) : bisect_left(starts, end_us)]
        between = inner[bisect_left(inner, start_us) : bisect_right(inner, end_us)]
        interval = compose((interval_of(child) for child in within), between, law, known_until_us)
        yield row_of(rule.id, period, interval, has_ended=end_us <= known_until_us)
