"""Totals that a device gives by itself, and events: sums of what lies within an interval, exactly."""

from decimal import Decimal, localcontext

import numpy as np

from ems_telemetry.intervals.counter import EXACTLY
from ems_telemetry.intervals.interval import IntervalFlag, Intervals
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.intervals.series import Int64s, Series
from ems_telemetry.intervals.spans import due_within, extremes, input_flags, place, qualities_of, running
from ems_telemetry.model import Kind, Quality


def compute_total(series: Series, law: PointLaw, edges_us: Int64s, known_until_us: int) -> Intervals:
    """Computes the sums of interval totals, whose time is the start of what they count, or of events, which are never due."""
    usable = np.flatnonzero(series.usable())
    before = place(series.times_us[usable], edges_us)
    samples = np.diff(before)
    due = np.zeros_like(samples) if law.kind is Kind.EVENT else due_within(edges_us, law.expected_us, known_until_us)
    sums = _sums(series, usable, before)
    missing = np.zeros_like(samples) if due is None else np.maximum(due - samples, 0)
    qualities = series.qualities[usable]
    good = np.diff(running(qualities >= Quality.GOOD)[before])
    rated = qualities_of(good, missing, samples + missing, law)
    rated[samples == 0] = Quality.BAD
    flags = input_flags(qualities, series.flags[usable], before[:-1], before[1:])
    is_due = np.ones(len(samples), dtype=np.bool_) if due is None else due > 0
    flags[(samples == 0) & is_due] |= IntervalFlag.MISSING
    flags[(samples > 0) & (missing > 0)] |= IntervalFlag.INCOMPLETE
    mins, maxs = extremes(series.values[usable], before)
    return Intervals(
        edges_us[:-1],
        np.array([np.nan if total is None else float(total) for total in sums], dtype=np.float64),
        sums,
        mins,
        maxs,
        samples,
        due,
        samples / np.maximum(samples + missing, 1),
        rated,
        flags,
    )


def _sums(series: Series, usable: Int64s, before: Int64s) -> list[Decimal | None]:
    indices = usable.tolist()
    with localcontext(EXACTLY):
        return [
            sum((series.decimal(index) for index in indices[start:stop]), Decimal(0)) if stop > start else None
            for start, stop in zip(before[:-1].tolist(), before[1:].tolist(), strict=True)
        ]
