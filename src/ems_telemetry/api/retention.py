"""Until when raw readings must be kept and because of whom, and purging them once nobody needs them (CR-53)."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Body, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from ems_telemetry.api.access import Administrator, Reader
from ems_telemetry.api.description import make_router, problems
from ems_telemetry.api.meter_events import Text
from ems_telemetry.api.parameters import Name, Time
from ems_telemetry.api.parameters import Query as QueryModel
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.services import Services
from ems_telemetry.records.keeping.retention import MOST_NEEDS, Claim, Claims, NeededError, claims_on, purge
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.point_facts import PointFacts, read_facts

router = make_router("Audit")

_FIRST_YEAR, _LAST_YEAR = 1900, 3000
_SHOWN = 20
"""So many of those that need readings are named where a purge is refused."""


class RetentionQuery(QueryModel):
    """Which readings are asked about."""

    point: Name = Field(description="Whose readings.", examples=["EM-01.energy_import"])
    day: date = Field(description="A day by the clock of its site.", examples=["2026-05-12"])

    @field_validator("day")
    @classmethod
    def _is_within_reach(cls, day: date) -> date:
        if not _FIRST_YEAR <= day.year < _LAST_YEAR:
            raise PydanticCustomError("far_day", "is not a day of which there are readings")
        return day


class NeedingRecord(BaseModel):
    """A record that needs readings."""

    record_id: str
    type: str
    scope: str
    period_start: datetime
    period_end: datetime
    retention_class: str
    not_before: date | None = Field(
        description="What it was made of is not purged before this day; null: its class is not known, and all of it stays."
    )


class NeedingHold(BaseModel):
    """A hold that covers readings."""

    id: str
    reason: str
    since: datetime | None
    until: datetime | None


class Retention(BaseModel):
    """Who needs the readings of a point and day."""

    point: str
    day: date
    needed: bool = Field(description="Whether anything needs them now.")
    not_before: date | None = Field(
        description="They are not purged before this day; null if no record needs them, or while it cannot be told."
    )
    records: list[NeedingRecord] = Field(description="The records made of them whose class has not ended, the longest first.")
    holds: list[NeedingHold]


class PurgeRequest(BaseModel):
    """What is to be purged, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: Time = Field(description="All chunks or partitions of readings that lie wholly before it.")
    reason: Text = Field(examples=["retention ended, approved by the site manager"])


class Purged(BaseModel):
    """What was purged."""

    before: datetime
    dropped: list[str] = Field(description="The names of the chunks or partitions.")


@router.get("/retention", responses=problems(ProblemType.NOT_FOUND))
async def get_retention(services: Services, caller: Reader, query: Annotated[RetentionQuery, Query()]) -> Retention:
    """Tells until when the readings of a point and day must be kept, because of which records and holds."""
    async with services.database.connection() as connection:
        point = await _point(connection, query.point)
        if point is None or (caller.sites is not None and point.site not in caller.sites):
            raise ApiError(ProblemType.NOT_FOUND, f'there is no point "{query.point}"')
        zone = ZoneInfo(point.timezone)
        start, end = (datetime.combine(day, time(), zone) for day in (query.day, query.day + timedelta(days=1)))
        claims = await claims_on(connection, start, end, services.clock.now(), point)
    days = [claim.not_before for claim in claims.records]
    return Retention(
        point=point.key,
        day=query.day,
        needed=bool(claims),
        not_before=days[0] if days and None not in days else None,
        records=[_record(claim) for claim in claims.records[:MOST_NEEDS]],
        holds=[_hold(hold) for hold in claims.holds],
    )


@router.post("/retention:purge", responses=problems(ProblemType.BAD_REQUEST, ProblemType.CONFLICT))
async def purge_readings(services: Services, caller: Administrator, body: Annotated[PurgeRequest, Body()]) -> Purged:
    """Drops old readings for good, unless a record or a hold needs some of them: then it drops nothing and names them."""
    caller.check_whole("the readings of all sites")
    now = services.clock.now()
    if body.before > now:
        raise wrong_parameter("before", body.before.isoformat(), "lies in the future")
    async with services.database.connection() as connection:
        try:
            dropped = await purge(connection, Actor(caller.id, caller.name), body.before, body.reason, now)
        except NeededError as error:
            raise _refused(error.claims) from error
    return Purged(before=body.before, dropped=dropped)


async def _point(connection: Connection, key: str) -> PointFacts | None:
    found = await read_facts(connection, [key])
    return found[0] if found else None


def _refused(claims: Claims) -> ApiError:
    detail = (
        f"{len(claims.records)} records and {len(claims.holds)} holds need readings before this; nothing was dropped. "
        "Choose an earlier time: GET /retention tells of a point and day who needs it"
    )
    named: dict[str, Any] = {
        "records": [_record(claim).model_dump(mode="json") for claim in claims.records[:_SHOWN]],
        "holds": [_hold(hold).model_dump(mode="json") for hold in claims.holds[:_SHOWN]],
    }
    return ApiError(ProblemType.CONFLICT, detail, extensions=named)


def _record(claim: Claim) -> NeedingRecord:
    need = claim.need
    return NeedingRecord(
        record_id=str(need.id),
        type=need.type,
        scope=need.scope,
        period_start=need.period_start,
        period_end=need.period_end,
        retention_class=need.retention_class,
        not_before=claim.not_before,
    )


def _hold(row: EntryRow) -> NeedingHold:
    return NeedingHold(id=row.id, reason=row.reason, since=row.valid_from, until=row.valid_to)
