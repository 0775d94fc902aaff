"""Whether an instrument could be relied on at any date, which could not, and which records a check has a say in (R15)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from ems_telemetry.api.access import Caller, Reader
from ems_telemetry.api.description import make_router, problems
from ems_telemetry.api.parameters import LIMIT_MAX, Time
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.record_items import Record, record_item
from ems_telemetry.api.register_models import EntryId, FactsQuery, OneQuery
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.records.facts import entries
from ems_telemetry.records.facts.entries import EntryStatus
from ems_telemetry.records.facts.instruments import checks_of
from ems_telemetry.records.facts.measured_by import doubted_by, read_calibrations
from ems_telemetry.rules.calibration import Calibration, CalibrationStatus, status_at
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries
from ems_telemetry.storage.reading import BEGINNING
from ems_telemetry.storage.records import Source, list_dependents

router = make_router("Metrology")


class InstrumentsQuery(FactsQuery):
    """The filters of instruments."""

    status: EntryStatus | CalibrationStatus | None = Field(
        default=None,
        description="Only revisions of which this became; or only instruments that stood so by their checks at `at`, now if "
        "that is not said: `valid`, `overdue`, `failed`, `never_calibrated`.",
    )


class DoneCheck(BaseModel):
    """A check of an instrument."""

    id: str
    at: datetime
    found_good: bool = Field(description="Whether it was within tolerance before anybody touched it.")
    left_good: bool = Field(description="Whether it was within tolerance afterwards.")


class InstrumentStanding(BaseModel):
    """Whether an instrument could be relied on at a moment."""

    instrument: str
    serial: str
    site: str | None
    meters: list[str] = Field(description="What it measured then.")
    points: list[str]
    at: datetime
    as_of: datetime | None = Field(description="As it was known then; null: as it is known now.")
    status: CalibrationStatus
    due: datetime | None = Field(description="The last moment it may be relied on without another check.")
    last_check: DoneCheck | None
    last_pass: DoneCheck | None = Field(description="When it was last left good.")


class CalibrationImpact(BaseModel):
    """What a check that failed as found casts doubt on: all since the instrument was last left good."""

    calibration: str
    instrument: str
    suspect: bool = Field(description="Whether it failed as found, and still holds.")
    since: datetime | None = Field(description="The last pass before it; null where there was none.")
    until: datetime = Field(description="The check itself.")
    items: list[Record] = Field(description="The newest revisions of the records that were measured in this time.")


@router.get("/instruments/{id}/status", responses=problems(ProblemType.NOT_FOUND))
async def get_instrument_status(
    services: Services,
    caller: Reader,
    id_: Annotated[EntryId, Path(alias="id", description="The instrument.")],
    query: Annotated[OneQuery, Query()],
) -> InstrumentStanding:
    """Tells whether an instrument could be relied on at a moment, by the checks until then."""
    at = query.at or services.clock.now()
    async with services.database.connection() as connection:
        rows = await read_entries(connection, EntryFilter("instrument", as_of=query.as_of, sites=caller.sites, id=id_))
        calibrations = await read_calibrations(connection, id_, query.as_of)
    if not rows:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no instrument "{id_}", or none was known then')
    row = (entries.covering(rows, at, needs_approval=False) or rows[-1:])[0]
    return _standing(row, checks_of(calibrations), at, query.as_of)


@router.get("/calibrations/{id}/impact", response_model=CalibrationImpact, responses=problems(ProblemType.NOT_FOUND))
async def get_calibration_impact(
    services: Services, caller: Reader, id_: Annotated[EntryId, Path(alias="id", description="The calibration.")]
) -> Response:
    """Lists the records that a check casts doubt on, back to the last pass; none where it passed as found."""
    async with services.database.connection() as connection:
        rows = await read_entries(connection, EntryFilter("calibration", sites=caller.sites, id=id_))
        if not rows:
            raise ApiError(ProblemType.NOT_FOUND, f'there is no calibration "{id_}"')
        span = await doubted_by(connection, rows[-1])
        instrument, at = rows[-1].body["instrument"], datetime.fromisoformat(rows[-1].body["at"])
        touched = []
        if span is not None:
            source = Source("instrument", instrument, span.start or BEGINNING, span.end)
            touched = await list_dependents(connection, source, LIMIT_MAX, sites=caller.sites)
    body = {
        "calibration": id_, "instrument": instrument, "suspect": span is not None, "since": span and span.start, "until": at,
        "items": [record_item(row) for row in touched],
    }  # fmt: skip
    return Response(msgspec.json.encode(body), media_type="application/json")


async def select_by_status(
    services: ApiServices, caller: Caller, query: FactsQuery, status: CalibrationStatus
) -> list[EntryRow]:
    """Gives the instruments in force at a moment whose checks until then say this."""
    at: Time = query.at or services.clock.now()
    async with services.database.connection() as connection:
        known = EntryFilter("instrument", query.as_of, caller.sites, query.site)
        rows = entries.covering(await read_entries(connection, known), at, needs_approval=False)
        calibrations = await read_entries(connection, EntryFilter("calibration", query.as_of))
    of: dict[str, list[EntryRow]] = {}
    for each in calibrations:
        of.setdefault(each.body["instrument"], []).append(each)
    return [row for row in rows if status_at(checks_of(of.get(row.id, ())), at) is status]


def _standing(row: EntryRow, checks: Sequence[Calibration], at: datetime, as_of: datetime | None) -> InstrumentStanding:
    done = [check for check in checks if check.at <= at]
    passed = [check for check in done if check.left_good]
    return InstrumentStanding(
        instrument=row.id,
        serial=row.body["serial"],
        site=row.site,
        meters=row.body["meters"],
        points=row.body["points"],
        at=at,
        as_of=as_of,
        status=status_at(checks, at),
        due=passed[-1].due if passed else None,
        last_check=_done(done),
        last_pass=_done(passed),
    )


def _done(checks: Sequence[Calibration]) -> DoneCheck | None:
    if not checks:
        return None
    last = checks[-1]
    return DoneCheck(id=last.id, at=last.at, found_good=last.found_good, left_good=last.left_good)
