"""The hours, days and months of points, composed of their quarters."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

from ems_telemetry.computing.gathering import law_of
from ems_telemetry.computing.rows import interval_of, row_of
from ems_telemetry.intervals.calendar import Period, edges_of
from ems_telemetry.intervals.compose import compose
from ems_telemetry.storage.columns import as_time, as_us
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.intervals import Changed, IntervalRow, put_intervals, read_intervals
from ems_telemetry.storage.rules import PointRule

STEPS: Final = ((Period.QUARTER, Period.HOUR), (Period.QUARTER, Period.DAY), (Period.DAY, Period.MONTH))
"""What is composed of what, in this order."""


async def store_parents(connection: Connection, quarters: Mapping[int, Changed], rules: Mapping[int, PointRule]) -> int:
    """Composes and stores what the changed quarters belong to; in the open transaction.

    A period ends, as far as this goes, when its last quarter is computed: what is not is not due yet.

    Returns:
        How many were new or other than before.
    """
    changed, count = {Period.QUARTER: quarters}, 0
    for of, period in STEPS:
        edges = {
            point_id: edges_of(period, as_us(each.first), as_us(each.last) + 1, ZoneInfo(rules[point_id].timezone))
            for point_id, each in changed[of].items()
        }
        changed[period] = await put_intervals(connection, await _composed(connection, edges, rules, of, period))
        count += sum(each.amount for each in changed[period].values())
    return count


async def _composed(
    connection: Connection, edges: Mapping[int, Sequence[int]], rules: Mapping[int, PointRule], of: Period, period: Period
) -> list[IntervalRow]:
    if not edges:
        return []
    since, until = min(each[0] for each in edges.values()), max(each[-1] for each in edges.values())
    children = await read_intervals(connection, list(edges), of, as_time(since), as_time(until))
    return [
        row
        for point_id, found in groupby(children, key=attrgetter("point_id"))
        for row in _of_point(edges[point_id], rules[point_id], list(found), of, period)
    ]


def _of_point(
    edges: Sequence[int], rule: PointRule, children: Sequence[IntervalRow], of: Period, period: Period
) -> Iterator[IntervalRow]:
    law = law_of(rule)
    known_until_us = edges[-1] if rule.computed_to is None else as_us(rule.computed_to)
    starts = [as_us(child.start) for child in children]
    inner = edges_of(of, edges[0], edges[-1], ZoneInfo(rule.timezone))
    for start_us, end_us in pairwise(edges):
        within = children[bisect_left(starts, start_us) : bisect_left(starts, end_us)]
        between = inner[bisect_left(inner, start_us) : bisect_right(inner, end_us)]
        interval = compose((interval_of(child) for child in within), between, law, known_until_us)
        yield row_of(rule.id, period, interval, has_ended=end_us <= known_until_us)
