"""Whether limits were kept, as far as is known: evaluations that are kept or made when asked for, and exceedances."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Body, Path, Query, Request, Security
from starlette.responses import Response

from ems_telemetry.api import compliance_items as items
from ems_telemetry.api.access import Reader, require
from ems_telemetry.api.caller import Caller
from ems_telemetry.api.description import listed, make_router, problems
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.readings import TimeKey
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.model import Scope
from ems_telemetry.records.keeping.making import draft
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.records.registering import stating
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.records.registers.exceedances import ExceedanceNoteBody, NonconformityLinkBody
from ems_telemetry.storage import exceedances, records
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, NewEntry, lock_entry, read_entries
from ems_telemetry.storage.exceedances import ExceedanceFilter, ExceedanceRow
from ems_telemetry.storage.records import RecordFilter, RecordRow
from ems_telemetry.storage.site_zones import read_zones

router = make_router("Compliance")

METHOD: Final = "compliance@1"
LONGEST: Final = timedelta(days=367)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
NOTE, LINK = "exceedance_note", "nonconformity_link"
Annotator = Annotated[Caller, Security(require(Scope.METROLOGY, Scope.METHODS, Scope.ADMIN))]
_EVALUATIONS_CSV = "record_id,revision,status,site,limit_id,parameter,period_start,period_end,result,value,limit,unit\r\n"
_EXCEEDANCES_CSV = "id,start,end,duration_minutes,limit,peak,mean,count,status,site,limit_id,parameter,unit\r\n"


@router.get("/evaluations", response_model=Page[items.Evaluation], responses=listed(_EVALUATIONS_CSV))
async def list_evaluations(
    request: Request, services: Services, caller: Reader, query: Annotated[items.EvaluationsQuery, Query()]
) -> Response:
    """Lists the evaluations of limits that are kept, by their period, each in the newest revision."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    wanted: dict[str, object] = {"limit_id": query.limit_id, "result": query.result}
    wanted = {name: str(value) for name, value in wanted.items() if value is not None}
    if query.obligation is not None:
        wanted["obligations"] = [query.obligation]
    asked = RecordFilter(
        sites=caller.sites, site=query.site, type=RecordType.COMPLIANCE_EVALUATION, since=query.from_, until=query.to,
        as_of=query.as_of, details=wanted or None,
    )  # fmt: skip
    async with services.database.connection() as connection:
        rows = await records.list_records(connection, asked, listing.limit, listing.after(tuple[TimeKey, UUID]))
    key = _period_key
    return await listing.answer(rows, items.Evaluation, lambda row: items.evaluation_item(row.envelope), key=key)


@router.post(
    "/evaluations", response_model=items.Evaluation, responses=problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND)
)
async def evaluate(services: Services, caller: Reader, body: Annotated[items.NewEvaluation, Body()]) -> Response:
    """Evaluates a limit as things stand now, and keeps nothing; with `as_of`, gives what was kept and known then."""
    async with services.database.connection() as connection:
        site = await _site_of(connection, caller, body.limit)
        zone = ZoneInfo((await read_zones(connection))[site])
        _check_days(body, zone)
        if body.as_of is not None:
            return _written(items.evaluation_item((await _kept(connection, site, body)).envelope))
        item = PlanItem(f"evaluation/{body.limit}", 0, site, body.limit, METHOD, Period.DAY, {"limit": body.limit})
        made = await draft(connection, Asked(item, body.from_, body.to, zone), services.clock.now())
    return _written(items.evaluation_item(made.envelope, made.waits_for))


@router.get("/exceedances", response_model=Page[items.Exceedance], responses=listed(_EXCEEDANCES_CSV))
async def list_exceedances(
    request: Request, services: Services, caller: Reader, query: Annotated[items.ExceedancesQuery, Query()]
) -> Response:
    """Lists what exceeded limits, by its start; what no evaluation tells of any more is `withdrawn`."""
    caller.check_site(query.site)
    listing = Listing(request, query)
    asked = ExceedanceFilter(caller.sites, query.site, None, query.limit_id, query.status, query.from_, query.to)
    async with services.database.connection() as connection:
        rows = await exceedances.list_exceedances(connection, asked, listing.limit, listing.after(tuple[TimeKey, UUID]))
    return await listing.answer(rows, items.Exceedance, items.exceedance_item, key=lambda row: (row.start, row.id))


@router.get("/exceedances/{id}", response_model=items.Exceedance, responses=problems(ProblemType.NOT_FOUND))
async def get_exceedance(
    services: Services, caller: Reader, id_: Annotated[UUID, Path(alias="id", description="The exceedance.")]
) -> Response:
    """Gives one exceedance, also one that was withdrawn, with what was said of it."""
    async with services.database.connection() as connection:
        return _written(items.exceedance_item(await _find(connection, caller, id_)))


