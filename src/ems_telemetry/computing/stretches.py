"""From readings to stored intervals: the quarters of several points, and the hours, days and months they belong to."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from ems_telemetry.computing.gathering import Job, gather
from ems_telemetry.computing.parents import store_parents
from ems_telemetry.computing.rows import row_of
from ems_telemetry.computing.slices import QUARTER, Stretch
from ems_telemetry.computing.virtual import VirtualPoint, rules_of_virtual, store_virtual
from ems_telemetry.intervals.compute import compute
from ems_telemetry.intervals.events import EventType, MeterEvent
from ems_telemetry.storage.columns import as_us
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.intervals import IntervalRow, put_intervals
from ems_telemetry.storage.records import mark_changed
from ems_telemetry.storage.rules import PointRule, RegisterEvent, read_events

Events = Mapping[int, Sequence[RegisterEvent]]


async def compute_stretches(
    connection: Connection,
    stretches: Mapping[int, Stretch],
    rules: Mapping[int, PointRule],
    virtual: Sequence[VirtualPoint],
    now: datetime,
) -> int:
    """Computes stretches of points and what they belong to, and stores what is other than before; in the open transaction.

    Args:
        connection: in a transaction, or beginning one.
        stretches: by point, from quarter to quarter; a point without a rule is gone and passed over.
        rules: of the points.
        virtual: all virtual points there are, in the order of `find_virtual`.
        now: up to when readings could have come.

    Returns:
        How many intervals were new or other than before.
    """
    wanted = {point_id: stretch for point_id, stretch in stretches.items() if point_id in rules}
    if not wanted:
        return 0
    measured = {point_id: stretch for point_id, stretch in wanted.items() if rules[point_id].expression is None}
    events = await read_events(connection, list(measured))
    jobs = await gather(connection, measured, rules, now) if measured else []
    quarters = await asyncio.to_thread(_compute_all, jobs, events, now)
    changed = await put_intervals(connection, quarters)
    marked = {point_id: stretch for point_id, stretch in wanted.items() if point_id not in measured}
    changed |= await store_virtual(connection, marked, changed, virtual)
    rules = {**rules, **await rules_of_virtual(connection, virtual)}
    await mark_changed(connection, [(rules[id_].key, each.first, each.last + QUARTER) for id_, each in changed.items()])
    parents = await store_parents(connection, changed, rules)
    return parents + sum(each.amount for each in changed.values())


def _compute_all(jobs: Sequence[Job], events: Events, now: datetime) -> list[IntervalRow]:
    now_us = as_us(now)
    return [
        row_of(job.rule.id, "15m", interval, has_ended=True)
        for job in jobs
        for interval in compute(job.series, job.law, _declared(events.get(job.rule.id, ())), job.edges_us, now_us)
    ]


def _declared(events: Sequence[RegisterEvent]) -> list[MeterEvent]:
    return [MeterEvent(as_us(each.at), EventType(each.type), each.final, each.initial, each.multiplier) for each in events]
