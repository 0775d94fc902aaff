"""Substitutes by rule for what is missing of a gauge: which stretches there are, and what the rule of a regime puts there.

What is computed here is proposed and holds for nothing until a second person approves it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.blocks import BlockLength, block_profile, counts_off, days_between, judge, spans_of
from ems_telemetry.records.inputs.measuring import Wanted, gather_measured, maintained_too
from ems_telemetry.records.inputs.operation import StatePoint, gather_state, states_of
from ems_telemetry.records.inputs.quarters import Quarter, quarters_of
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.parameters import Params, unsaid
from ems_telemetry.records.registers.register import Number, Word
from ems_telemetry.rules.availability import monitor_availability
from ems_telemetry.rules.given import Point
from ems_telemetry.rules.profiles import DeviationProfile, LadderProfile, NeighbourProfile, profile_of
from ems_telemetry.rules.substitution import (
    Gap,
    Substitute,
    outages,
    substitute_by_deviation,
    substitute_by_ladder,
    substitute_by_neighbours,
)
from ems_telemetry.rules.validity import Standing
from ems_telemetry.storage.point_facts import PointFacts

_QUARTER: Final = timedelta(minutes=15)
_YEAR: Final = timedelta(days=366)
_YEARS_BACK: Final = 3
"""So long back operating hours count (40 CFR 75.33)."""
LONGEST: Final = timedelta(days=92)
"""Of what is filled at once."""


class FillMethod(StrEnum):
    """By which rule a gap is filled."""

    MRR45 = "mrr45@1"
    PART75_SO2 = "part75_so2@1"
    PART98_PROPERTY = "part98_property@1"


class Prescribed(NamedTuple):
    """What is known of every value that a rule puts in: the profile it goes by, its source, its flag, and its caution."""

    rule: str
    source: str
    flag: str
    conservative: bool
    """Whether it is meant to be too high rather than too low."""


PRESCRIBED: Final[Mapping[str, Prescribed]] = {
    method: Prescribed(profile.id, profile.source, f"substituted:{profile.flag}", conservative)
    for method, profile, conservative in (
        (FillMethod.MRR45, profile_of("eu_mrr45@1", DeviationProfile), True),
        (FillMethod.PART75_SO2, profile_of("us_part75_so2@1", LadderProfile), True),
        (FillMethod.PART98_PROPERTY, profile_of("us_part98_property@1", NeighbourProfile), False),
    )
}
_HOURS: Final[Mapping[FillMethod, str]] = {
    FillMethod.MRR45: "eu_ets_hour@1",
    FillMethod.PART75_SO2: "us_hour@1",
    FillMethod.PART98_PROPERTY: "eu_ets_hour@1",
}


class FillParams(Params):
    """What a rule needs to know beside what was measured."""

    hour_profile: Word | None = Field(
        default=None, description="When an hour is valid; `eu_ets_hour@1`, of `part75_so2@1` `us_hour@1`, if not said."
    )
    state: StatePoint | None = Field(default=None, description="Tells when the unit ran; without it, all the time.")
    instrument_maintenance: bool = Field(
        default=False, exclude_if=unsaid, description="Let tests and maintenance of the instrument count as such (CR-12)."
    )
    period_from: AwareDatetime | None = Field(
        default=None, description="`mrr45@1`: the reporting period; the calendar year of the gap if not said."
    )
    period_to: AwareDatetime | None = None
    maximum_potential: Number | None = Field(
        default=None, ge=0, description="`part75_so2@1`: the greatest value there can be, in the unit of the point."
    )
    availability_percent: Number | None = Field(
        default=None, ge=0, le=100, description="`part75_so2@1`: of the monitor, where it is known from elsewhere."
    )


class Proposal(NamedTuple):
    """What a rule puts in a stretch of missing quarters `[start, end)`."""

    start: datetime
    end: datetime
    substitute: Substitute

    @property
    def value(self) -> Decimal:
        """Gives the value with as many decimals as an entry may have."""
        return round(self.substitute.value, 20)


class Hour(NamedTuple):
    """An hour as it was judged, with its mean if it is valid."""

    start: datetime
    end: datetime
    standing: Standing
    mean: Decimal | None


class Course(NamedTuple):
    """A point over some days: its quarters from `start` on, and its hours."""

    start: datetime
    quarters: Sequence[Quarter]
    hours: Sequence[Hour]

    def missing(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Gives the stretches within a span that are missing and not yet filled, of hours that are not valid.

        Raises:
            CannotComputeError: nothing is to be filled.
        """
        invalid = {
            hour.start + place * _QUARTER
            for hour in self.hours
            if hour.standing is Standing.INVALID
            for place in range((hour.end - hour.start) // _QUARTER)
        }
        within = [(self.start + place * _QUARTER, quarter) for place, quarter in enumerate(self.quarters)]
        within = [(at, quarter) for at, quarter in within if start <= at < end]
        empty = [at for at, quarter in within if quarter.value is None and quarter.substitute is None and at in invalid]
        if not empty:
            raise CannotComputeError(self._why_nothing([quarter for _, quarter in within]))
        by_stretch = groupby(enumerate(empty), key=lambda each: each[1] - each[0] * _QUARTER)
        stretches = [[at for _, at in group] for _, group in by_stretch]
        return [(each[0], each[-1] + _QUARTER) for each in stretches]

    @staticmethod
    def _why_nothing(within: Sequence[Quarter]) -> str:
        if any(quarter.substitute is not None for quarter in within):
            return "what is missing there is substituted already; declare that void first"
        if all(quarter.value is not None for quarter in within):
            return "something was measured in all of it; nothing is to be substituted"
        return "the hours of what is missing there are valid, or the unit did not run; nothing is to be substituted"


async def propose(  # a gap, a rule, and what it needs
    sources: Sources, point: PointFacts, start: datetime, end: datetime, method: FillMethod, params: FillParams
) -> list[Proposal]:
    """Computes what a rule puts in each missing stretch of a point within `[start, end)`.

    Raises:
        CannotComputeError: nothing is missing there, or the rule lacks what it needs.
    """
    if point.kind != "gauge":
        raise CannotComputeError(f"{point.key} is a {point.kind}; these rules are for concentrations and properties, of gauges")
    if end - start > LONGEST:
        raise CannotComputeError(f"the span is longer than {LONGEST.days} days; ask for a part of it")
    since, until = _reach(point, start, end, method, params)
    course = await _read(sources, point, since, min(until, max(end, sources.now)), method, params)
    if sources.waits_for:
        raise CannotComputeError(f"intervals of {', '.join(sources.waits_for)} are still to be computed; ask again then")
    stretches = course.missing(start, end)
    return [
        Proposal(left, right, fill(course, left, right, method, params, ZoneInfo(point.timezone))) for left, right in stretches
    ]


def _reach(
    point: PointFacts, start: datetime, end: datetime, method: FillMethod, params: FillParams
) -> tuple[datetime, datetime]:
    """Tells from when to when a rule looks."""
    zone = ZoneInfo(point.timezone)
    if method is FillMethod.MRR45:
        year = start.astimezone(zone).year
        since = params.period_from or datetime(year, 1, 1, tzinfo=zone)
        until = params.period_to or datetime(year + 1, 1, 1, tzinfo=zone)
        if not since <= start < end <= until:
            raise CannotComputeError("the gap does not lie within the reporting period; say period_from and period_to")
        return since, until
    years = _YEARS_BACK if method is FillMethod.PART75_SO2 and params.state is not None else 1
    since = start - years * _YEAR
    return since if point.first is None else max(since, min(point.first, start)), end + LONGEST


async def _read(  # as `propose`
    sources: Sources, point: PointFacts, since: datetime, until: datetime, method: FillMethod, params: FillParams
) -> Course:
    days = days_between(since, until, BlockLength.HOUR, ZoneInfo(point.timezone))
    start = days[0].start
    end = days[-1].start + sum(days[-1].blocks) * _QUARTER
    count = (end - start) // _QUARTER
    words, told = await gather_state(sources, params.state, point.site, start, end)
    states = states_of(told, words, start, count)
    profile = block_profile(params.hour_profile or _HOURS[method], BlockLength.HOUR)
    known, wanted = (_known_until(point, end) - start) // _QUARTER, Wanted(maintenance=params.instrument_maintenance)
    inputs = await gather_measured(sources, point, start, states[: max(1, known)], wanted, counts_off=counts_off(profile))
    quarters = quarters_of(inputs)
    quarters += [Quarter(None, Decimal(0))] * (count - len(quarters))
    states = maintained_too(states, inputs, start)
    hours = []
    for _, spans in spans_of(days):
        for span in spans:
            judged = judge(quarters[span.quarters], states[span.quarters], profile)
            hours.append(Hour(span.start, span.end, judged.standing, judged.mean))
    within = [hour for hour in hours if since <= hour.start < until]
    return Course(start, quarters, within)


def _known_until(point: PointFacts, end: datetime) -> datetime:
    """Tells up to where intervals are computed, to a quarter: what comes later is not missing yet."""
    return end if point.computed_to is None else min(end, point.computed_to)


def fill(  # a gap, a rule, and what it needs
    course: Course, start: datetime, end: datetime, method: FillMethod, params: FillParams, zone: ZoneInfo
) -> Substitute:
    """Computes what a rule puts in one missing stretch.

    Raises:
        CannotComputeError: the rule lacks what it needs.
    """
    if method is FillMethod.MRR45:
        return _by_deviation(course, start, zone)
    if method is FillMethod.PART75_SO2:
        return _by_ladder(course, start, end, params)
    profile = profile_of("us_part98_property@1", NeighbourProfile)
    measured = (
        Point(course.start + place * _QUARTER, quarter.value)
        for place, quarter in enumerate(course.quarters)
        if quarter.value is not None
    )
    return substitute_by_neighbours(start, measured, profile)


def _by_deviation(course: Course, start: datetime, zone: ZoneInfo) -> Substitute:
    profile = profile_of("eu_mrr45@1", DeviationProfile)
    found = substitute_by_deviation([hour.mean for hour in course.hours if hour.mean is not None], profile)
    out = [day for day, hours in _by_day(course.hours, zone) if _is_out(hours)]
    day = start.astimezone(zone).date()
    lasted = next((each for each in outages(out, profile) if each.first <= day <= each.last and each.notify_on), None)
    if lasted is None:
        return found
    told = f"out from {lasted.first} to {lasted.last}; {lasted.notify_on} is one day too many: tell the authority"
    return Substitute(found.value, found.method, found.flag, (*found.inputs, told))


def _by_day(hours: Sequence[Hour], zone: ZoneInfo) -> Iterator[tuple[date, list[Hour]]]:
    for day, group in groupby(hours, key=lambda hour: hour.start.astimezone(zone).date()):
        yield day, list(group)


def _is_out(hours: Sequence[Hour]) -> bool:
    standings = {hour.standing for hour in hours}
    return Standing.INVALID in standings and Standing.VALID not in standings


def _by_ladder(course: Course, start: datetime, end: datetime, params: FillParams) -> Substitute:
    """Looks at the operating hours alone: the gap is all invalid ones in a row around the stretch."""
    profile = profile_of("us_part75_so2@1", LadderProfile)
    hours = [hour for hour in course.hours if hour.standing is not Standing.NOT_OPERATING]
    first = next(place for place, hour in enumerate(hours) if hour.end > start)
    last = first
    while first > 0 and hours[first - 1].standing is Standing.INVALID:
        first -= 1
    while last + 1 < len(hours) and (hours[last + 1].start < end or hours[last + 1].standing is Standing.INVALID):
        last += 1
    before = [hour.mean for hour in hours[:first] if hour.mean is not None]
    after = next((hour.mean for hour in hours[last + 1 :] if hour.mean is not None), None)
    available, told = _availability(hours[: last + 1], params, profile)
    gap = Gap(
        last + 1 - first, before[-1] if before else None, after, before[-profile.latest_h :], available,
        params.maximum_potential,
    )  # fmt: skip
    found = substitute_by_ladder(gap, profile)
    return Substitute(found.value, found.method, found.flag, (told, *found.inputs))


def _availability(hours: Sequence[Hour], params: FillParams, profile: LadderProfile) -> tuple[Decimal, str]:
    if params.availability_percent is not None:
        return params.availability_percent, f"availability as stated: {params.availability_percent} %"
    window = hours[-profile.availability_window_h :]
    valid = sum(hour.standing is Standing.VALID for hour in window)
    return monitor_availability(valid, len(window), profile), f"{valid} valid hours of the last {len(window)} operating hours"
