"""Consumption: what counters and totals come to, added up over the meters of a site, an area or a medium."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Final, NamedTuple

from fastapi import Query, Request
from starlette.responses import Response

from ems_telemetry.api import interval_items as items
from ems_telemetry.api.access import Reader
from ems_telemetry.api.adding import Calendar, Shares, calendar_of
from ems_telemetry.api.catalogue import check_filters
from ems_telemetry.api.description import listed, make_router
from ems_telemetry.api.interval_parameters import ConsumptionQuery, Group
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import Services
from ems_telemetry.api.totals import Total, choose_counted, total_of
from ems_telemetry.model import Kind
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.interval_series import SeriesPoint, read_parents, select_points

router = make_router("Intervals")

COUNTED: Final = (Kind.COUNTER, Kind.INTERVAL_TOTAL)
_CSV = (
    "start,end,open,site,area,medium,meter,point,quantity,unit,value,exact,coverage,measured_percent,estimated_percent,quality,"
    "flags,points,points_missing\r\n"
    "2026-02-28T23:00:00Z,2026-03-31T22:00:00Z,false,,,,,,active_energy_import,kWh,71500.0,71500,0.9722,97.22,2.78,192,"
    "estimated,3,0\r\n"
)


class Key(NamedTuple):
    """What one total is of. A field that is not kept apart is None."""

    site: str | None
    area: str | None
    medium: str | None
    meter: str | None
    point: str | None
    quantity: str
    unit: str

    @property
    def word(self) -> str:
        """What totals of one period are ordered by."""
        return "\x1f".join(field or "" for field in self)


class Summed(NamedTuple):
    """A total of one period."""

    start: datetime
    end: datetime
    is_open: bool
    key: Key
    total: Total


@router.get("/consumption", response_model=Page[items.Consumption], responses=listed(_CSV))
async def list_consumption(
    request: Request, services: Services, caller: Reader, query: Annotated[ConsumptionQuery, Query()]
) -> Response:
    """Adds up what was counted, by period and quantity; what is counted behind another meter is not counted twice.

    A point counts from its first reading on; one that never had any counts for nothing.
    """
    caller.check_site(query.site)
    listing, groups = Listing(request, query), query.groups
    points = await select_points(
        services.database,
        caller.sites,
        COUNTED,
        site=query.site,
        area=query.area,
        medium=query.medium,
        quantity=query.quantity,
        meter=query.meter,
    )
    if not points:
        await check_filters(services.database, caller, site=query.site, meter=query.meter, quantity=query.quantity)
    counted = await _counted(services.database, points, groups, query)
    calendar = await calendar_of(
        services.database, [point for each in counted.values() for point in each], query, query.period, services.clock.now()
    )
    after = listing.after(tuple[TimeKey, str])
    rows, has_more = (
        ([], False) if calendar is None else await _rows(services.database, calendar, counted, after, listing, query)
    )
    return await listing.answer(rows, items.Consumption, _item, key=lambda row: (row.start, row.key.word), has_more=has_more)


async def _counted(
    database: Database, points: Sequence[SeriesPoint], groups: Sequence[Group], query: ConsumptionQuery
) -> dict[Key, list[SeriesPoint]]:
    """Tells which points make which total, in the order of the totals."""
    found: dict[Key, list[SeriesPoint]] = {}
    for point in points:
        found.setdefault(_key(point, groups), []).append(point)
    parents = await read_parents(database)
    is_named = query.meter is not None or Group.METER in groups or Group.POINT in groups
    return {
        key: choose_counted(found[key], parents, include_submeters=query.include_submeters, include_virtual=is_named)
        for key in sorted(found, key=lambda key: key.word)
    }


def _key(point: SeriesPoint, groups: Sequence[Group]) -> Key:
    return Key(
        point.site if Group.SITE in groups else None,
        point.area if Group.AREA in groups else None,
        point.medium if Group.MEDIUM in groups else None,
        point.meter if Group.METER in groups else None,
        point.key if Group.POINT in groups else None,
        point.quantity,
        point.unit,
    )


async def _rows(
    database: Database,
    calendar: Calendar,
    counted: dict[Key, list[SeriesPoint]],
    after: tuple[datetime, str] | None,
    listing: Listing,
    query: ConsumptionQuery,
) -> tuple[list[Summed], bool]:
    if after is not None:
        calendar = calendar.beginning(after[0])
    counted = {key: points for key, points in counted.items() if any(point.id in calendar.extents for point in points)}
    edges, has_more = calendar.edges(-(-listing.limit // len(counted)) + 1)
    if not edges:
        return [], False
    shares = await calendar.shares(database, edges, partial=query.partial)
    rows = await asyncio.to_thread(_sums, calendar, counted, edges, shares, partial=query.partial)
    return [row for row in rows if after is None or (row.start, row.key.word) > after], has_more


def _sums(
    calendar: Calendar, counted: dict[Key, list[SeriesPoint]], edges: Sequence[datetime], shares: Shares, *, partial: bool
) -> list[Summed]:
    return [
        Summed(
            start,
            end,
            end > calendar.now,
            key,
            total_of(
                [shares[point.id, number] for point in points if (point.id, number) in shares],
                partial=partial,
            ),
        )
        for number, (start, end) in enumerate(pairwise(edges))
        for key, points in counted.items()
    ]


def _item(row: Summed) -> dict[str, object]:
    total = row.total
    return {
        "start": row.start,
        "end": row.end,
        "open": row.is_open,
        **row.key._asdict(),
        "value": None if total.exact is None else float(total.exact),
        "exact": items.digits(total.exact),
        "coverage": round(total.coverage, 9),
        "measured_percent": round(100 * total.coverage, 6),
        "estimated_percent": round(100 * total.estimated, 6),
        "quality": total.quality,
        "flags": items.interval_flag_names(total.flags),
        "points": total.points,
        "points_missing": total.points_missing,
    }
