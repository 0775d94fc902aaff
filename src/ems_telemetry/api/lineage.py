"""From a record down to its readings, and from anything to the records that were made of it."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import Path, Query, Request
from starlette.responses import Response

from ems_telemetry.api import record_items as items
from ems_telemetry.api.access import Reader
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.items import Page
from ems_telemetry.api.lineage_items import Lineage as LineageItem
from ems_telemetry.api.page import Listing
from ems_telemetry.api.problem import ProblemType
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.record_parameters import DependentsQuery, LineageDepth, LineageQuery
from ems_telemetry.api.records import RECORDS_CSV, find_record
from ems_telemetry.api.services import Services
from ems_telemetry.records.proving.lineage import Lineage, Wanted
from ems_telemetry.storage import records
from ems_telemetry.storage.records import Source

router = make_router("Records")


@router.get("/records/{id}/lineage", response_model=LineageItem, responses=problems(ProblemType.NOT_FOUND))
async def get_record_lineage(
    services: Services,
    caller: Reader,
    id_: Annotated[UUID, Path(alias="id", description="The record.")],
    query: Annotated[LineageQuery, Query()],
) -> Response:
    """Tells what a revision was made of, down to the readings, whether that still says the same, and who did what to it."""
    row = await find_record(services, caller, id_, query)
    wanted = Wanted(query.depth is LineageDepth.RAW, query.rows, query.verify, caller.sites)
    async with services.database.connection() as connection:
        tree = await Lineage(connection, wanted).of(row)
    return Response(msgspec.json.encode(tree), media_type="application/json")


@router.get("/records/dependents", response_model=Page[items.Record], responses=listed(RECORDS_CSV))
async def list_record_dependents(
    request: Request, services: Services, caller: Reader, query: Annotated[DependentsQuery, Query()]
) -> Response:
    """Lists the newest records that were made of a point, of a record, or of a fact; by their period, within the span."""
    listing = Listing(request, query)
    after = listing.after(tuple[TimeKey, UUID])
    async with services.database.connection() as connection:
        if query.point is not None:
            source = Source("point", query.point, query.span.start, query.span.end)
            rows = await records.list_dependents(connection, source, listing.limit, sites=caller.sites, after=after)
        else:
            ref = {"kind": query.kind or "record", "id": query.id or str(query.record)}
            span = query.from_, query.to
            rows = await records.list_made_of(connection, ref, span, listing.limit, sites=caller.sites, after=after)
    return await listing.answer(rows, items.Record, items.record_item, key=lambda row: (row.period_start, row.id))
