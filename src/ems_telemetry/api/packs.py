"""Evidence packs over REST: asked for, made in the background, fetched as one file that is verified without the plant."""

import asyncio
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID, uuid4

import msgspec
from fastapi import Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, Response

from ems_telemetry.api.access import Auditor
from ems_telemetry.api.caller import Caller
from ems_telemetry.api.description import Responses, listed, make_router, problems
from ems_telemetry.api.format import Item
from ems_telemetry.api.idempotency import Sent
from ems_telemetry.api.items import Page, columns_of
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import Name, PageQuery, Time
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.packing.asked import MOST_SAMPLED, PackAsked
from ems_telemetry.storage import packs
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.packs import PackRow
from ems_telemetry.storage.site_zones import read_zones

router = make_router("Audit")

MOST_PENDING: Final = 10
ZIP: Final = "application/zip"
_CSV: Final = (
    "id,site,status,from,to,types,as_of,sample,seed,revisions,requested_by,requested_at,"
    "finished_at,size_bytes,sha256,reason\r\n"
)
_FILE: Final[Responses] = {200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}}}


class NewPack(BaseModel):
    """Which records an evidence pack is to hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: Name = Field(examples=["BER1"])
    from_: Time = Field(alias="from", description="Records whose period reaches into the span.")
    to: Time = Field(description="No longer part of it.")
    types: Annotated[list[RecordType], Field(max_length=100)] = Field(default=[], description="Only these; all if empty.")
    as_of: Time | None = Field(default=None, description="As they were known then; now if not said.")
    sample: int = Field(
        default=25, ge=0, le=MOST_SAMPLED, description="So many records are drawn, with their inputs and raw readings."
    )
    seed: Name = Field(description="The auditor's word that the sample is drawn by.", examples=["2026-Q1-audit"])
    all_revisions: bool = Field(default=False, description="Every revision known then, not the newest alone.")


class Pack(BaseModel):
    """A pack that was asked for, and what became of it."""

    id: str
    site: str
    status: str = Field(description="`pending`, `done` or `failed`.", examples=["done"])
    from_: datetime = Field(alias="from")
    to: datetime
    types: list[str]
    as_of: datetime
    sample: int
    seed: str
    revisions: str = Field(description="`newest` or `all`.", examples=["newest"])
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    size_bytes: int | None
    sha256: str | None = Field(description="Of the file; the audit trail has it too.")
    reason: str | None = Field(description="Why there is none.")


class PacksQuery(PageQuery):
    """The filters of packs."""

    site: Name | None = Field(default=None, description="Only those of this site.", examples=["BER1"])


@router.post(
    "/audit-packs",
    response_model=Pack,
    status_code=202,
    responses=problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND, ProblemType.CONFLICT),
)
async def add_audit_pack(services: Services, caller: Auditor, body: Annotated[NewPack, Body()], sent: Sent) -> Response:
    """Asks for an evidence pack, which is made in the background. For keys with `audit`, for all sites: it has the trail."""
    caller.check_whole("the audit trail in a pack")
    await _check_room(services)
    asked = _asked(body, services.clock.now())

    async def add(connection: Connection) -> tuple[int, bytes]:
        if body.site not in await read_zones(connection):
            raise ApiError(ProblemType.NOT_FOUND, f'there is no site "{body.site}"')
        await _check_pending(connection)
        actor = caller.actor
        row = PackRow(uuid4(), asked.site, asked.scope(), actor.id, actor.name, actor.client, "pending", services.clock.now())
        await packs.add_pack(connection, row)
        return 202, msgspec.json.encode(pack_item(row))

    answer = await sent.answer(services.database, caller, add)
    services.packs.asked.set()
    return answer


@router.get("/audit-packs", response_model=Page[Pack], responses=listed(_CSV))
async def list_audit_packs(
    request: Request, services: Services, caller: Auditor, query: Annotated[PacksQuery, Query()]
) -> Response:
    """Lists the packs that were asked for, the newest first. For keys with `audit`, for all sites."""
    caller.check_whole("the audit trail in packs")
    listing = Listing(request, query)
    async with services.database.connection() as connection:
        rows = await packs.list_packs(connection, query.site, listing.limit, listing.after(tuple[TimeKey, UUID]))
    return await listing.answer(rows, Pack, pack_item, key=lambda row: (row.requested_at, row.id))


@router.get("/audit-packs/{id}", response_model=Pack, responses=problems(ProblemType.NOT_FOUND))
async def get_audit_pack(
    services: Services, caller: Auditor, id_: Annotated[UUID, Path(alias="id", description="The pack.")]
) -> Response:
    """Tells what became of a pack. For keys with `audit`, for all sites."""
    row = await _find(services, caller, id_)
    return Response(msgspec.json.encode(pack_item(row)), media_type="application/json")


@router.get(
    "/audit-packs/{id}/file",
    response_class=FileResponse,
    responses=_FILE | problems(ProblemType.NOT_FOUND, ProblemType.CONFLICT),
)
async def get_audit_pack_file(
    services: Services, caller: Auditor, id_: Annotated[UUID, Path(alias="id", description="The pack.")]
) -> Response:
    """Gives a pack; `ems-telemetry evidence verify` verifies it anywhere. For keys with `audit`, for all sites."""
    row = await _find(services, caller, id_)
    if row.status != "done":
        detail = "it is still being made; ask again soon" if row.status == "pending" else f"it was not made: {row.reason}"
        raise ApiError(ProblemType.CONFLICT, detail)
    file = services.packs.file_of(id_)
    if not await asyncio.to_thread(file.is_file):
        detail = f"the file of this pack was moved elsewhere; look for a file with the SHA-256 {row.sha256}, or ask for another"
        raise ApiError(ProblemType.NOT_FOUND, detail)
    return FileResponse(file, media_type=ZIP, filename=f"evidence-{row.site}-{id_}.zip")


def pack_item(row: PackRow) -> Item:
    """A row as an item of `Pack`."""
    told = {
        **row.asked, "id": str(row.id), "status": row.status, "requested_by": row.actor_name, "requested_at": row.requested_at,
        "finished_at": row.finished_at, "size_bytes": row.size_bytes, "sha256": row.sha256, "reason": row.reason,
    }  # fmt: skip
    return {name: told[name] for name in PACK_FIELDS}


PACK_FIELDS: Final = ["from" if name == "from_" else name for name in columns_of(Pack)]


def _asked(body: NewPack, now: datetime) -> PackAsked:
    if body.from_ >= body.to:
        raise wrong_parameter("to", body.to.isoformat(), "is not after from; nothing lies between them")
    if body.as_of is not None and body.as_of > now:
        raise wrong_parameter("as_of", body.as_of.isoformat(), "is in the future; nobody knows what will be known then")
    return PackAsked(
        site=body.site,
        since=body.from_,
        until=body.to,
        types=tuple(dict.fromkeys(body.types)),
        as_of=body.as_of or now,
        sample=body.sample,
        seed=body.seed,
        all_revisions=body.all_revisions,
    )


async def _check_room(services: ApiServices) -> None:
    room = services.packs
    if room.key is None:
        detail = (
            "packs are signed, and no key is configured: make one with `ems-telemetry evidence key make FILE`, name it in "
            "evidence.signing_key of the service settings, and start the service again"
        )
        raise ApiError(ProblemType.CONFLICT, detail)
    if await asyncio.to_thread(room.count) >= room.most:
        detail = (
            f"the folder of packs holds {room.most} of them; move those that were handed over elsewhere (the audit trail keeps "
            "their SHA-256), or raise evidence.max_packs"
        )
        raise ApiError(ProblemType.CONFLICT, detail)


async def _check_pending(connection: Connection) -> None:
    if await packs.count_pending(connection) >= MOST_PENDING:
        raise ApiError(ProblemType.CONFLICT, f"{MOST_PENDING} packs wait to be made already; ask again when they are done")


async def _find(services: ApiServices, caller: Caller, id_: UUID) -> PackRow:
    caller.check_whole("the audit trail in packs")
    async with services.database.connection() as connection:
        row = await packs.find_pack(connection, id_)
    if row is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no pack "{id_}"')
    return row
