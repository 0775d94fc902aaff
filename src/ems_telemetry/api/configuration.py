"""What was configured when, and taking over what was changed in the files."""

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from ems_telemetry.api import configuration_items as items
from ems_telemetry.api.access import Administrator, Reader
from ems_telemetry.api.catalogue import PointKey, find_point
from ems_telemetry.api.description import GUARDED, STORED, listed, make_router, problems
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import Name, PageQuery
from ems_telemetry.api.parameters import Query as Parameters
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.services import Services
from ems_telemetry.api.standing import Outcome, Reload
from ems_telemetry.storage import revisions

router = make_router("Configuration", responses={})

TimeKey = Annotated[datetime, msgspec.Meta(tz=True)]
"""The time of a row within a cursor."""
NumberKey = Annotated[int, msgspec.Meta(ge=1, le=revisions.NEWEST_ID)]
"""The number of a row within a cursor."""
RevisionId = Annotated[int, Path(ge=1, le=revisions.NEWEST_ID, description="Its number.", examples=[12])]

_POINT_CSV = (
    "valid_from,valid_to,config_revision,active,quantity,unit,kind,source,source_unit,scale,offset,expected_interval_s,"
    "definition\r\n"
    "2026-03-02T10:00:00Z,,12,true,water_volume,m3,counter,unit 7 holding 40 uint32 ABCD,m3,0.1,0,10.0,"
    '"{""id"":""volume"",""scale"":""0.1""}"\r\n'
)
_CONFIG_CSV = "id,hash,accepted_at,in_force_until,files\r\n12,9f86d081884c7d65,2026-03-02T10:00:00Z,,7\r\n"


class ReloadQuery(Parameters):
    """How a reload is asked for."""

    reason: Name | None = Field(default=None, description="Why; the audit trail has it beside the hashes before and after.")


@router.get(
    "/points/{key}/revisions",
    response_model=Page[items.PointRevision],
    responses=STORED | listed(_POINT_CSV) | problems(ProblemType.NOT_FOUND),
)
async def list_point_revisions(
    request: Request, services: Services, caller: Reader, key: PointKey, query: Annotated[PageQuery, Query()]
) -> Response:
    """Lists what a point meant over time, newest first."""
    listing = Listing(request, query)
    point = await find_point(services.database, caller, key)
    rows = await revisions.list_point_revisions(
        services.database, point.key, before=listing.after(TimeKey), limit=listing.limit
    )
    return await listing.answer(rows, items.PointRevision, items.point_revision_item, key=lambda row: row.valid_from)


@router.get("/config/revisions", response_model=Page[items.ConfigRevision], responses=STORED | listed(_CONFIG_CSV))
async def list_config_revisions(
    request: Request, services: Services, caller: Reader, query: Annotated[PageQuery, Query()]
) -> Response:
    """Lists the configurations that the service ran, newest first. For keys for all sites."""
    caller.check_whole("the configuration")
    listing = Listing(request, query)
    rows = await revisions.list_config_revisions(services.database, before=listing.after(NumberKey), limit=listing.limit)
    return await listing.answer(rows, items.ConfigRevision, items.config_revision_item, key=lambda row: row.id)


@router.get(
    "/config/revisions/{id}",
    response_model=items.ConfigRevisionWithFiles,
    responses=STORED | problems(ProblemType.NOT_FOUND),
)
async def get_config_revision(services: Services, caller: Reader, id_: Annotated[RevisionId, Path(alias="id")]) -> Response:
    """Gives one configuration with what stood in its files, secrets masked. For keys for all sites."""
    caller.check_whole("the configuration")
    found = await revisions.find_config_revision(services.database, id_)
    if found is None:
        raise ApiError(ProblemType.NOT_FOUND, f"there is no configuration {id_}")
    return Response(msgspec.json.encode(items.config_item(*found)), media_type="application/json")


@router.post(
    "/reload",
    response_model=Reload,
    responses=GUARDED | problems(ProblemType.CONFIGURATION_REFUSED, ProblemType.DATABASE_UNAVAILABLE),
)
async def reload(
    services: Services,
    caller: Administrator,
    query: Annotated[ReloadQuery, Query()],
) -> Response:
    """Reads the configuration files anew and goes by them; answers when that is done. For keys with `admin`, for all sites."""
    caller.check_whole("the configuration")
    outcome = await services.reload(caller.actor, query.reason)
    if outcome.outcome is Outcome.REFUSED:
        raise ApiError(
            ProblemType.CONFIGURATION_REFUSED, "; ".join(outcome.problems), extensions={"problems": outcome.problems}
        )
    return Response(outcome.model_dump_json(), media_type="application/json")