@router.post(
    "/exceedances/{id}:annotate",
    response_model=items.Exceedance,
    responses=problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND),
)
async def annotate_exceedance(
    services: Services,
    caller: Annotator,
    id_: Annotated[UUID, Path(alias="id", description="The exceedance.")],
    body: Annotated[ExceedanceNoteBody, Body()],
) -> Response:
    """Says why a limit was exceeded, and what was done; said again otherwise, that is a further revision of the note."""
    return await _say(services, caller, id_, NOTE, stating.content_of(body), body.cause)


@router.post(
    "/exceedances/{id}:link-nc",
    response_model=items.Exceedance,
    responses=problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND),
)
async def link_exceedance(
    services: Services,
    caller: Annotator,
    id_: Annotated[UUID, Path(alias="id", description="The exceedance.")],
    body: Annotated[NonconformityLinkBody, Body()],
) -> Response:
    """Names the nonconformity that was opened in the EMS because of it."""
    return await _say(services, caller, id_, LINK, stating.content_of(body), f"opened as {body.nc_id}")


async def _say(services: ApiServices, caller: Caller, id_: UUID, kind: str, said: Mapping[str, Any], reason: str) -> Response:
    """Keeps what is said of an exceedance; the same words said twice are one revision."""
    async with services.database.connection() as connection:
        row = await _find(connection, caller, id_)
        await lock_entry(connection, kind, str(id_))
        before = await stating.find_revision(connection, kind, str(id_))
        if before is None or before.body != said or "voided" in before.decisions or before.site != row.site:
            new = NewEntry(kind, str(id_), row.site, row.start, row.end, said, reason)
            at = services.clock.now()
            await stating.state(connection, caller.actor, REGISTERS[kind], new, at, before.revision if before else 0)
        row = await _find(connection, caller, id_)
    return _written(items.exceedance_item(row))


async def _find(connection: Connection, caller: Caller, id_: UUID) -> ExceedanceRow:
    found = await exceedances.list_exceedances(connection, ExceedanceFilter(sites=caller.sites, id=id_), 1)
    if not found:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no exceedance "{id_}"; GET /exceedances lists them')
    return found[0]


async def _site_of(connection: Connection, caller: Caller, limit: str) -> str:
    rows = await read_entries(connection, EntryFilter("limit", sites=caller.sites, id=limit))
    if not rows or rows[-1].site is None:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no limit "{limit}"; GET /limits lists them')
    return rows[-1].site


async def _kept(connection: Connection, site: str, body: items.NewEvaluation) -> RecordRow:
    asked = RecordFilter(
        site=site, type=RecordType.COMPLIANCE_EVALUATION, since=body.from_, until=body.to, as_of=body.as_of,
        details={"limit_id": body.limit},
    )  # fmt: skip
    rows = await records.list_records(connection, asked, 1_000)
    same = [row for row in rows if (row.period_start, row.period_end) == (body.from_, body.to)]
    if not same:
        raise ApiError(
            ProblemType.NOT_FOUND,
            f'no evaluation of "{body.limit}" for just this time was known at {body.as_of:%Y-%m-%d %H:%M}Z; '
            "GET /evaluations with `as_of` lists those that were, and without `as_of` it is made as things stand now",
        )
    return same[0]


def _check_days(body: items.NewEvaluation, zone: ZoneInfo) -> None:
    if body.from_ >= body.to:
        raise wrong_parameter("from", body.from_.isoformat(), "is not before `to`; nothing lies between them")
    if body.from_ < FIRST or body.to > LAST:
        raise wrong_parameter(
            "from", body.from_.isoformat(), f"to {body.to.isoformat()} is not between {FIRST.year} and {LAST.year}"
        )
    if body.to - body.from_ > LONGEST:
        raise wrong_parameter("to", body.to.isoformat(), "is more than a year after `from`; evaluate a year at most")
    for name, moment in (("from", body.from_), ("to", body.to)):
        midnight = _midnight(moment, zone)
        if midnight != moment:
            detail = f"is not a midnight of {zone.key}; the one before is {midnight:%Y-%m-%dT%H:%M:%SZ}"
            raise wrong_parameter(name, moment.isoformat(), detail)


def _midnight(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment_of(edges_of(Period.DAY, microseconds(moment), microseconds(moment) + 1, zone)[0])


def _period_key(row: RecordRow) -> tuple[datetime, UUID]:
    return row.period_start, row.id


def _written(item: object) -> Response:
    return Response(msgspec.json.encode(item), headers={"Vary": "Authorization"}, media_type="application/json")
