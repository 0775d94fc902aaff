"""Readings of one point to its intervals: the same readings give the same intervals, bit for bit, at any later time."""

from collections.abc import Sequence

from ems_telemetry.intervals.counter import compute_counter
from ems_telemetry.intervals.events import MeterEvent
from ems_telemetry.intervals.gauge import compute_gauge
from ems_telemetry.intervals.interval import Intervals
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.intervals.series import Int64s, Series
from ems_telemetry.intervals.total import compute_total
from ems_telemetry.model import Kind


def compute(series: Series, law: PointLaw, events: Sequence[MeterEvent], edges_us: Int64s, known_until_us: int) -> Intervals:
    """Computes the adjacent intervals between edges.

    Args:
        series: every reading in [edges[0], edges[-1]) and, where there are any, some before (20 or more, reaching back to at
            least one usable one) and at least one usable one after; `NEIGHBOURS` on both sides make it independent of the cut.
        law: what is configured of the point.
        events: what was declared of its meter, all of them up to the last edge, in any order.
        edges_us: n + 1 rising boundaries of n intervals, microseconds since the epoch.
        known_until_us: up to when readings could have come (now): a gauge holds no longer than that, and what lies beyond is
            not yet expected.
    """
    if law.kind is Kind.COUNTER:
        return compute_counter(series, law, events, edges_us, known_until_us)
    if law.kind in {Kind.INTERVAL_TOTAL, Kind.EVENT}:
        return compute_total(series, law, edges_us, known_until_us)
    return compute_gauge(series, law, edges_us, known_until_us)
