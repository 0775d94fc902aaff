"""What did not become a reading: dead letters and gaps, newest first."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import Path, Query, Request
from starlette.responses import Response

from ems_telemetry.api import items
from ems_telemetry.api.access import Administrator, Reader
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.page import Listing, format_of, write_list
from ems_telemetry.api.parameters import DeadLettersQuery, GapsQuery, LetterKindsQuery, RetryQuery
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import Services
from ems_telemetry.model import DeadLetter
from ems_telemetry.storage import gaps, losses
from ems_telemetry.storage.gaps import GapFilter
from ems_telemetry.storage.losses import LetterFilter, TimePage

router = make_router("Losses")

_DEAD_LETTERS_CSV = (
    "id,connector,point,reason,detail,source,size_bytes,received_at,stored_at,retried_at,retry_note\r\n"
    "8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10,water-broker,WM-02.volume,payload_unreadable,not JSON,plant/wm02,118,"
    "2026-03-02T10:00:00Z,2026-03-02T10:00:01Z,,\r\n"
)
_KINDS_CSV = (
    "connector,point,reason,count,first,last\r\n"
    "water-broker,WM-02.volume,value_missing,4312,2026-03-02T10:00:00Z,2026-03-04T16:20:00Z\r\n"
)
_GAPS_CSV = (
    "id,connector,point,start,end,cause,open,refused,expected,found,filled,recorded_at\r\n"
    "8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10,hall-1,EM-01.power,2026-03-02T10:00:00Z,2026-03-02T10:05:00Z,link_down,false,0,29,29,"
    "true,2026-03-02T10:00:21Z\r\n"
)


@router.get("/dead-letters", response_model=items.Page[items.DeadLetter], responses=listed(_DEAD_LETTERS_CSV))
async def list_dead_letters(
    request: Request, services: Services, caller: Reader, query: Annotated[DeadLettersQuery, Query()]
) -> Response:
    """Lists what was received in a span and could not become a reading, newest first; without the payloads."""
    listing = Listing(request, query)
    rows = await losses.list_dead_letters(
        services.database,
        caller.sites,
        query.span,
        _page(listing),
        LetterFilter(query.connector, query.point, query.reason),
    )
    return await listing.answer(rows, items.DeadLetter, items.dead_letter_item, key=lambda row: (row.received_at, row.id))


@router.get("/dead-letters/summary", response_model=items.Page[items.LetterKind], responses=listed(_KINDS_CSV, paged=False))
async def summarise_dead_letters(
    request: Request, services: Services, caller: Reader, query: Annotated[LetterKindsQuery, Query()]
) -> Response:
    """Counts what was received in a span and could not become a reading, by connector, point and reason, most frequent first.

    What has become readings since is left out.
    """
    format_ = format_of(request, query)
    wanted = LetterFilter(query.connector, query.point, query.reason)
    rows = await losses.summarise_dead_letters(services.database, caller.sites, query.span, wanted)
    return write_list([items.letter_kind_item(row) for row in rows], items.LetterKind, format_)


@router.get("/dead-letters/{id}", response_model=items.DeadLetterWithPayload, responses=problems(ProblemType.NOT_FOUND))
async def get_dead_letter(
    services: Services, caller: Reader, id_: Annotated[UUID, Path(alias="id", description="The dead letter.")]
) -> Response:
    """Gives one dead letter with its payload."""
    found = await losses.find_dead_letter(services.database, caller.sites, id_)
    if found is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no dead letter "{id_}"')
    return Response(msgspec.json.encode(items.payload_item(*found)), media_type="application/json")


@router.post(
    "/dead-letters/{id}/retry",
    response_model=items.RetriedLetter,
    responses=problems(ProblemType.NOT_FOUND, ProblemType.CONFLICT),
)
async def retry_dead_letter(
    services: Services,
    caller: Administrator,
    id_: Annotated[UUID, Path(alias="id", description="The dead letter.")],
    query: Annotated[RetryQuery, Query()],
) -> Response:
    """Reads a dead letter again, by the configuration of now, and sends what comes of it on its way. Needs the scope `admin`.

    The letter stays, with a note of what became of it.
    """
    found = await losses.find_dead_letter(services.database, caller.sites, id_)
    if found is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no dead letter "{id_}"')
    row, payload = found
    if row.retried_at is not None and row.retry_note is not None and not query.again:
        detail = (
            f"it became readings on {row.retried_at:%Y-%m-%d %H:%M} UTC ({row.retry_note}); ask with again=true to do it again"
        )
        raise ApiError(ProblemType.CONFLICT, detail)
    letter = DeadLetter(row.id, row.connector, row.point, row.reason, row.detail, row.source, payload, row.received_at)
    retried = await services.retry(letter, caller.actor)
    answer = {"id": id_, "retried": retried.readings > 0, **retried._asdict()}
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.get("/gaps", response_model=items.Page[items.Gap], responses=listed(_GAPS_CSV))
async def list_gaps(request: Request, services: Services, caller: Reader, query: Annotated[GapsQuery, Query()]) -> Response:
    """Lists the stretches that reach into a span in which readings were refused or missed, newest first.

    Whether a gap was filled is counted when you ask: by readings that are there now.
    """
    listing = Listing(request, query)
    wanted = GapFilter(query.connector, query.point, query.cause, query.open)
    rows = await gaps.list_gaps(services.database, caller.sites, query.span, _page(listing), wanted)
    return await listing.answer(rows, items.Gap, items.gap_item, key=lambda row: (row.start, row.id))


def _page(listing: Listing) -> TimePage:
    return TimePage(listing.limit, *(listing.after(tuple[TimeKey, UUID]) or ()))
