"""What did not become a reading: dead letters and gaps, newest first."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from ems_telemetry.api import items
from ems_telemetry.api.access import Reader
from ems_telemetry.api.description import PREFIX, STORED, listed, problems
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import DeadLettersQuery, GapsQuery
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import Services
from ems_telemetry.storage import gaps, losses
from ems_telemetry.storage.gaps import GapFilter
from ems_telemetry.storage.losses import TimePage

router = APIRouter(prefix=PREFIX, tags=["Losses"], responses=STORED)

_DEAD_LETTERS_CSV = (
    "id,connector,point,reason,detail,source,size_bytes,received_at,stored_at\r\n"
    "8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10,water-broker,WM-02.volume,unreadable_payload,not JSON,plant/wm02,118,"
    "2026-03-02T10:00:00Z,2026-03-02T10:00:01Z\r\n"
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
        connector=query.connector,
        reason=query.reason,
    )
    return await listing.answer(rows, items.DeadLetter, items.dead_letter_item, key=lambda row: (row.received_at, row.id))


@router.get("/dead-letters/{id}", response_model=items.DeadLetterWithPayload, responses=problems(ProblemType.NOT_FOUND))
async def get_dead_letter(
    services: Services, caller: Reader, id_: Annotated[UUID, Path(alias="id", description="The dead letter.")]
) -> Response:
    """Gives one dead letter with its payload."""
    found = await losses.find_dead_letter(services.database, caller.sites, id_)
    if found is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no dead letter "{id_}"')
    return Response(msgspec.json.encode(items.payload_item(*found)), media_type="application/json")


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
