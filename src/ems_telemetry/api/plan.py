"""The monitoring plan as it stands, and what its records would say now of periods that are not closed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ems_telemetry.api import record_items as items
from ems_telemetry.api.access import Caller, Reader
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.format import Item
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import Name, PageQuery, Time
from ems_telemetry.api.parameters import Query as Parameters
from ems_telemetry.api.problem import ApiError, ProblemType, Suggestion, wrong_parameter
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.records.keeping.making import draft
from ems_telemetry.records.plan import Planned, closes_at, read_plan

router = make_router("Records")

_CSV = "id,revision,site,scope,method,period,params,retention_class,since,until,closes_at\r\n"


class PlanQuery(PageQuery):
    """The filters of the plan."""

    site: Name | None = Field(default=None, description="Only what is planned for this site.", examples=["BER1"])
    method: Name | None = Field(default=None, description="Only what is made by this method.", examples=["period_total@1"])


class PreliminaryQuery(Parameters):
    """Of which item and period."""

    plan: Name = Field(description="The item of the plan.", examples=["total/EM-01.energy_import/1mo"])
    at: Time | None = Field(default=None, description="A time within the period; now if not said.")


class PlannedItem(BaseModel):
    """What the plan asks for: one record for each period."""

    id: str = Field(examples=["total/EM-01.energy_import/1mo"])
    revision: int = Field(description="0 of what is planned without anybody asking.")
    site: str
    scope: str
    method: str
    period: str
    params: dict[str, object]
    retention_class: str
    since: datetime = Field(description="From when on there are periods of it.")
    until: datetime | None = Field(description="Until when; null as long as it goes on.")
    closes_at: datetime = Field(description="When the period that lasts now is closed.")


@router.get("/plan", response_model=Page[PlannedItem], responses=listed(_CSV))
async def list_planned(request: Request, services: Services, caller: Reader, query: Annotated[PlanQuery, Query()]) -> Response:
    """Lists what the plan asks for: what people stated and is in force, and what is planned without anybody asking."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    after, now = listing.after(str), services.clock.now()
    planned = sorted(await _planned(services, caller, query.site), key=_key)
    wanted = [
        each
        for each in planned
        if (after is None or _key(each) > after) and (query.method is None or each.item.method == query.method)
    ]
    return await listing.answer(wanted[: listing.limit], PlannedItem, lambda each: planned_item(each, now), key=_key)


@router.get("/plan/preliminary", response_model=items.Record, responses=problems(ProblemType.NOT_FOUND))
async def get_preliminary(services: Services, caller: Reader, query: Annotated[PreliminaryQuery, Query()]) -> Response:
    """Tells what the record of a period would say if it were closed now. It is kept nowhere, and has no hash."""
    now = services.clock.now()
    at = query.at or now
    of_plan = [each for each in await _planned(services, caller, None) if each.item.id == query.plan]
    if not of_plan:
        known = sorted({each.item.id for each in await _planned(services, caller, None)})
        raise ApiError(ProblemType.NOT_FOUND, f'there is no item "{query.plan}"{Suggestion(query.plan, known)}')
    found = next((each for each in of_plan if each.covers(each.asked(at).start)), None)
    if found is None:
        raise wrong_parameter("at", at.isoformat(), "lies in no period of the item; see `since` and `until` in GET /plan")
    async with services.database.connection() as connection:
        made = await draft(connection, found.asked(at), now)
        await connection.rollback()
    body = {name: {**made.envelope, "seq": None, "hash": None}[name] for name in items.RECORD_FIELDS}
    return Response(msgspec.json.encode(body), media_type="application/json")


def planned_item(planned: Planned, now: datetime) -> Item:
    """An item of the plan as an item of its model."""
    item = planned.item
    lasting = planned.asked(max(now, planned.first))
    return {
        "id": item.id, "revision": item.revision, "site": item.site, "scope": item.scope, "method": item.method,
        "period": item.period, "params": dict(item.params), "retention_class": item.retention_class, "since": planned.first,
        "until": planned.last, "closes_at": closes_at(lasting),
    }  # fmt: skip


def _key(planned: Planned) -> str:
    return f"{planned.item.id} {planned.item.revision:09}"


async def _planned(services: ApiServices, caller: Caller, site: str | None) -> Sequence[Planned]:
    async with services.database.connection() as connection:
        planned = await read_plan(connection, site)
    return [each for each in planned if caller.sites is None or each.item.site in caller.sites]
