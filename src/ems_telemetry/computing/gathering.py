"""Brings together what a point's intervals are computed from: its readings within, and their neighbours on both sides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from ems_telemetry.computing.slices import QUARTER, Stretch
from ems_telemetry.intervals.law import HOUR_US, PointLaw, Slope, max_gap_of, mean_of
from ems_telemetry.intervals.series import NEIGHBOURS, Int64s, Series
from ems_telemetry.model import Kind
from ems_telemetry.storage.columns import Columns, as_time, as_us, read_columns, usable_before, usable_from
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.rules import PointRule

QUARTER_US: Final = QUARTER // timedelta(microseconds=1)
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


async def gather(connection: Connection, stretches: Mapping[int, Stretch], rules: Mapping[int, PointRule]) -> list[Job]:
    """Reads what is needed to compute stretches of several points: in one go, and again of those whose neighbours are far away.

    A reading that came late changes what lies between its neighbours, so that a stretch grows to the quarters of these.
    """
    since = min(stretch.since for stretch in stretches.values())
    until = max(stretch.until for stretch in stretches.values())
    laws = {point_id: law_of(rules[point_id]) for point_id in stretches}
    margin = timedelta(microseconds=_margin_us(laws.values()))
    read = await read_columns(connection, list(stretches), since - margin, until + margin)
    jobs, far = [], {}
    for point_id, stretch in stretches.items():
        rule, law, series = rules[point_id], laws[point_id], _series(read.get(point_id))
        edges = _grown(stretch, rule, law, _usable_us(series))
        if edges is not None and _is_enough(edges, _usable_us(series)):
            jobs.append(Job(rule, law, _edges_us(edges), series))
        else:
            far[point_id] = series
    before = await usable_before(connection, {point_id: stretches[point_id].since for point_id in far})
    after = await usable_from(connection, {point_id: stretches[point_id].until for point_id in far})
    for point_id, near in far.items():
        rule, law, stretch = rules[point_id], laws[point_id], stretches[point_id]
        known = {*_usable_us(near).tolist(), *map(as_us, _of(point_id, before, after))}
        usable_us = np.array(sorted(known), dtype=np.int64)
        edges = _grown(stretch, rule, law, usable_us, is_all=True) or stretch
        first_us, last_us = int(usable_us[0]) if known else 0, int(usable_us[-1]) if known else 0
        is_far = known and (first_us < as_us(since - margin) or last_us >= as_us(until + margin))
        series = await _read_alone(connection, point_id, edges) if is_far else near
        jobs.append(Job(rule, law, _edges_us(edges), series))
    return jobs


async def _read_alone(connection: Connection, point_id: int, edges: Stretch) -> Series:
    """Reads one point from the last usable reading before the edges to the first one after them."""
    before = await usable_before(connection, {point_id: edges.since})
    after = await usable_from(connection, {point_id: edges.until})
    first, last = before.get(point_id, edges.since), after.get(point_id, edges.until)
    read = await read_columns(connection, [point_id], first, last + timedelta(microseconds=1))
    return _series(read.get(point_id))


def _grown(stretch: Stretch, rule: PointRule, law: PointLaw, usable_us: Int64s, *, is_all: bool = False) -> Stretch | None:
    """Lets a stretch grow as far as what lies in it has a bearing; None if its neighbours are not among what is given.

    Args:
        stretch: what was marked.
        rule: the point.
        law: its law.
        usable_us: when its usable readings are.
        is_all: that there are no others.
    """
    since_us, until_us = as_us(stretch.since), as_us(stretch.until)
    first, last = int(np.searchsorted(usable_us, since_us)), int(np.searchsorted(usable_us, until_us))
    if not is_all and (first == 0 or last == len(usable_us)):
        return None
    if first == last and (last == len(usable_us) or law.kind is not Kind.COUNTER):
        return stretch
    before_us = int(usable_us[first - 1]) if first else since_us
    after_us = int(usable_us[last]) if last < len(usable_us) else until_us
    if law.kind is not Kind.COUNTER:
        before_us = before_us if since_us - before_us <= law.max_gap_us else since_us
        after_us = min(after_us, max(until_us, int(usable_us[last - 1]) + law.max_gap_us))
    # What lies beyond is computed when its time has come.
    most_us = max(until_us, until_us if rule.computed_to is None else as_us(rule.computed_to))
    grown_since_us = min(since_us, before_us // QUARTER_US * QUARTER_US)
    grown_until_us = min(most_us, max(until_us, (after_us // QUARTER_US + 1) * QUARTER_US if after_us > until_us else until_us))
    return Stretch(as_time(grown_since_us), as_time(grown_until_us))


def _is_enough(edges: Stretch, usable_us: Int64s) -> bool:
    return bool(usable_us[0] < as_us(edges.since) and usable_us[-1] >= as_us(edges.until))


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


def _of(point_id: int, *found: Mapping[int, datetime]) -> list[datetime]:
    return [times[point_id] for times in found if point_id in times]
