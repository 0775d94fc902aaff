"""Brings together what a point's intervals are computed from: its readings within, and their neighbours on both sides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from ems_telemetry.computing.slices import QUARTER, Stretch, quarter_floor
from ems_telemetry.intervals.law import HOUR_US, PointLaw, Slope, max_gap_of, mean_of
from ems_telemetry.intervals.reach import reach_of
from ems_telemetry.intervals.series import NEIGHBOURS, Int64s, Series
from ems_telemetry.model import Kind
from ems_telemetry.storage.columns import Columns, as_time, as_us, read_columns, usable_before, usable_from
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.rules import PointRule

MICROSECOND: Final = timedelta(microseconds=1)
QUARTER_US: Final = QUARTER // MICROSECOND
TOLD: Final = timedelta(days=33)
"""For so long after its last reading the quarters of a point are told to be missing: to the end of the month, and the next."""
_LEAST_MARGIN_US: Final = HOUR_US
_MOST_MARGIN_US: Final = 24 * HOUR_US
_SECOND_US: Final = 1_000_000


_EMPTY: Final = Series(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int16), np.empty(0, np.int32), {})


@dataclass(frozen=True, slots=True)
class Job:
    """What one point's quarters are computed from."""

    rule: PointRule
    law: PointLaw
    edges_us: Int64s
    series: Series


def law_of(rule: PointRule) -> PointLaw:
    """Gives what is configured of a point as its intervals need it."""
    expected_us = None if rule.expected_interval_s is None else round(rule.expected_interval_s * _SECOND_US)
    return PointLaw(
        # The quarters of a virtual total cover time as those of a counter do, whatever readings its inputs have.
        kind=Kind.COUNTER if rule.expression and rule.kind == Kind.INTERVAL_TOTAL else Kind(rule.kind),
        mean=mean_of(rule.law),
        slope=Slope(rule.interpolation),
        expected_us=expected_us,
        max_gap_us=max_gap_of(expected_us) if rule.max_gap_s is None else round(rule.max_gap_s * _SECOND_US),
        max_rate_per_h=rule.max_rate,
        modulus=rule.rollover_at,
    )


async def gather(
    connection: Connection, stretches: Mapping[int, Stretch], rules: Mapping[int, PointRule], now: datetime
) -> list[Job]:
    """Reads what is needed to compute stretches of several points: in one go, and again of those whose neighbours are far away.

    A reading that came late changes what lies around it, so that a stretch grows to what it can reach.
    """
    laws = {point_id: law_of(rules[point_id]) for point_id in stretches}
    margin = timedelta(microseconds=_margin_us(laws.values()))
    since = min(stretch.since for stretch in stretches.values()) - margin
    until = max(stretch.until for stretch in stretches.values()) + margin
    read = await read_columns(connection, list(stretches), since, until)
    near = {point_id: _series(read.get(point_id)) for point_id in stretches}
    far = [
        point_id
        for point_id, stretch in stretches.items()
        if not _has_neighbours(stretch, _usable_us(near[point_id]), is_all=until > now)
    ]
    before = await usable_before(connection, {point_id: stretches[point_id].since for point_id in far}, NEIGHBOURS)
    after = await usable_from(connection, {point_id: stretches[point_id].until for point_id in far}, NEIGHBOURS)
    jobs = []
    for point_id, stretch in stretches.items():
        series, rule, law = near[point_id], rules[point_id], laws[point_id]
        around = [as_us(time) for time in (*before.get(point_id, ()), *after.get(point_id, ()))]
        if around and (min(around) < as_us(since) or max(around) >= as_us(until)):
            first, last = min(as_time(min(around)), stretch.since), max(as_time(max(around)), stretch.until)
            series = _series((await read_columns(connection, [point_id], first, last + MICROSECOND)).get(point_id))
        spoken = _spoken(stretch, series)
        if spoken is not None:
            jobs.append(Job(rule, law, _edges_us(_grown(spoken, rule, law, _usable_us(series))), series))
    return jobs


def _spoken(stretch: Stretch, series: Series) -> Stretch | None:
    """Cuts off what lies long after the last reading: a point that is silent for good does not fill the table with nothing."""
    since_us, until_us = as_us(stretch.since), as_us(stretch.until)
    usable_us = _usable_us(series)
    within, beyond = np.searchsorted(series.times_us, (since_us, until_us))
    if within < beyond or (len(usable_us) and usable_us[-1] >= until_us):
        return stretch
    last = quarter_floor(as_time(int(usable_us[-1])) + TOLD) if len(usable_us) else stretch.since
    return None if last <= stretch.since else Stretch(stretch.since, min(stretch.until, last))


def _has_neighbours(stretch: Stretch, usable_us: Int64s, *, is_all: bool) -> bool:
    """Tells whether enough readings around a stretch were read; `is_all` that there are no later ones."""
    first, last = np.searchsorted(usable_us, (as_us(stretch.since), as_us(stretch.until)))
    return bool(first >= NEIGHBOURS and (is_all or len(usable_us) - last >= NEIGHBOURS))


def _grown(stretch: Stretch, rule: PointRule, law: PointLaw, usable_us: Int64s) -> Stretch:
    """Lets a stretch grow as far as what lies in it has a bearing.

    Args:
        stretch: what was marked.
        rule: the point.
        law: its law.
        usable_us: when its usable readings are, `NEIGHBOURS` to both sides where there are so many.
    """
    since_us, until_us = as_us(stretch.since), as_us(stretch.until)
    first, last = np.searchsorted(usable_us, (since_us, until_us))
    if first == last and (last == len(usable_us) or law.kind is not Kind.COUNTER):
        return stretch
    # What lies beyond is computed when its time has come.
    most_us = max(until_us, until_us if rule.computed_to is None else as_us(rule.computed_to))
    from_us, to_us = reach_of(usable_us, since_us, until_us, law)
    to_us = min(most_us, (int(usable_us[-1]) if to_us is None else to_us) + 1)
    if law.kind is not Kind.COUNTER:
        from_us, to_us = max(from_us, since_us - law.max_gap_us), min(most_us, until_us + law.max_gap_us)
    grown_us = (min(from_us, since_us) // QUARTER_US * QUARTER_US, -(-max(to_us, until_us) // QUARTER_US) * QUARTER_US)
    return Stretch(as_time(grown_us[0]), as_time(min(grown_us[1], most_us)))


def _usable_us(series: Series) -> Int64s:
    return series.times_us[series.usable()]


def _margin_us(laws: Iterable[PointLaw]) -> int:
    """Gives how far around a slice is read: as a rule far enough for the neighbours of all its points."""
    longest_us = max((law.expected_us or 0) for law in laws)
    return max(_LEAST_MARGIN_US, min(_MOST_MARGIN_US, NEIGHBOURS * longest_us))


def _edges_us(stretch: Stretch) -> Int64s:
    return np.arange(as_us(stretch.since), as_us(stretch.until) + 1, QUARTER_US, dtype=np.int64)


def _series(columns: Columns | None) -> Series:
    if columns is None:
        return _EMPTY
    table = columns.table
    places = np.searchsorted(table["time_us"], np.array(list(columns.exact), dtype=np.int64))
    exact = dict(zip(places.tolist(), columns.exact.values(), strict=True))
    return Series(table["time_us"], table["value"], table["quality"], table["flags"], exact)
