"""Totals of many points by period: which intervals are read for them, and how what is found becomes one number each."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from ems_telemetry.api.buckets import AT_MOST, QUARTER, Period, bucket_edges, bucket_of
from ems_telemetry.api.interval_parameters import PeriodsQuery
from ems_telemetry.api.intervals import child_of, due_until
from ems_telemetry.api.problem import wrong_parameter
from ems_telemetry.api.totals import Share, joined, share_of
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.interval_series import Bucket, Extent, SeriesPoint, read_buckets, read_extents
from ems_telemetry.storage.reading import BEGINNING

MOST_ROWS: Final = 3_000_000
"""So many intervals are read for one page at most, but at least one period."""
ESTIMATED: Final = int(IntervalFlag.ESTIMATED)

Shares = Mapping[tuple[int, int], Share]
"""By the id of the point and the number of the period."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """What periods are asked for of which points, and what there is of them."""

    period: Period
    zone: ZoneInfo
    since: datetime
    until: datetime
    now: datetime
    points: Sequence[SeriesPoint]
    """Those that have intervals."""
    extents: Mapping[int, Extent]
    by_quarters: bool = False
    """Whether all is counted in quarters, also what is kept by longer periods."""

    def edges(self, most: int) -> tuple[list[datetime], bool]:
        """Gives the edges of the first periods, so many at most, and whether there are more of them."""
        rows_each = max(1, len(self.points) * (AT_MOST[self.period] // AT_MOST[self._child or self.period]))
        affordable = max(1, min(most, MOST_ROWS // rows_each))
        edges = bucket_edges(self.period, self.since, self.until, self.zone, affordable)
        return edges, bool(edges) and edges[-1] < self.until

    def beginning(self, since: datetime) -> "Calendar":
        """Gives the same from a later beginning on."""
        return replace(self, since=max(self.since, since))

    def has(self, point: SeriesPoint, start: datetime, end: datetime) -> bool:
        """Tells whether a point was there in a period."""
        extent = self.extents[point.id]
        return extent.first < end and start < due_until(point, extent, self.now)

    def due(self, point: SeriesPoint, start: datetime, end: datetime) -> int:
        """Counts the quarters of a stretch that are due of a point: from its first on, as far as they can be known by now."""
        extent = self.extents[point.id]
        last = end if end <= self.now else min(end, extent.computed_to or self.now)
        return max(0, (min(last, due_until(point, extent, self.now)) - max(start, extent.first)) // QUARTER)

    async def buckets(self, database: Database, edges: Sequence[datetime]) -> Mapping[tuple[int, int], Bucket]:
        """Counts the quarters of each point in each period; by the id of the point and the number of the period."""
        found = await read_buckets(database, [point.id for point in self.points], Period.QUARTER, edges, ESTIMATED)
        return {(bucket.point_id, bucket.bucket - 1): bucket for bucket in found}

    @property
    def _child(self) -> Period | None:
        if self.by_quarters:
            return Period.QUARTER
        zones = {point.timezone for point in self.points}
        same = zones == {self.zone.key} or self.period is Period.QUARTER
        return child_of(self.period, self.zone, self.zone.key if same else "", partial=False)

    async def shares(self, database: Database, edges: Sequence[datetime], *, partial: bool) -> Shares:
        """Tells what each point has to tell of each period; with `partial`, of what is there where something is missing."""
        found = await self._read(database, self.points, edges, self._child)
        lacking = {point_id for (point_id, _), share in found.items() if share.lacks}
        if partial and lacking and self.period is not Period.QUARTER:
            again = [point for point in self.points if point.id in lacking]
            return {**found, **await self._read(database, again, edges, Period.QUARTER)}
        return found

    async def _read(
        self, database: Database, points: Sequence[SeriesPoint], edges: Sequence[datetime], child: Period | None
    ) -> Shares:
        # Months are of several lengths: they are weighed one by one.
        inner = edges if child is not Period.MONTH else _months(edges, self.zone)
        buckets = await read_buckets(database, [point.id for point in points], child or self.period, inner, ESTIMATED)
        by_place = {(bucket.point_id, bucket.bucket): bucket for bucket in buckets}
        shares: dict[tuple[int, int], Share] = {}
        for number, (start, end) in enumerate(pairwise(edges)):
            first, last = bisect_left(inner, start), bisect_left(inner, end)
            stretches = list(enumerate(pairwise(inner[first : last + 1]), first + 1))
            for point in points:
                if self.has(point, start, end):
                    shares[point.id, number] = joined(
                        [self._share(point, stretch, by_place.get((point.id, place)), child) for place, stretch in stretches]
                    )
        return shares

    def _share(
        self, point: SeriesPoint, stretch: tuple[datetime, datetime], found: Bucket | None, child: Period | None
    ) -> Share:
        start, end = stretch
        return share_of(found, self._due(point, start, end, child), (end - start).total_seconds())

    def _due(self, point: SeriesPoint, start: datetime, end: datetime, child: Period | None) -> int:
        """Counts the intervals that there should be; of a period that lasts, those that can be computed by now."""
        if child is not Period.QUARTER:
            return 1 if start < self.now else 0
        computed_to = self.extents[point.id].computed_to or self.now
        last = end if end <= self.now else min(end, computed_to)
        return max(0, (last - start) // QUARTER)


async def calendar_of(
    database: Database,
    points: Sequence[SeriesPoint],
    query: PeriodsQuery,
    period: Period,
    now: datetime,
    *,
    by_quarters: bool = False,
) -> Calendar | None:
    """Tells which periods are asked for; None if none of the points has intervals.

    Raises:
        ApiError: 422, the span is empty, or nothing says whose days are meant.
    """
    zone = _zone_of(points, query, period)
    since, until = query.span(zone, now)
    extents = await read_extents(database, [point.id for point in points])
    if not extents:
        return None
    first = bucket_of(period, min(extent.first for extent in extents.values()), zone)
    known = [point for point in points if point.id in extents]
    last = max(due_until(point, extents[point.id], now) for point in known)
    return Calendar(period, zone, max(since or BEGINNING, first), min(until, last), now, known, extents, by_quarters)


def _zone_of(points: Sequence[SeriesPoint], query: PeriodsQuery, period: Period) -> ZoneInfo:
    zones = sorted({point.timezone for point in points})
    if query.tz is None and len(zones) > 1 and period not in {Period.QUARTER, Period.HOUR}:
        words = f"is needed: the sites lie in {', '.join(zones)}, whose days begin at other times; or ask for one site"
        raise wrong_parameter("tz", None, words)
    return query.zone(zones[0] if len(zones) == 1 else "UTC")


def _months(edges: Sequence[datetime], zone: ZoneInfo) -> list[datetime]:
    return bucket_edges(Period.MONTH, edges[0], edges[-1], zone, 12 * len(edges))
