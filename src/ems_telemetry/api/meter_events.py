"""What happened to meters, as people declare it. An event is never edited or deleted, only declared void."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, NoReturn
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import msgspec
from fastapi import Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from ems_telemetry.api import interval_items as items
from ems_telemetry.api.access import Metrologist, Reader
from ems_telemetry.api.catalogue import MeterId, find_meter
from ems_telemetry.api.description import UNCHANGED, listed, make_router, problems
from ems_telemetry.api.etag import IfNoneMatch, etag_of, not_modified, tagged
from ems_telemetry.api.format import Item
from ems_telemetry.api.idempotency import IdempotencyKey, Sent
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import Name, PageQuery, Time
from ems_telemetry.api.problem import ApiError, ProblemType, Suggestion, WrongParameter, wrong_parameter, wrong_parameters
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import Services
from ems_telemetry.storage import meter_events
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.losses import TimePage
from ems_telemetry.storage.meter_events import EventRow, NewEvent, RegisterRow, Voiding

router = make_router("Metrology")

EventId = Annotated[UUID, Path(alias="event", description="The event.")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=r"^[^\x00]+$")]
Number = Annotated[Decimal, Field(max_digits=40, decimal_places=20)]
_CSV = (
    "id,meter,type,at,author,reason,registers,recorded_at,voided_at,voided_by,void_reason\r\n"
    "8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10,EM-01,replacement,2026-03-02T10:00:00Z,J. Doe,broken,"
    '"[{""point"":""EM-01.energy_import"",""final"":""12352.5"",""initial"":""3.2"",""multiplier"":""40""}]",'
    "2026-03-02T10:15:00Z,,,\r\n"
)
_INSTEAD: Final = (
    "an event stays as it was declared; declare it void with POST …/events/{event}:void and a reason, then add the right one"
)


class EventType(StrEnum):
    """What happened."""

    REPLACEMENT = "replacement"
    RESET = "reset"
    ROLLOVER = "rollover"
    RATIO_CHANGE = "ratio_change"


class NewRegister(BaseModel):
    """What a new event says of a register. Numbers may be words of digits, which keep every digit, or JSON numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: Name = Field(description="A counter of the meter.", examples=["EM-01.energy_import"])
    final: Number | None = Field(default=None, description="Where it stood last before, in the unit of the point.")
    initial: Number | None = Field(default=None, description="Where it stood first after.")
    multiplier: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="From then on, increments count so many times; as before if not said."
    )


class NewMeterEvent(BaseModel):
    """Something that happened to a meter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: EventType
    at: Time = Field(description="When it happened; not in the future.", examples=["2026-03-02T10:00:00Z"])
    reason: Text = Field(examples=["calibration period ended"])
    author: Text | None = Field(default=None, description="Who says so; if not said, the name of the key.")
    registers: Annotated[list[NewRegister], Field(max_length=1_000)] = Field(
        default=[],
        description="What of each register; if none is named, all counters of the meter, with nothing known of them.",
    )


class Void(BaseModel):
    """Why an event is void."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Text = Field(examples=["wrong meter"])
    author: Text | None = Field(default=None, description="Who says so; if not said, the name of the key.")


@router.get(
    "/meters/{id}/events",
    response_model=Page[items.MeterEvent],
    responses=listed(_CSV) | problems(ProblemType.NOT_FOUND),
)
async def list_meter_events(
    request: Request,
    services: Services,
    caller: Reader,
    id_: Annotated[MeterId, Path(alias="id")],
    query: Annotated[PageQuery, Query()],
) -> Response:
    """Lists what happened to a meter, newest first; also what was declared void."""
    await find_meter(services.database, caller, id_)
    listing = Listing(request, query)
    after = listing.after(tuple[TimeKey, UUID])
    page = TimePage(listing.limit) if after is None else TimePage(listing.limit, *after)
    rows = await meter_events.list_events(services.database, id_, page)
    return await listing.answer(rows, items.MeterEvent, event_item, key=lambda row: (row.at, row.id))


