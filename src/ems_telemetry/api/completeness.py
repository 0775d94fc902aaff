"""Completeness: how much of a period was measured of each point, in quarters of an hour and in readings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, NamedTuple

from fastapi import Query, Request
from starlette.responses import Response

from ems_telemetry.api import interval_items as items
from ems_telemetry.api.access import Reader
from ems_telemetry.api.adding import Calendar, calendar_of
from ems_telemetry.api.catalogue import check_filters, check_point
from ems_telemetry.api.description import listed, make_router
from ems_telemetry.api.interval_parameters import CompletenessQuery
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import Services
from ems_telemetry.storage.interval_series import Bucket, SeriesPoint, select_points

router = make_router("Intervals")

_CSV = (
    "start,end,open,point,meter,site,expected,measured,substituted,missing,estimated,measured_percent,substituted_percent,"
    "missing_percent,estimated_percent,readings_expected,readings,readings_missing\r\n"
    "2026-02-28T23:00:00Z,2026-03-31T22:00:00Z,false,EM-01.energy_import,EM-01,BER1,2972,2900.5,0,71.5,70.0,97.594213,0.0,"
    "2.405787,2.355316,267480,261040,6440\r\n"
)
_DIGITS = 6


class Counted(NamedTuple):
    """What is known of a point in a period. `due` counts the quarters."""

    start: datetime
    end: datetime
    is_open: bool
    point: SeriesPoint
    due: int
    found: Bucket | None


@router.get("/completeness", response_model=Page[items.Completeness], responses=listed(_CSV))
async def list_completeness(
    request: Request, services: Services, caller: Reader, query: Annotated[CompletenessQuery, Query()]
) -> Response:
    """Tells how much of each period was measured, by point; virtual points are left out, since nothing is measured of them."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    selected = await select_points(services.database, caller.sites, site=query.site, meter=query.meter, point=query.point)
    if not selected:
        await check_filters(services.database, caller, site=query.site, meter=query.meter)
        if query.point is not None:
            await check_point(services.database, caller, query.point)
    points = [point for point in selected if not point.is_virtual]
    calendar = await calendar_of(services.database, points, query, query.period, services.clock.now(), by_quarters=True)
    after = listing.after(tuple[TimeKey, str])
    if calendar is not None and after is not None:
        calendar = calendar.beginning(after[0])
    edges, has_more = ([], False) if calendar is None else calendar.edges(-(-listing.limit // len(calendar.points)) + 1)
    rows: list[Counted] = []
    if calendar is not None and edges:
        rows = _rows(calendar, edges, await calendar.buckets(services.database, edges))
    rest = [row for row in rows if after is None or (row.start, row.point.key) > after]
    return await listing.answer(rest, items.Completeness, _item, key=lambda row: (row.start, row.point.key), has_more=has_more)


def _rows(calendar: Calendar, edges: Sequence[datetime], found: Mapping[tuple[int, int], Bucket]) -> list[Counted]:
    return [
        Counted(start, end, end > calendar.now, point, calendar.due(point, start, end), found.get((point.id, number)))
        for number, (start, end) in enumerate(pairwise(edges))
        for point in calendar.points
        if calendar.has(point, start, end)
    ]


def _item(row: Counted) -> dict[str, object]:
    found = row.found
    # A quarter that is there counts, whether or not it was due.
    due = row.due if found is None else max(row.due, found.rows)
    measured = 0.0 if found is None else round(min(found.coverage, due), _DIGITS)
    estimated = 0.0 if found is None else round(min(found.estimated - found.estimated_coverage, due - measured), _DIGITS)
    missing = round(due - measured, _DIGITS)
    readings = 0 if found is None else found.samples
    expected = None if found is None else found.expected
    return {
        "start": row.start,
        "end": row.end,
        "open": row.is_open,
        "point": row.point.key,
        "meter": row.point.meter,
        "site": row.point.site,
        "expected": due,
        "measured": measured,
        "substituted": 0,
        "missing": missing,
        "estimated": estimated,
        "measured_percent": _percent(measured, due),
        "substituted_percent": _percent(0, due),
        "missing_percent": _percent(missing, due),
        "estimated_percent": _percent(estimated, due),
        "readings_expected": expected,
        "readings": readings,
        "readings_missing": None if expected is None else max(0, expected - readings),
    }


def _percent(part: float, whole: int) -> float | None:
    return round(100 * part / whole, _DIGITS) if whole else None
