"""Records as the EMS reads them: by what they are about, as they were known at any time, and what changed since."""

from typing import Annotated, NoReturn
from uuid import UUID

import msgspec
from fastapi import Path, Query, Request
from starlette.responses import Response

from ems_telemetry.api import record_items as items
from ems_telemetry.api.access import Caller, Reader
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.etag import IfNoneMatch, etag_of, not_modified, tagged
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.record_parameters import RecordQuery, RecordsQuery
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.evidence.envelope import record_hash
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.proving.checkpoints import find_inclusion
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage import records
from ems_telemetry.storage.audit import read_event
from ems_telemetry.storage.records import RecordFilter, RecordRow

router = make_router("Records")

INSTEAD = (
    "a record stays as it was kept; ask for a correction with POST /corrections, or for its voiding with POST /voidings, "
    "and let somebody else approve it"
)
RECORDS_CSV = "seq,record_id,revision,type,status,site,scope,period_start,period_end,quantity,value,unit,quality\r\n"


@router.get("/records", response_model=Page[items.Record], responses=listed(RECORDS_CSV))
async def list_records(
    request: Request, services: Services, caller: Reader, query: Annotated[RecordsQuery, Query()]
) -> Response:
    """Lists records by their period, each in the newest revision; with `changed_since` every revision kept since then."""
    caller.check_site(query.site)
    if query.changed_since is not None and query.as_of is not None:
        raise wrong_parameter("as_of", None, "cannot be told together with changed_since; leave one of them out")
    listing = Listing(request, query)
    asked = RecordFilter(
        sites=caller.sites, site=query.site, type=query.type, scope=query.scope, plan=query.plan, status=query.status,
        quality=query.quality, clause=query.clause, since=query.from_, until=query.to, as_of=query.as_of,
        changed_since=query.changed_since,
    )  # fmt: skip
    if query.changed_since is not None:
        asked = asked._replace(changed_since=listing.after(int) or query.changed_since)
        rows = await _read(services, asked, listing.limit, None)
        return await listing.answer(rows, items.Record, items.record_item, key=lambda row: row.seq)
    rows = await _read(services, asked, listing.limit, listing.after(tuple[TimeKey, UUID]))
    return await listing.answer(rows, items.Record, items.record_item, key=lambda row: (row.period_start, row.id))


@router.get("/records/{id}", response_model=items.Record, responses=problems(ProblemType.NOT_FOUND))
async def get_record(
    services: Services,
    caller: Reader,
    id_: Annotated[UUID, Path(alias="id", description="The record.")],
    query: Annotated[RecordQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Gives one record: the newest revision, the one named, or the one that was known at a time."""
    row = await find_record(services, caller, id_, query)
    tag = etag_of(row.id, row.revision)
    return not_modified(if_none_match, tag) or Response(
        msgspec.json.encode(items.record_item(row)), headers=dict(tagged(tag)), media_type="application/json"
    )


@router.get("/records/{id}/revisions", response_model=Page[items.Record], responses=problems(ProblemType.NOT_FOUND))
async def list_record_revisions(
    services: Services, caller: Reader, id_: Annotated[UUID, Path(alias="id", description="The record.")]
) -> Response:
    """Lists all revisions of a record, the first one first."""
    await find_record(services, caller, id_, RecordQuery())
    async with services.database.connection() as connection:
        rows = await records.list_revisions(connection, id_)
    body = {"items": [items.record_item(row) for row in rows], "next": None}
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.get("/records/{id}/proof", response_model=items.RecordProof, responses=problems(ProblemType.NOT_FOUND))
async def get_record_proof(
    services: Services,
    caller: Reader,
    id_: Annotated[UUID, Path(alias="id", description="The record.")],
    query: Annotated[RecordQuery, Query()],
) -> items.RecordProof:
    """Tells which event of the audit trail stands for a revision, whether it is as it was kept, and proves it by its day."""
    row = await find_record(services, caller, id_, query)
    async with services.database.connection() as connection:
        event = await read_event(connection, row.seq)
        inclusion = await find_inclusion(connection, row)
    computed = record_hash(row.envelope)
    return items.RecordProof(
        record_id=str(row.id),
        revision=row.revision,
        hash=row.hash,
        computed_hash=computed,
        seq=row.seq,
        event_hash=event.hash if event else "",
        previous_hash=event.previous_hash if event else "",
        holds=event is not None and event.after_hash == row.hash == computed,
        inclusion=items.inclusion_of(inclusion),
    )


@router.post(
    "/records/{id}:recompute",
    response_model=items.RecordComparison,
    responses=problems(ProblemType.NOT_FOUND, ProblemType.CONFLICT),
)
async def recompute_record(
    services: Services,
    caller: Reader,
    id_: Annotated[UUID, Path(alias="id", description="The record.")],
    query: Annotated[RecordQuery, Query()],
) -> Response:
    """Computes a record again from its inputs, by its version of the method, and compares; nothing is kept."""
    row = await find_record(services, caller, id_, query)
    async with services.database.connection() as connection:
        try:
            again = await recompute(connection, row, asked_of(row))
        except CannotComputeError as error:
            raise ApiError(ProblemType.CONFLICT, str(error)) from error
    body = {
        "record_id": row.id, "revision": row.revision, "method": row.method, "equal": again.equal, "stored": again.stored,
        "recomputed": again.recomputed,
    }  # fmt: skip
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.api_route("/records", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuse_to_change_records() -> Response:
    """Says what to do instead."""
    _refuse()


@router.api_route("/records/{id}", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuse_to_change_record() -> Response:
    """Says what to do instead."""
    _refuse()


async def find_record(services: ApiServices, caller: Caller, id_: UUID, query: RecordQuery) -> RecordRow:
    """Finds a record the caller may see.

    Raises:
        ApiError: 404.
    """
    async with services.database.connection() as connection:
        row = await records.find_record(connection, id_, revision=query.revision, as_of=query.as_of, sites=caller.sites)
    if row is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no record "{id_}", or not in this revision or at that time')
    return row


async def _read(services: ApiServices, asked: RecordFilter, limit: int, after: tuple[TimeKey, UUID] | None) -> list[RecordRow]:
    async with services.database.connection() as connection:
        return await records.list_records(connection, asked, limit, after)


def _refuse() -> NoReturn:
    raise ApiError(ProblemType.METHOD_NOT_ALLOWED, INSTEAD, headers={"Allow": "GET"})
