"""The audit trail: who did what to which piece of evidence, and whether all of it still holds."""

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from ems_telemetry.api import record_items as items
from ems_telemetry.api.access import Auditor
from ems_telemetry.api.description import listed, make_router
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.record_parameters import AuditQuery, CheckpointsQuery, VerifyQuery
from ems_telemetry.api.services import Services
from ems_telemetry.records.proving.verifying import verify_audit
from ems_telemetry.records.proving.verifying_raw import verify_raw
from ems_telemetry.storage import audit, checkpoints
from ems_telemetry.storage.audit import AuditFilter
from ems_telemetry.storage.checkpoints import CheckpointFilter
from ems_telemetry.storage.raw_digests import DigestFilter

MOST_DAYS = 2_000
"""So many days of points are computed anew in one request."""
router = make_router("Audit")

_CSV = (
    "seq,id,occurred_at,actor,actor_name,client,action,object_type,object_id,object_revision,site,reason,before_hash,"
    "after_hash,detail,previous_hash,hash\r\n"
)
_CHECKPOINTS_CSV = "site,day_start,day_end,tz,size,records,digests,root,head_seq,head_hash,made_at,seq,key_id,signature\r\n"
_INSTEAD = "the audit trail is written by what happens, and never changed"


@router.get("/audit/events", response_model=Page[items.AuditEvent], responses=listed(_CSV))
async def list_audit_events(
    request: Request, services: Services, caller: Auditor, query: Annotated[AuditQuery, Query()]
) -> Response:
    """Lists who did what, in order. For keys with `audit` or `admin`; a key for some sites sees what belongs to these."""
    listing = Listing(request, query)
    asked = AuditFilter(query.actor, query.object_type, query.object_id, query.from_, query.to, caller.sites)
    rows = await audit.list_events(services.database, asked, listing.after(int) or 0, listing.limit)
    return await listing.answer(rows, items.AuditEvent, items.event_item, key=lambda row: row.seq)


@router.get("/audit/verify", response_model=items.AuditVerdict)
async def verify_audit_trail(services: Services, caller: Auditor, query: Annotated[VerifyQuery, Query()]) -> items.AuditVerdict:
    """Verifies the whole chain, and every record, fact, decision and checkpoint it tells of; names the first that fails.

    With `raw`, the readings too, since nothing in the database itself keeps them from being changed.
    """
    caller.check_whole("the audit trail")
    async with services.database.connection() as connection:
        verdict = await verify_audit(connection)
        asked = DigestFilter(query.site, query.from_, query.to)
        readings = await verify_raw(connection, asked, MOST_DAYS) if query.raw else None
    told = verdict._asdict()
    if readings is None:
        return items.AuditVerdict(**told, raw=None)
    bad = readings.first_bad and items.RawFinding(**readings.first_bad._asdict())
    raw = items.RawVerdict(**{**readings._asdict(), "first_bad": bad})
    return items.AuditVerdict(**{**told, "ok": verdict.ok and raw.ok}, raw=raw)


@router.get("/audit/checkpoints", response_model=Page[items.Checkpoint], responses=listed(_CHECKPOINTS_CSV))
async def list_checkpoints(
    request: Request, services: Services, caller: Auditor, query: Annotated[CheckpointsQuery, Query()]
) -> Response:
    """Lists the roots over what each local day added to the evidence of a site, by day; keep them elsewhere, on paper too."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    asked = CheckpointFilter(caller.sites, query.site, query.from_, query.to)
    after = listing.after(tuple[TimeKey, str])
    async with services.database.connection() as connection:
        rows = await checkpoints.list_checkpoints(connection, asked, listing.limit, after)
    return await listing.answer(rows, items.Checkpoint, items.checkpoint_item, key=lambda row: (row.day_start, row.site))


@router.api_route("/audit/events", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuse_to_change_audit() -> Response:
    """Says what to do instead."""
    raise ApiError(ProblemType.METHOD_NOT_ALLOWED, _INSTEAD, headers={"Allow": "GET"})
