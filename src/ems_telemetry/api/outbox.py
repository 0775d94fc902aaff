"""What is delivered to webhooks: listed with what became of it, and tried again by hand."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Path, Query, Request, Security
from pydantic import BaseModel, Field
from starlette.responses import Response

from ems_telemetry.api.access import Administrator, Caller, require
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.format import Item
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import Name, PageQuery
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.services import Services
from ems_telemetry.model import Scope
from ems_telemetry.storage.outbox import DeliveryFilter, DeliveryRow, list_deliveries, retry_delivery

router = make_router("Webhooks")

_CSV = "number,id,webhook,event,site,seq,data,occurred_at,status,attempts,waiting_since,next_at,last_error,done_at\r\n"
Watcher = Annotated[Caller, Security(require(Scope.ADMIN, Scope.AUDIT))]


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(BaseModel):
    """An event on its way to a webhook."""

    number: int = Field(description="The order in which they are delivered to a webhook.")
    id: str = Field(description="The same in every attempt; header `X-EMS-Delivery`.")
    webhook: str = Field(description="Whose it is.", examples=["ems"])
    event: str = Field(examples=["record.amended"])
    site: str | None
    seq: int | None = Field(description="Of the revision it tells of; null where it tells of no record.")
    data: dict[str, Any] = Field(description="What is told.")
    occurred_at: datetime
    status: DeliveryStatus
    attempts: int = Field(description="How often it was sent.")
    waiting_since: datetime = Field(description="Three days later it is given up.")
    next_at: datetime | None = Field(description="Before then it is not tried again.")
    last_error: str | None = Field(description="Why it was not accepted.")
    done_at: datetime | None = Field(description="When it was accepted or given up.")


class OutboxQuery(PageQuery):
    """The filters of deliveries."""

    webhook: Name | None = Field(default=None, description="Only those to this webhook.", examples=["ems"])
    status: DeliveryStatus | None = Field(default=None, description="Only those that stand so.")


def delivery_item(row: DeliveryRow) -> Item:
    """A delivery as an item of `Delivery`."""
    return row._asdict()


@router.get("/outbox", response_model=Page[Delivery], responses=listed(_CSV))
async def list_outbox(
    request: Request, services: Services, caller: Watcher, query: Annotated[OutboxQuery, Query()]
) -> Response:
    """Lists deliveries in their order, also what was delivered or given up in the last 30 days."""
    listing = Listing(request, query)
    asked = DeliveryFilter(caller.sites, query.webhook, query.status)
    async with services.database.connection() as connection:
        rows = await list_deliveries(connection, asked, listing.after(int) or 0, listing.limit)
    return await listing.answer(rows, Delivery, delivery_item, key=lambda row: row.number)


@router.post("/outbox/{id}:retry", response_model=Delivery, responses=problems(ProblemType.NOT_FOUND, ProblemType.CONFLICT))
async def retry_outbox(
    services: Services,
    caller: Administrator,
    id_: Annotated[UUID, Path(alias="id", description="The delivery.")],
) -> Response:
    """Lets a delivery that waits or was given up be tried at once, with the same id."""
    async with services.database.connection() as connection:
        rows = await list_deliveries(connection, DeliveryFilter(caller.sites), 0, 1, id_)
        if not rows:
            raise ApiError(ProblemType.NOT_FOUND, f'there is no delivery "{id_}"')
        retried = await retry_delivery(connection, id_, services.clock.now())
    if retried is None:
        raise ApiError(ProblemType.CONFLICT, "it was delivered; the receiver said so")
    return Response(msgspec.json.encode(delivery_item(retried)), media_type="application/json")
