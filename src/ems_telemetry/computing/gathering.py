"""Brings together what a point's intervals are computed from: its readings within, and their neighbours on both sides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from ems_telemetry.computing.slices import QUARTER, Stretch
from ems_telemetry.intervals.law import HOUR_US, PointLaw, Slope, max_gap_of, mean_of
from ems_telemetry.intervals.series import NEIGHBOURS, Int64s, Series
from ems_telemetry.model import Kind
from ems_telemetry.storage.columns import Columns, Table, as_time, as_us, read_columns, usable_before, usable_from
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
        mean=mean_of(rule.quantity),
        slope=Slope(rule.interpolation),
        expected_us=expected_us,
        max_gap_us=max_gap_of(expected_us) if rule.max_gap_s is None else round(rule.max_gap_s * _SECOND_US),
        max_rate_per_h=rule.max_rate,
        modulus=rule.rollover_at,
    )


async def gather(connection: Connection, stretches: Mapping[int, Stretch], rules: Mapping[int, PointRule]) -> list[Job]:
    """Reads what is needed to compute stretches of several points: of most in one go, of those with far neighbours one by one.

    A reading that came late changes what lies between its neighbours, so that a stretch grows to the quarters of these.
    """
    since = min(stretch.since for stretch in stretches.values())
    until = max(stretch.until for stretch in stretches.values())
    laws = {point_id: law_of(rules[point_id]) for point_id in stretches}
    margin = timedelta(microseconds=_margin_us(laws.values()))
    parts = _by_point(await read_columns(connection, list(stretches), since - margin, until + margin))
    jobs = []
    for point_id, stretch in stretches.items():
        rule, law = rules[point_id], laws[point_id]
        series = parts.get(point_id, _EMPTY)
        edges = _grown(stretch, rule, law, _usable_us(series))
        if edges is not None and _is_enough(edges, _usable_us(series)):
            jobs.append(Job(rule, law, _edges_us(edges), series))
        else:
            jobs.append(await _gather_alone(connection, rule, law, stretch, series))
    return jobs


async def _gather_alone(connection: Connection, rule: PointRule, law: PointLaw, stretch: Stretch, near: Series) -> Job:
    """Looks for the neighbours however far they are; there may be none."""
    before = await usable_before(connection, rule.id, stretch.since)
    after = await usable_from(connection, rule.id, stretch.until)
    known = [_as_us(before), *_usable_us(near).tolist(), _as_us(after)]
    usable = np.unique(np.array([time_us for time_us in known if time_us is not None], dtype=np.int64))
    edges = _grown(stretch, rule, law, usable, is_all=True) or stretch
    first = await usable_before(connection, rule.id, edges.since) or edges.since
    last = await usable_from(connection, rule.id, edges.until) or edges.until
    columns = await read_columns(connection, [rule.id], first, last + timedelta(microseconds=1))
    return Job(rule, law, _edges_us(edges), _by_point(columns).get(rule.id, _EMPTY))


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


def _by_point(columns: Columns) -> dict[int, Series]:
    table = columns.table
    if not len(table):
        return {}
    cuts = np.flatnonzero(np.diff(table["point_id"])) + 1
    found = {}
    for part in np.split(table, cuts):
        point_id = int(part["point_id"][0])
        found[point_id] = Series(
            part["time_us"], part["value"], part["quality"], part["flags"], _exact_of(columns, point_id, part)
        )
    return found


def _exact_of(columns: Columns, point_id: int, part: Table) -> dict[int, Decimal]:
    rows = np.flatnonzero(part["has_exact"])
    return {int(row): columns.exact[point_id, int(part["time_us"][row])] for row in rows}


def _as_us(time: datetime | None) -> int | None:
    return None if time is None else as_us(time)
