"""Hours, half-hours and days of what was measured: which count by the profiles of a limit, and what they come to.

A block is a whole number of quarters from local midnight on. A block in which the limit does not apply is judged by itself.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.records.averages.blocks import Span, counts_off, days_of, spans_of
from ems_telemetry.records.compliance.series import Quarter, kept_of
from ems_telemetry.records.compliance.states import Applies, Course, State, States
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.operation import ALL_MINUTES, minutes_of, place_measured
from ems_telemetry.records.registers.limit_profiles import block_profile, day_profile
from ems_telemetry.records.registers.obligations import LimitBody
from ems_telemetry.rules.arithmetic import ZERO, exactly, mean
from ems_telemetry.rules.averages import long_mean
from ems_telemetry.rules.concentrations import validate_average
from ems_telemetry.rules.days import judge_day
from ems_telemetry.rules.given import Point
from ems_telemetry.rules.profiles import DayProfile, LongMeanProfile, QuadrantProfile, ShareProfile
from ems_telemetry.rules.validity import Block, Standing, judge_block

MINUTE: Final = timedelta(minutes=1)
QUARTER_MIN: Final = 15
ELV: Final = "elv"
_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Judged(NamedTuple):
    """An hour, half-hour or day: whether it is valid, its value if it is, and the state of operation."""

    start: datetime
    end: datetime
    day: date
    standing: Standing
    value: Decimal | None
    state: State

    @property
    def counts(self) -> bool:
        """Tells whether the limit applies to it."""
        return self.state.applies is Applies.YES


def blocks_of(quarters: Sequence[Quarter], body: LimitBody, zone: ZoneInfo) -> list[Judged]:
    """Judges the hours or half-hours of whole local days; less the confidence interval where the limit has one (CR-25).

    Raises:
        CannotComputeError: the limit names no profile for them.
    """
    profile, states = block_profile(body.block_validity), States(body)
    if profile is None:
        return []
    length, blocks = profile.minutes // QUARTER_MIN, []
    for day, of_day in groupby(quarters, key=lambda each: each.start.astimezone(zone).date()):
        known = list(of_day)
        blocks += [_judge(known[place : place + length], day, profile, states) for place in range(0, len(known), length)]
    return [_less_confidence(each, body) for each in blocks]


def told_blocks(series: Mapping[str, Any], body: LimitBody) -> list[Judged]:
    """Reads the hours or half-hours that an item of the plan made; one that is not told is not valid."""
    told = {datetime.fromisoformat(each[0]): each[1:] for each in series["blocks"]}
    nothing = (Standing.INVALID, False, None, None)
    return [
        _less_confidence(_told(day.day, span, told.get(span.start, nothing)), body)
        for day, spans in spans_of(days_of(series["days"]))
        for span in spans
    ]


def _told(day: date, span: Span, told: Sequence[Any]) -> Judged:
    standing, counts, state, normalised = told
    applies = Applies.YES
    if standing == Standing.NOT_OPERATING:
        applies = Applies.OFF
    elif standing == Standing.VALID and not counts:
        applies = Applies.EXCLUDED
    return Judged(span.start, span.end, day, Standing(standing), decimal_of(normalised), State(state, applies))


def _judge(quarters: Sequence[Quarter], day: date, profile: QuadrantProfile | ShareProfile, states: States) -> Judged:
    courses = [course_of(each, states) for each in quarters]
    state = states.joined(each.state for each in courses)
    start, end = quarters[0].start, quarters[-1].end
    if not any(each.ran for each in courses):
        return Judged(start, end, day, Standing.NOT_OPERATING, None, state)
    kept = [kept_of(each, profile) for each in courses]
    minutes = tuple(_minutes(quarter, mask, course) for quarter, mask, course in zip(quarters, kept, courses, strict=True))
    counted = [
        quarter for quarter, mask, course in zip(quarters, kept, courses, strict=True)
        if quarter.is_measured and mask and not _is_mixed(quarter, mask, course)
    ]  # fmt: skip
    masks = tuple((each.ran, each.maintained) for each in courses)
    standing = _standing(minutes, masks, profile)
    value = weighted(counted) if standing is Standing.VALID else None
    return Judged(start, end, day, standing, value, state)


def course_of(quarter: Quarter, states: States) -> Course:
    """Tells how a quarter was operated."""
    return states.course(quarter.codes, quarter.stated, quarter.maintained)


def _minutes(quarter: Quarter, kept: int, course: Course) -> int:
    """Gives the whole minutes of a quarter that were measured, none where they cannot be told from those of maintenance."""
    return 0 if not quarter.is_measured or _is_mixed(quarter, kept, course) else int(quarter.covered_s // 60)


def _is_mixed(quarter: Quarter, kept: int, course: Course) -> bool:
    """Tells whether a quarter was maintained for a part, and measured for longer than the rest."""
    is_part = 0 < course.maintained < ALL_MINUTES and not quarter.corrected
    return is_part and bool(kept) and quarter.covered_s // 60 > kept.bit_count()


@lru_cache(maxsize=10_000)
def _standing(
    measured: tuple[int, ...], masks: tuple[tuple[int, int], ...], profile: QuadrantProfile | ShareProfile
) -> Standing:
    """Judges a block by the minutes of each quarter that were measured, operated and maintained.

    Nothing else decides, so that the blocks of a year are judged by the few kinds that there are.
    """
    off = counts_off(profile)
    points = [
        Point(_SOME_TIME + (place * QUARTER_MIN + minute) * MINUTE, ZERO)
        for place, (minutes, (ran, maintained)) in enumerate(zip(measured, masks, strict=True))
        for minute in place_measured(minutes, (ALL_MINUTES if off else ran) & ~maintained)
    ]
    ran_all, maintained_all = (
        frozenset(place * QUARTER_MIN + minute for place, mask in enumerate(each) for minute in minutes_of(mask))
        for each in zip(*masks, strict=True)
    )
    block = Block(_SOME_TIME, points, len(measured) * QUARTER_MIN, ran_all, maintained_all)
    return judge_block(block, profile).standing


@exactly
def weighted(quarters: Sequence[Quarter]) -> Decimal:
    """Gives the mean over the time that was measured of quarters of which some was."""
    covered = sum((each.covered_s for each in quarters), ZERO)
    return sum(((each.value or ZERO) * each.covered_s for each in quarters), ZERO) / covered


def _less_confidence(block: Judged, body: LimitBody) -> Judged:
    daily = body.values.get(ELV, body.value)
    if body.ci_percent is None or block.value is None or daily is None:
        return block
    return block._replace(value=validate_average(block.value, body.ci_percent, daily).validated)


def days_of_blocks(blocks: Sequence[Judged], body: LimitBody, judged: Mapping[date, Standing] | None = None) -> list[Judged]:
    """Judges days by their hours or half-hours; the value is the mean of the valid ones in which the limit applies.

    Args:
        blocks: in the order of time.
        body: by which profile; without one as they were `judged` already, if they were.
        judged: by whom made the blocks.
    """
    known_days = judged if judged and body.day_validity is None else {}
    days = []
    for day, of_day in groupby(blocks, key=lambda each: each.day):
        known = list(of_day)
        counted = [each for each in known if each.counts and each.standing is not Standing.NOT_OPERATING]
        values = [each.value for each in counted if each.value is not None]
        standing = known_days.get(day) or day_standing(day, known, body)
        value = mean(values) if standing is Standing.VALID and values else None
        state = States.joined(each.state for each in known)
        days.append(Judged(known[0].start, known[-1].end, day, standing, value, state))
    return days


def day_standing(day: date, blocks: Sequence[Judged], body: LimitBody) -> Standing:
    """Judges one day; without a profile it is valid if any of its blocks is."""
    told, profile = told_of(blocks), day_profile(body.day_validity)
    if isinstance(profile, DayProfile):
        return judge_day(day, told, len(told), profile).standing
    if isinstance(profile, LongMeanProfile) and Standing.VALID in told:
        valid = [each.value for each in blocks if each.counts and each.value is not None]
        return Standing.INVALID if long_mean(valid, len(told), profile).value is None else Standing.VALID
    if Standing.VALID in told:
        return Standing.VALID
    return Standing.INVALID if Standing.INVALID in told else Standing.NOT_OPERATING


def told_of(blocks: Sequence[Judged]) -> list[Standing]:
    """Tells what became of blocks; nothing is due where the limit does not apply."""
    return [each.standing if each.counts else Standing.NOT_OPERATING for each in blocks]


def days_of_totals(quarters: Sequence[Quarter], body: LimitBody, zone: ZoneInfo) -> list[Judged]:
    """Adds up the days of a counter; one with a part missing is invalid."""
    states, days = States(body), []
    for day, of_day in groupby(quarters, key=lambda each: each.start.astimezone(zone).date()):
        known = list(of_day)
        value = total_of_quarters(known)
        state = states.joined(course_of(each, states).state for each in known)
        standing = Standing.INVALID if value is None else Standing.VALID
        if state.applies is Applies.OFF:
            standing = Standing.NOT_OPERATING
        days.append(Judged(known[0].start, known[-1].end, day, standing, value, state))
    return days


@exactly
def total_of_quarters(quarters: Sequence[Quarter]) -> Decimal | None:
    """Adds quarters up; None where one is missing."""
    values = [each.value for each in quarters if each.value is not None]
    return sum(values, ZERO) if len(values) == len(quarters) else None