@router.get(
    "/meters/{id}/events/{event}",
    response_model=items.MeterEvent,
    responses=problems(ProblemType.NOT_FOUND) | UNCHANGED,
)
async def get_meter_event(
    services: Services,
    caller: Reader,
    id_: Annotated[MeterId, Path(alias="id")],
    event: EventId,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Gives one event."""
    await find_meter(services.database, caller, id_)
    found = await _find(services, id_, event)
    etag = etag_of(found.id, found.voided_at)
    return not_modified(if_none_match, etag) or Response(_json(found), headers=tagged(etag), media_type="application/json")


@router.post(
    "/meters/{id}/events",
    response_model=items.MeterEvent,
    status_code=201,
    responses=problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND, ProblemType.CONFLICT)
    | {200: {"model": items.MeterEvent, "description": "It was added before."}},
)
async def add_meter_event(
    services: Services,
    caller: Metrologist,
    id_: Annotated[MeterId, Path(alias="id")],
    body: Annotated[NewMeterEvent, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Declares what happened to a meter; its intervals are computed anew. For keys with `metrology` or `admin`."""
    await find_meter(services.database, caller, id_)
    registers = await meter_events.list_registers(services.database, id_)
    _check(body, id_, registers, services.clock.now())
    said = [RegisterRow(each.point, each.final, each.initial, each.multiplier) for each in body.registers]
    new = NewEvent(
        uuid4() if idempotency_key is None else uuid5(NAMESPACE_URL, f"urn:ems-telemetry:event:{id_}:{idempotency_key}"),
        id_,
        str(body.type),
        body.at,
        body.author or caller.name,
        body.reason,
        sorted(said or [RegisterRow(key, None, None, None) for key in registers]),
    )
    kept, is_new = await meter_events.add_event(services.database, new, by=caller.actor)
    if not is_new and kept[: len(new)] != new:
        raise ApiError(ProblemType.CONFLICT, "another event was added with this Idempotency-Key; use a new one for each")
    return _written(kept, 201 if is_new else 200)


@router.post(
    "/meters/{id}/events/{event}:void",
    response_model=items.MeterEvent,
    responses=problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND, ProblemType.CONFLICT),
)
async def void_meter_event(
    services: Services,
    caller: Metrologist,
    id_: Annotated[MeterId, Path(alias="id")],
    event: EventId,
    body: Annotated[Void, Body()],
    sent: Sent,
) -> Response:
    """Declares an event void; intervals are computed anew without it. For keys with `metrology` or `admin`."""
    await find_meter(services.database, caller, id_)
    known = await _find(services, id_, event)

    async def declare(connection: Connection) -> tuple[int, bytes]:
        voiding = Voiding(body.author or caller.name, body.reason)
        kept, held = await meter_events.void_event_by(connection, known, voiding, by=caller.actor)
        if not held:
            detail = f"{kept.voided_by} declared this event void on {kept.voided_at:%Y-%m-%d} already"
            raise ApiError(ProblemType.CONFLICT, detail)
        return 200, _json(kept)

    return await sent.answer(services.database, caller, declare)


@router.api_route("/meters/{id}/events", methods=["PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuse_to_change_events() -> Response:
    """Says what to do instead."""
    _refuse("GET, POST")


@router.api_route("/meters/{id}/events/{event}", methods=["PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuse_to_change_event() -> Response:
    """Says what to do instead."""
    _refuse("GET")


def event_item(row: EventRow) -> Item:
    """A row as an item of `MeterEvent`."""
    registers = [
        {"point": each.point, **{name: items.digits(getattr(each, name)) for name in ("final", "initial", "multiplier")}}
        for each in row.registers
    ]
    return {**row._asdict(), "registers": registers}


async def _find(services: Services, meter: str, event: UUID) -> EventRow:
    found = await meter_events.find_event(services.database, meter, event)
    if found is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no event "{event}" of {meter}')
    return found


def _written(row: EventRow, status: int = 200) -> Response:
    return Response(_json(row), status, media_type="application/json")


def _json(row: EventRow) -> bytes:
    return msgspec.json.encode(event_item(row))


def _refuse(allowed: str) -> NoReturn:
    raise ApiError(ProblemType.METHOD_NOT_ALLOWED, _INSTEAD, headers={"Allow": allowed})


def _check(body: NewMeterEvent, meter: str, registers: list[str], now: datetime) -> None:
    """Refuses what cannot be so.

    Raises:
        ApiError: 422, each thing that is wrong.
    """
    if body.at > now:
        raise wrong_parameter("at", body.at.isoformat(), "is in the future; declare what has happened")
    if not registers:
        raise wrong_parameter("type", body.type, f"says nothing: {meter} has no counter")
    wrong = [
        WrongParameter("registers", each.point, f"is no counter of {meter}{Suggestion(each.point, registers)}")
        for each in body.registers
        if each.point not in registers
    ]
    if len({each.point for each in body.registers}) < len(body.registers):
        wrong.append(WrongParameter("registers", None, "name a point twice"))
    if body.type is EventType.RATIO_CHANGE and (not body.registers or any(each.multiplier is None for each in body.registers)):
        wrong.append(
            WrongParameter("registers", None, "need a multiplier each: a change of ratio is one of what increments count")
        )
    if wrong:
        raise wrong_parameters(wrong)
