"""Readings: the history of a point, and the newest of every point."""

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Query, Request
from starlette.responses import Response

from ems_telemetry.api import items
from ems_telemetry.api.access import Reader
from ems_telemetry.api.catalogue import PointKey, check_filters, find_point, key_page
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.format import Item
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import LIMIT_MAX, LatestQuery, Order, ReadingsQuery
from ems_telemetry.api.problem import ProblemType
from ems_telemetry.api.services import Services
from ems_telemetry.api.streaming import Pages, stream
from ems_telemetry.storage import reading
from ems_telemetry.storage.database import Database

router = make_router("Readings")

TimeKey = Annotated[datetime, msgspec.Meta(tz=True)]
"""The time of a row within a cursor."""

_READINGS_CSV = (
    "time,value,exact,raw,quality,flags,source_status,received_at\r\n"
    "2026-03-02T10:00:00Z,18211.4,,,192,,0,2026-03-02T10:00:00.131000Z\r\n"
    "2026-03-02T10:00:10Z,,,,0,bad_status,2150891520,2026-03-02T10:00:10.129000Z\r\n"
)
_LATEST_CSV = (
    "point,point_name,meter,meter_name,site,area,medium,quantity,unit,kind,expected_interval_s,time,value,exact,raw,quality,"
    "flags,source_status,received_at\r\n"
    "EM-01.energy_import,Energy import,EM-01,Main,BER1,hall-1,electricity,active_energy_import,kWh,counter,10.0,"
    "2026-03-02T10:00:00Z,18211.4,,,192,,0,2026-03-02T10:00:00.131000Z\r\n"
)


@router.get(
    "/points/{key}/readings",
    response_model=items.Page[items.Reading],
    responses=listed(_READINGS_CSV) | problems(ProblemType.NOT_FOUND),
)
async def list_readings(
    request: Request, services: Services, caller: Reader, key: PointKey, query: Annotated[ReadingsQuery, Query()]
) -> Response:
    """Lists the readings of a point in a span, by their time."""
    listing = Listing(request, query)
    point = await find_point(services.database, caller, key)
    if query.all:
        return stream(_pages(services.database, point.key, query, listing.after(TimeKey)), items.Reading, listing.format)
    rows = await reading.list_readings(
        services.database,
        point.key,
        query.span,
        newest_first=query.order is Order.DESC,
        after=listing.after(TimeKey),
        limit=listing.limit,
    )
    return await listing.answer(rows, items.Reading, items.reading_item, key=lambda row: row.time)


def _pages(database: Database, key: str, query: ReadingsQuery, after: datetime | None) -> Pages:
    """Reads the readings of a point page by page."""
    reached = after

    async def following() -> list[Item]:
        nonlocal reached
        newest_first = query.order is Order.DESC
        rows = await reading.list_readings(database, key, query.span, newest_first=newest_first, after=reached, limit=LIMIT_MAX)
        reached = rows[-1].time if rows else reached
        return await asyncio.to_thread(lambda: [items.reading_item(row) for row in rows])

    return following


@router.get("/readings/latest", response_model=items.Page[items.LatestReading], responses=listed(_LATEST_CSV))
async def list_latest_readings(
    request: Request, services: Services, caller: Reader, query: Annotated[LatestQuery, Query()]
) -> Response:
    """Lists the active points with their newest readings, by their key; points that have none yet are listed too."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    rows = await reading.list_latest(
        services.database,
        caller.sites,
        key_page(listing),
        site=query.site,
        meter=query.meter,
    )
    if not rows:
        await check_filters(services.database, caller, site=query.site, meter=query.meter)
    return await listing.answer(rows, items.LatestReading, items.latest_item, key=lambda row: row.point)
