"""Interval data of one point: its quarters, hours, days, months and years, and its peaks."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from starlette.responses import Response

from ems_telemetry.api import interval_items as items
from ems_telemetry.api.access import Caller, Reader
from ems_telemetry.api.buckets import QUARTER, Period, bucket_edges, bucket_of, index_us
from ems_telemetry.api.catalogue import PointKey, find_point
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.format import Format
from ems_telemetry.api.interval_parameters import IntervalsQuery, Layout, PeriodsQuery
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import LIMIT_MAX
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import Services
from ems_telemetry.api.streaming import Pages, stream
from ems_telemetry.computing.gathering import law_of
from ems_telemetry.intervals.calendar import microseconds
from ems_telemetry.intervals.compose import compose
from ems_telemetry.intervals.interval import Interval, IntervalFlag
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.storage import interval_series
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.interval_series import Extent, Series, SeriesPoint, StoredInterval
from ems_telemetry.storage.reading import BEGINNING
from ems_telemetry.storage.rules import read_rules

router = make_router("Intervals")

_CSV = (
    "start,end,value,exact,min,max,samples,expected,coverage,quality,flags,revision\r\n"
    "2026-03-02T10:00:00Z,2026-03-02T10:15:00Z,15.4,15.4,1000.0,1015.0,90,90,1.0,192,,1\r\n"
    "2026-03-02T10:15:00Z,2026-03-02T10:30:00Z,,,,,0,90,0.0,0,missing,1\r\n"
)


class Part(NamedTuple):
    """Which part of a list: so many at most, after the one that begins then."""

    most: int
    after: datetime | None


class Window(NamedTuple):
    """The periods of one page: n + 1 edges, what is configured of the point, and now."""

    period: Period
    zone: ZoneInfo
    edges: list[datetime]
    computed_to: datetime
    """Up to where the point is computed."""
    now: datetime


@router.get(
    "/points/{key}/intervals",
    response_model=Page[items.Interval] | items.IntervalColumns,
    responses=listed(_CSV) | problems(ProblemType.NOT_FOUND),
)
async def list_intervals(
    request: Request, services: Services, caller: Reader, key: PointKey, query: Annotated[IntervalsQuery, Query()]
) -> Response:
    """Lists what the readings of a point come to, period by period, from its first reading to now; also those without data."""
    listing = Listing(request, query)
    if query.layout is Layout.COLUMNS and listing.format is not Format.JSON:
        raise wrong_parameter("layout", query.layout, "is for JSON only; CSV and Parquet are tables already")
    point = await find_series_point(services.database, caller, key)
    if query.all:
        pages = _pages(services, query, point, listing.after(TimeKey))
        return stream(pages, items.Interval, listing.format)
    window = await window_of(services, query, query.period, point, Part(listing.limit, listing.after(TimeKey)))
    found = await _read(services.database, point, window, partial=query.partial)
    return await listing.answer(
        found, items.Interval, lambda item: item, key=lambda item: item.start, as_columns=query.layout is Layout.COLUMNS
    )


async def find_series_point(database: Database, caller: Caller, key: str) -> SeriesPoint:
    """Finds a point the caller may see.

    Raises:
        ApiError: 404, with the nearest key.
    """
    found = await interval_series.find_series_point(database, caller.sites, key)
    if found is None:
        await find_point(database, caller, key)
        raise ApiError(ProblemType.NOT_FOUND, f'there is no point "{key}"')
    return found


def _pages(services: Services, query: IntervalsQuery, point: SeriesPoint, after: datetime | None) -> Pages:
    """Reads the intervals of a point page by page."""
    reached = after

    async def following() -> Sequence[items.IntervalItem]:
        nonlocal reached
        window = await window_of(services, query, query.period, point, Part(LIMIT_MAX, reached))
        found = await _read(services.database, point, window, partial=query.partial)
        reached = found[-1].start if found else reached
        return found

    return following


async def window_of(services: Services, query: PeriodsQuery, period: Period, point: SeriesPoint, part: Part) -> Window:
    """Tells which periods of a point make the page asked for."""
    zone, now = query.zone(point.timezone), services.clock.now()
    since, until = query.span(zone, now)
    extent = (await interval_series.read_extents(services.database, [point.id])).get(point.id)
    if extent is None:
        return Window(period, zone, [], now, now)
    since = max(since or BEGINNING, bucket_of(period, extent.first, zone))
    if part.after is not None:
        since = max(since, part.after + datetime.resolution)
    edges = bucket_edges(period, since, min(until, due_until(point, extent, now)), zone, part.most)
    return Window(period, zone, edges, extent.computed_to or now, now)


def due_until(point: SeriesPoint, extent: Extent, now: datetime) -> datetime:
    """Tells up to when something is due of a point: now, or its last reading once it is no longer configured."""
    return now if point.active or extent.last is None else min(now, extent.last + datetime.resolution)


async def _read(database: Database, point: SeriesPoint, window: Window, *, partial: bool) -> list[items.IntervalItem]:
    if not window.edges:
        return []
    child = child_of(window.period, window.zone, point.timezone, partial=partial)
    since, until = window.edges[0], window.edges[-1]
    stored = await interval_series.read_series(database, point.id, child or window.period, since, until)
    if child is None:
        return await asyncio.to_thread(lambda: items.interval_items(window.edges, _filled(stored, window)))
    async with database.connection() as connection:
        law = law_of((await read_rules(connection, [point.id]))[point.id])
    return await asyncio.to_thread(
        lambda: items.interval_items(window.edges, _composed(stored, child, window, law, partial=partial))
    )


def child_of(period: Period, zone: ZoneInfo, timezone: str, *, partial: bool) -> Period | None:
    """Tells of what a period is composed; None if it is kept as it is asked for.

    Args:
        period: what is asked for.
        zone: whose clock is meant.
        timezone: the zone of the site.
        partial: what is there counts although a part is missing.
    """
    if period is Period.QUARTER:
        return None
    if partial or zone.key != timezone:
        return Period.QUARTER
    return Period.MONTH if period is Period.YEAR else None


def _filled(stored: Series, window: Window) -> Series:
    """Puts an empty interval wherever none is stored."""
    if stored.start == window.edges[:-1]:
        return stored
    rows, coming = [], stored.rows()
    row = next(coming, None)
    for start, end in pairwise(window.edges):
        while row is not None and row.start < start:
            row = next(coming, None)
        is_stored = row is not None and row.start == start
        rows.append(row if row is not None and is_stored else _absent(start, has_ended=end <= window.now))
    return Series.of(rows)


def _absent(start: datetime, *, has_ended: bool) -> StoredInterval:
    flags = int(IntervalFlag.MISSING) if has_ended else 0
    return StoredInterval(start, None, None, None, None, 0, None, 0.0, 0, flags, 0)


def _composed(stored: Series, child: Period, window: Window, law: PointLaw, *, partial: bool) -> Series:
    children, starts = list(stored.rows()), stored.start
    since, until = window.edges[0], window.edges[-1]
    inner = bucket_edges(child, since, until, window.zone, (until - since) // QUARTER)
    rows = []
    for start, end in pairwise(window.edges):
        within = children[bisect_left(starts, start) : bisect_left(starts, end)]
        edges_us = index_us(inner[bisect_left(inner, start) : bisect_right(inner, end)])
        # What is not computed yet of a period that lasts is not missing yet.
        known_until = window.now if end <= window.now else min(window.now, window.computed_to)
        interval = compose((interval_of(row) for row in within), edges_us, law, microseconds(known_until), partial=partial)
        revision = max((row.revision for row in within), default=0) if end <= window.now else 0
        rows.append(StoredInterval(start, interval.value, items.digits(interval.exact), *interval[3:], revision))
    return Series.of(rows)


def interval_of(row: StoredInterval) -> Interval:
    """Gives an interval as it is computed with."""
    return Interval(microseconds(row.start), row.value, None if row.exact is None else Decimal(row.exact), *row[3:10])
