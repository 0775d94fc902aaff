"""Readings and edges for tests of intervals, written as people write them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from ems_telemetry.intervals.compute import compute
from ems_telemetry.intervals.events import MeterEvent
from ems_telemetry.intervals.interval import Interval
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.intervals.series import Int64s, series_of
from ems_telemetry.model import Quality

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
QUARTER_US = 15 * MINUTE_US
HOUR_US = 60 * MINUTE_US
FAR_US = 4_000_000_000 * SECOND_US

Row = tuple[int, float | Decimal | None, *tuple[int, ...]]


def at(text: str) -> int:
    """Gives microseconds of a time such as `10:15`, `10:15:07` or `2026-03-01T10:15`; the day is 2026-03-02 if none is said."""
    moment = datetime.fromisoformat(text if "-" in text else f"2026-03-02T{text}").replace(tzinfo=UTC)
    return round(moment.timestamp()) * SECOND_US


def edges(start: str, stop: str, length_us: int = QUARTER_US) -> Int64s:
    return np.arange(at(start), at(stop) + 1, length_us, dtype=np.int64)


def interval_of(
    rows: Iterable[Row], law: PointLaw, start: str, stop: str, *, events: Sequence[MeterEvent] = (), now: str | None = None
) -> Interval:
    """Computes one interval."""
    span_us = at(stop) - at(start)
    return intervals_of(rows, law, edges(start, stop, span_us), events=events, now_us=FAR_US if now is None else at(now))[0]


def intervals_of(
    rows: Iterable[Row], law: PointLaw, edges_us: Int64s, *, events: Sequence[MeterEvent] = (), now_us: int = FAR_US
) -> list[Interval]:
    readings = [(time_us, value, *_quality_and_flags(*told)) for time_us, value, *told in rows]
    return list(compute(series_of(readings), law, events, edges_us, now_us))


def _quality_and_flags(quality: int = Quality.GOOD, flags: int = 0) -> tuple[int, int]:
    return int(quality), int(flags)
