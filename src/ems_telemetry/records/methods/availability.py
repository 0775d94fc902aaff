"""How available an instrument was: valid hours of operating hours by day, the verdict of the quarter, and PMA (R14)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, Field

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.averages.blocks import (
    QUARTER,
    BlockLength,
    OwnBlockProfile,
    ProfileId,
    block_profile,
    counts_off,
    days_as_inputs,
    days_of,
    judge,
    spans_of,
)
from ems_telemetry.records.averages.days import records_before
from ems_telemetry.records.inputs.measuring import Wanted, gather_measured, maintained_too
from ems_telemetry.records.inputs.operation import StatePoint, gather_state, states_of
from ems_telemetry.records.inputs.quarters import quarters_of
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of, unsaid
from ems_telemetry.records.registers.register import Text, Word
from ems_telemetry.rules.arithmetic import percent_of, settle
from ems_telemetry.rules.availability import (
    DayAvailability,
    judge_day_availability,
    judge_quarter_availability,
    monitor_availability,
)
from ems_telemetry.rules.profiles import AvailabilityProfile, LadderProfile, profile_of
from ems_telemetry.rules.validity import Standing

LOOKED_BACK_YEARS: Final = 3
"""Beyond that hours do not count for the PMA (40 CFR 75.33)."""
_QUARTER_MONTHS: Final = 3


class OwnAvailabilityProfile(Params):
    """When an instrument was available enough by a permit of its own."""

    id: ProfileId
    source: Text
    least_hours_percent: int = Field(ge=0, le=100)
    least_days_percent: int = Field(ge=0, le=100)


class AvailabilityParams(Params):
    """What it needs to know."""

    point: Word
    block_profile: Word | OwnBlockProfile = Field(default="us_hour@1", description="When an hour is valid.")
    availability_profile: Word | OwnAvailabilityProfile = "us_cems_75_90@1"
    pma_profile: Word | None = Field(
        default=None, description="Whose window the percent monitor data availability is of.", examples=["us_part75_so2@1"]
    )
    state: StatePoint | None = Field(default=None, description="Without it, the unit ran all the time.")
    instrument_maintenance: bool = Field(
        default=False, exclude_if=unsaid,
        description="Let tests and maintenance of the instrument count as such (CR-12), and nothing that it showed then.",
    )  # fmt: skip


class Availability:
    """Counts valid hours of operating hours."""

    name = "availability"
    version = 1
    record = RecordType.COMPLETENESS
    formula = (
        "Valid hours over operating hours, in percent. A day meets with enough of its operating hours valid, a quarter of a "
        "year with enough of its operating days; a day operation is not counted (CR-19). PMA is that of the last operating "
        "hours of the profile, by whole days (CR-17). Substitutes never count (CR-20)."
    )
    params: type[BaseModel] = AvailabilityParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the quarters of an hour, the state, and what earlier records of the item say."""
        params = params_of(AvailabilityParams, asked)
        profile = block_profile(params.block_profile, BlockLength.HOUR)
        _profile(params)
        if params.pma_profile is not None:
            profile_of(params.pma_profile, LadderProfile)
        point = await sources.point(params.point)
        numbered, told = await gather_state(sources, params.state, asked.item.site, asked.start, asked.end)
        params = params.model_copy(update={"state": numbered})
        states = states_of(told, numbered, asked.start, (asked.end - asked.start) // QUARTER)
        wanted, off = Wanted(maintenance=params.instrument_maintenance), counts_off(profile)
        return {
            "params": params.model_dump(mode="json"),
            "days": days_as_inputs(asked.start, asked.end, BlockLength.HOUR, asked.zone),
            "point": await gather_measured(sources, point, asked.start, states, wanted, counts_off=off),
            **told,
            "before": await _gather_before(sources, asked, params),
            "period": asked.item.period,
        }

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Counts."""
        params = AvailabilityParams.model_validate(inputs["params"])
        profile, days = _profile(params), list(_hours_of(inputs, params))
        valid, operating = sum(day.valid for day in days), sum(day.operating for day in days)
        judged = [judge_day_availability(day.day, day.valid, day.operating, profile) for day in days]
        before = [_Hours(date.fromisoformat(day), valid, operating) for day, valid, operating in inputs["before"]]
        quarters = [] if inputs["period"] == Period.DAY else list(_quarters(before, judged, profile))
        value = settle(percent_of(valid, operating)) if operating else None
        flags = {"deviation"} if any(quarter["ended"] and quarter["meets"] is False for quarter in quarters) else set()
        return Figure(
            value=value,
            unit="%",
            quality=RecordQuality.MISSING if value is None else RecordQuality.GOOD,
            quantity="availability",
            coverage=value,
            measured=value,
            flags=tuple(sorted(flags | (set() if operating else {"not_operating"}))),
            details={
                "point": inputs["point"]["point"],
                "valid_h": valid,
                "operating_h": operating,
                "profile": profile.id,
                "block_profile": block_profile(params.block_profile, BlockLength.HOUR).id,
                "days": [
                    {**day._asdict(), "percent": each.percent, "meets": each.meets, "reason": each.reason}
                    for day, each in zip(days, judged, strict=True)
                ],
                "quarters": quarters,
                **_pma([*before, *days], params),
            },
        )


class _Hours(NamedTuple):
    day: date
    valid: int
    operating: int


def _profile(params: AvailabilityParams) -> AvailabilityProfile:
    own = params.availability_profile
    if isinstance(own, str):
        return profile_of(own, AvailabilityProfile)
    return AvailabilityProfile(
        id=own.id, source=own.source, least_hours_percent=own.least_hours_percent, least_days_percent=own.least_days_percent
    )


async def _gather_before(sources: Sources, asked: Asked, params: AvailabilityParams) -> list[list[Any]]:
    """Reads the days before a month: of its quarter, and of three years where the PMA is wanted."""
    if asked.item.period is not Period.MONTH:
        return []
    local = asked.start.astimezone(asked.zone)
    month = local.month - (local.month - 1) % _QUARTER_MONTHS
    since = datetime(local.year, month, 1, tzinfo=asked.zone)
    if params.pma_profile is not None:
        since = datetime(local.year - LOOKED_BACK_YEARS, local.month, 1, tzinfo=asked.zone)
    rows = await records_before(sources, asked, since)
    return [[each["day"], each["valid"], each["operating"]] for row in rows for each in row.envelope["details"].get("days", ())]


def _hours_of(inputs: Mapping[str, Any], params: AvailabilityParams) -> Iterator[_Hours]:
    """Counts the hours of each day."""
    quarters, profile = quarters_of(inputs["point"]), block_profile(params.block_profile, BlockLength.HOUR)
    days = days_of(inputs["days"])
    states = maintained_too(states_of(inputs, params.state, days[0].start, len(quarters)), inputs["point"], days[0].start)
    for day, spans in spans_of(days):
        standings = [judge(quarters[span.quarters], states[span.quarters], profile).standing for span in spans]
        operating = len(standings) - standings.count(Standing.NOT_OPERATING)
        yield _Hours(day.day, standings.count(Standing.VALID), operating)


def _quarters(
    before: Iterable[_Hours], judged: Sequence[DayAvailability], profile: AvailabilityProfile
) -> Iterator[dict[str, Any]]:
    """Judges each calendar quarter the record has days of, as far as it is known."""
    earlier = [judge_day_availability(day.day, day.valid, day.operating, profile) for day in before]
    own = {_quarter(day.day) for day in judged}
    for quarter, days in groupby([*earlier, *judged], key=lambda day: _quarter(day.day)):
        known = list(days)
        if quarter in own:
            told = judge_quarter_availability(known, profile)
            yield {
                "quarter": f"{quarter[0]}-Q{quarter[1] + 1}",
                "since": known[0].day,
                "until": known[-1].day,
                "ended": _quarter(known[-1].day + timedelta(days=1)) != quarter,
                "operating_days": told.operating_days,
                "met": told.days_met,
                "percent": told.percent,
                "meets": told.meets,
                "reason": told.reason,
            }


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // _QUARTER_MONTHS


def _pma(days: Sequence[_Hours], params: AvailabilityParams) -> dict[str, Decimal | int | None]:
    """Gives the PMA of the latest whole days that fit into the window."""
    if params.pma_profile is None:
        return {}
    profile = profile_of(params.pma_profile, LadderProfile)
    valid = operating = 0
    for day in reversed(days):
        if operating + day.operating > profile.availability_window_h:
            break
        valid, operating = valid + day.valid, operating + day.operating
    try:
        percent: Decimal | None = monitor_availability(valid, operating, profile)
    except CannotComputeError:
        percent = None
    return {"pma_percent": percent, "pma_valid_h": valid, "pma_operating_h": operating}
