"""Sites, meters and points. A name that does not exist is answered with the nearest one that does."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import msgspec
from fastapi import Path, Query, Request
from starlette.responses import Response

from ems_telemetry.api import items
from ems_telemetry.api.access import Caller, Reader
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import MetersQuery, Name, PageQuery, PointsQuery
from ems_telemetry.api.problem import ApiError, ProblemType, Suggestion, wrong_parameter
from ems_telemetry.api.services import Services
from ems_telemetry.storage import catalogue
from ems_telemetry.storage.catalogue import KeyPage, KnownMeter, KnownPoint
from ems_telemetry.storage.database import Database

router = make_router("Catalogue")

KeyText = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$", max_length=200)]
"""The key of a row within a cursor."""
MeterId = Annotated[Name, Path(description="The meter.", examples=["EM-01"])]
PointKey = Annotated[Name, Path(description="The point: meter and quantity.", examples=["EM-01.energy_import"])]


@router.get(
    "/sites",
    response_model=items.Page[items.Site],
    responses=listed("id,name,timezone,areas,active\r\nBER1,Berlin works,Europe/Berlin,hall-1 utilities,true\r\n"),
)
async def list_sites(request: Request, services: Services, caller: Reader, query: Annotated[PageQuery, Query()]) -> Response:
    """Lists the sites, by their id."""
    listing = Listing(request, query)
    rows = await catalogue.list_sites(services.database, caller.sites, key_page(listing))
    return await listing.answer(rows, items.Site, items.site_item, key=lambda row: row.id)


@router.get(
    "/meters",
    response_model=items.Page[items.Meter],
    responses=listed("id,name,site,area,medium,connector,active\r\nEM-01,Main,BER1,hall-1,electricity,hall-1,true\r\n"),
)
async def list_meters(request: Request, services: Services, caller: Reader, query: Annotated[MetersQuery, Query()]) -> Response:
    """Lists the meters, by their id."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    rows = await catalogue.list_meters(services.database, caller.sites, key_page(listing), site=query.site, medium=query.medium)
    if not rows:
        await check_filters(services.database, caller, site=query.site)
    return await listing.answer(rows, items.Meter, items.meter_item, key=lambda row: row.id)


@router.get("/meters/{id}", response_model=items.Meter, responses=problems(ProblemType.NOT_FOUND))
async def get_meter(services: Services, caller: Reader, id_: Annotated[MeterId, Path(alias="id")]) -> Response:
    """Gives one meter."""
    row = await find_meter(services.database, caller, id_)
    return Response(msgspec.json.encode(items.meter_item(row)), media_type="application/json")


@router.get(
    "/points",
    response_model=items.Page[items.Point],
    responses=listed(
        "key,name,meter,site,quantity,medium,unit,kind,connector,source,source_unit,expected_interval_s,active\r\n"
        "EM-01.energy_import,Energy import,EM-01,BER1,active_energy_import,electricity,kWh,counter,hall-1,1/input/72,kWh,10.0,"
        "true\r\n"
    ),
)
async def list_points(request: Request, services: Services, caller: Reader, query: Annotated[PointsQuery, Query()]) -> Response:
    """Lists the points, by their key."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    rows = await catalogue.list_points(
        services.database,
        caller.sites,
        key_page(listing),
        site=query.site,
        meter=query.meter,
        quantity=query.quantity,
    )
    if not rows:
        await check_filters(services.database, caller, site=query.site, meter=query.meter, quantity=query.quantity)
    return await listing.answer(rows, items.Point, items.point_item, key=lambda row: row.key)


@router.get("/points/{key}", response_model=items.Point, responses=problems(ProblemType.NOT_FOUND))
async def get_point(services: Services, caller: Reader, key: PointKey) -> Response:
    """Gives one point."""
    row = await find_point(services.database, caller, key)
    return Response(msgspec.json.encode(items.point_item(row)), media_type="application/json")


def key_page(listing: Listing) -> KeyPage:
    """Tells which page of a list ordered by key is asked for."""
    return KeyPage(listing.limit, listing.after(KeyText) or "")


async def find_meter(database: Database, caller: Caller, id_: str) -> KnownMeter:
    """Finds a meter the caller may see.

    Raises:
        ApiError: 404, with the nearest id.
    """
    row = await catalogue.find_meter(database, caller.sites, id_)
    if row is None:
        known = await catalogue.list_meter_ids(database, caller.sites)
        raise ApiError(ProblemType.NOT_FOUND, f'there is no meter "{id_}"{Suggestion(id_, known)}')
    return row


async def find_point(database: Database, caller: Caller, key: str) -> KnownPoint:
    """Finds a point the caller may see.

    Raises:
        ApiError: 404, with the nearest key: of the same meter if that exists, else of the nearest meter.
    """
    row = await catalogue.find_point(database, caller.sites, key)
    if row is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no point "{key}"{await _suggest_point(database, caller, key)}')
    return row


async def check_point(database: Database, caller: Caller, key: str) -> None:
    """Explains an empty list that was asked for one point: one that does not exist is a mistake, not an answer.

    Raises:
        ApiError: 422, with the nearest key.
    """
    if await catalogue.find_point(database, caller.sites, key) is None:
        raise wrong_parameter("point", key, f"is not known{await _suggest_point(database, caller, key)}")


async def _suggest_point(database: Database, caller: Caller, key: str) -> Suggestion:
    meter_id = key.partition(".")[0]
    siblings = await catalogue.list_points(database, caller.sites, KeyPage(1_000), meter=meter_id)
    if siblings:
        return Suggestion(key, [sibling.key for sibling in siblings])
    return Suggestion(meter_id, await catalogue.list_meter_ids(database, caller.sites))


async def check_filters(database: Database, caller: Caller, **asked: str | None) -> None:
    """Explains an empty list: a filter that names what does not exist is a mistake, not an answer.

    Raises:
        ApiError: 422, with the nearest name.
    """
    known_names: dict[str, Callable[[Database, Sequence[str] | None], Awaitable[list[str]]]] = {
        "site": catalogue.list_site_ids,
        "meter": catalogue.list_meter_ids,
        "quantity": catalogue.list_quantities,
    }
    for name, value in asked.items():
        if value is not None:
            known = await known_names[name](database, caller.sites)
            if value not in known:
                raise wrong_parameter(name, value, f"is not known{Suggestion(value, known)}")
