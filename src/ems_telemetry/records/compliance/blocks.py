"""Hours, half-hours and days of what was measured: which count by the profiles of a limit, and what they come to.

A block is a whole number of quarters from local midnight on. A block in which the limit does not apply is judged by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.records.compliance.series import Quarter
from ems_telemetry.records.registers.limit_profiles import block_profile, day_profile
from ems_telemetry.records.registers.obligations import MOST_STATES, LimitBody
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


class Applies(StrEnum):
    """Whether a limit applies to a stretch of time."""

    YES = "yes"
    OFF = "off"
    """Nothing operates: nothing is due."""
    EXCLUDED = "excluded"
    """A state such as start-up: what exceeds is told and not counted."""


class State(NamedTuple):
    """The state of operation by its name, None where it is not known or changes, and whether the limit applies in it."""

    name: str | None
    applies: Applies


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


class States:
    """The states of operation as a limit names them."""

    def __init__(self, body: LimitBody) -> None:
        self._names: Mapping[int, str] = {code: name for name, codes in body.states.items() for code in codes}
        self._off = frozenset(body.off_states)
        self._excluded = frozenset(body.exclude_states)

    def of(self, quarter: Quarter) -> State:
        """Tells the state of a quarter. One that changes, or that nothing tells, excuses nothing."""
        if quarter.codes is None:
            return State(None, Applies.YES)
        least, greatest = quarter.codes
        if greatest - least > MOST_STATES:
            return State(None, Applies.YES)
        return self.joined([self._state(self._names.get(code)) for code in range(least, greatest + 1)])

    @staticmethod
    def joined(states: Iterable[State]) -> State:
        """Joins the states of adjacent stretches: the limit applies where it applies to any of them."""
        known = list(dict.fromkeys(states))
        if len(known) == 1:
            return known[0]
        if any(each.applies is Applies.YES for each in known):
            return State(None, Applies.YES)
        excluded = [each for each in known if each.applies is Applies.EXCLUDED]
        return excluded[0] if excluded else known[0]

    def _state(self, name: str | None) -> State:
        if name in self._off:
            return State(name, Applies.OFF)
        return State(name, Applies.EXCLUDED if name in self._excluded else Applies.YES)


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


def _judge(quarters: Sequence[Quarter], day: date, profile: QuadrantProfile | ShareProfile, states: States) -> Judged:
    told = [states.of(each) for each in quarters]
    state = states.joined(told)
    ran = [quarter for quarter, each in zip(quarters, told, strict=True) if each.applies is not Applies.OFF]
    start, end = quarters[0].start, quarters[-1].end
    if not ran:
        return Judged(start, end, day, Standing.NOT_OPERATING, None, state)
    of_operating = isinstance(profile, QuadrantProfile) or profile.of_operating_part
    counted = [each for each in (ran if of_operating else quarters) if each.is_measured]
    does_run = tuple(each.applies is not Applies.OFF for each in told)
    standing = _standing(tuple(_minutes(each) for each in quarters), does_run, profile)
    value = weighted(counted) if standing is Standing.VALID else None
    return Judged(start, end, day, standing, value, state)


def _minutes(quarter: Quarter) -> int:
    """Gives the whole minutes of a quarter that were measured."""
    return int(quarter.covered_s // 60) if quarter.is_measured else 0


@lru_cache(maxsize=10_000)
def _standing(measured: tuple[int, ...], ran: tuple[bool, ...], profile: QuadrantProfile | ShareProfile) -> Standing:
    """Judges a block by the minutes of each quarter that were measured, and by the quarters in which the unit ran.

    Nothing else decides, so that the blocks of a year are judged by the few kinds that there are.
    """
    points = [
        Point(_SOME_TIME + (place * QUARTER_MIN + minute) * MINUTE, ZERO)
        for place, minutes in enumerate(measured)
        for minute in range(minutes)
    ]
    operated = frozenset(
        place * QUARTER_MIN + minute for place, does_run in enumerate(ran) if does_run for minute in range(QUARTER_MIN)
    )
    return judge_block(Block(_SOME_TIME, points, len(measured) * QUARTER_MIN, operated), profile).standing


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


def days_of_blocks(blocks: Sequence[Judged], body: LimitBody) -> list[Judged]:
    """Judges days by their hours or half-hours; the value is the mean of the valid ones in which the limit applies."""
    days = []
    for day, of_day in groupby(blocks, key=lambda each: each.day):
        known = list(of_day)
        counted = [each for each in known if each.counts and each.standing is not Standing.NOT_OPERATING]
        values = [each.value for each in counted if each.value is not None]
        standing = day_standing(day, known, body)
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
        state = states.joined(states.of(each) for each in known)
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
