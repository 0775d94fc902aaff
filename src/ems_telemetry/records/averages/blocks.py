"""Hours, half-hours and quarters of an hour as permits average over them, put together of quarters and judged by a profile.

A minute counts as a valid point where all of it was measured. Where in its quarter it lies is not known; it is counted from the
beginning of the quarter on, first in the minutes that count.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic import Field, StringConstraints

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import QUARTER_US, Period, edges_of, microseconds, moment_of
from ems_telemetry.records.inputs.measuring import kept_minutes
from ems_telemetry.records.inputs.operation import ALL_MINUTES, QuarterState, minutes_of, place_measured
from ems_telemetry.records.inputs.quarters import Quarter
from ems_telemetry.records.parameters import Params
from ems_telemetry.records.registers.register import Number, Text
from ems_telemetry.rules.arithmetic import ZERO, exactly, settle
from ems_telemetry.rules.given import Point
from ems_telemetry.rules.profiles import DayProfile, QuadrantProfile, ShareProfile, profile_of
from ems_telemetry.rules.validity import Block, Standing, judge_block

QUARTER: Final = timedelta(minutes=15)
QUARTER_MIN: Final = 15
_ANY: Final = datetime(2000, 1, 1, tzinfo=UTC)
_PLACES: Final = 9
BlockProfile: TypeAlias = QuadrantProfile | ShareProfile


class BlockLength(StrEnum):
    """What a permit averages over."""

    HOUR = "1h"
    HALF_HOUR = "30min"
    QUARTER = "15m"

    @property
    def minutes(self) -> int:
        """Gives its length."""
        return {"1h": 60, "30min": 30, "15m": 15}[self.value]

    @property
    def quarters(self) -> int:
        """Gives how many quarters of an hour it has."""
        return self.minutes // QUARTER_MIN


ProfileId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*@[1-9][0-9]*$")]


class OwnBlockProfile(Params):
    """When a block is valid by a permit of its own."""

    id: ProfileId = Field(examples=["permit_12_2024@1"])
    source: Text
    least_share: Number = Field(gt=0, le=1, description="Of its points that must be valid.")
    of_operating_part: bool = False


class OwnDayProfile(Params):
    """When a day is valid by a permit of its own."""

    id: ProfileId
    source: Text
    most_lost: int = Field(ge=0, le=100)
    most_invalid_days: int = Field(ge=0, le=366)


def block_profile(chosen: str | OwnBlockProfile, length: BlockLength) -> BlockProfile:
    """Gives the profile of a block.

    Raises:
        CannotComputeError: there is none of that id, or it is for blocks of another length.
    """
    if isinstance(chosen, OwnBlockProfile):
        share = Fraction(chosen.least_share)
        return ShareProfile(
            id=chosen.id, source=chosen.source, minutes=length.minutes, least_share=share,
            of_operating_part=chosen.of_operating_part,
        )  # fmt: skip
    profile: BlockProfile = _known_block_profile(chosen)
    if profile.minutes != length.minutes:
        raise CannotComputeError(
            f"{profile.id} judges blocks of {profile.minutes} min, and these have {length.minutes}; choose another one"
        )
    return profile


def _known_block_profile(id_: str) -> BlockProfile:
    try:
        return profile_of(id_, ShareProfile)
    except CannotComputeError as error:
        try:
            return profile_of(id_, QuadrantProfile)
        except CannotComputeError:
            raise error from None


def day_profile(chosen: str | OwnDayProfile, length: BlockLength) -> DayProfile:
    """Gives the profile of a day.

    Raises:
        CannotComputeError: there is none of that id, or it counts blocks of another length.
    """
    if isinstance(chosen, OwnDayProfile):
        return DayProfile(
            id=chosen.id, source=chosen.source, block_minutes=length.minutes, most_lost=chosen.most_lost,
            most_invalid_days=chosen.most_invalid_days,
        )  # fmt: skip
    profile = profile_of(chosen, DayProfile)
    if profile.block_minutes != length.minutes:
        raise CannotComputeError(
            f"{profile.id} counts blocks of {profile.block_minutes} min, and these have {length.minutes}; choose another one"
        )
    return profile


class DayBlocks(NamedTuple):
    """A day by the clock of a place: when it begins, and how many quarters each of its blocks has."""

    day: date
    start: datetime
    blocks: Sequence[int]


def days_between(start: datetime, end: datetime, length: BlockLength, zone: tzinfo) -> list[DayBlocks]:
    """Cuts a period into the days of a place, from the one it begins in to the one it ends in, and these into blocks."""
    edges = edges_of(Period.DAY, microseconds(start), microseconds(end), zone)
    return [
        DayBlocks(moment_of(left).astimezone(zone).date(), moment_of(left), _cut(left, right, length, zone))
        for left, right in pairwise(edges)
    ]


def days_as_inputs(start: datetime, end: datetime, length: BlockLength, zone: tzinfo) -> list[dict[str, Any]]:
    """Cuts a period into days and blocks, as inputs of `days_of`.

    The cuts are kept with the inputs: rules about daylight saving change, and a figure must not.
    """
    return [day._asdict() for day in days_between(start, end, length, zone)]


def _cut(day_us: int, end_us: int, length: BlockLength, zone: tzinfo) -> list[int]:
    blocks: list[int] = []
    for left, right in pairwise(edges_of(Period.HOUR, day_us, end_us, zone)):
        quarters = (right - left) // QUARTER_US
        whole, rest = divmod(quarters, length.quarters)
        blocks.extend([length.quarters] * whole + ([rest] if rest else []))
    return blocks


def days_of(inputs: Sequence[Mapping[str, Any]]) -> list[DayBlocks]:
    """Reads days back from inputs."""
    return [
        DayBlocks(date.fromisoformat(each["day"]), datetime.fromisoformat(each["start"]), each["blocks"]) for each in inputs
    ]


class Span(NamedTuple):
    """A block: when it is, and which of the period's quarters it has."""

    start: datetime
    end: datetime
    quarters: slice


def spans_of(days: Sequence[DayBlocks]) -> Iterator[tuple[DayBlocks, list[Span]]]:
    """Gives each day with its blocks; quarters are counted from the beginning of the first day."""
    place = 0
    for day in days:
        spans, at = [], day.start
        for quarters in day.blocks:
            spans.append(Span(at, at + quarters * QUARTER, slice(place, place + quarters)))
            at, place = at + quarters * QUARTER, place + quarters
        yield day, spans


class Judged(NamedTuple):
    """What a block of one point says: its mean if it is valid, why it is or is not, and what stands in for it if it is not."""

    standing: Standing
    mean: Decimal | None
    reason: str
    substitute: Decimal | None
    is_uncertain: bool
    is_corrected: bool


@exactly
def judge(quarters: Sequence[Quarter], states: Sequence[QuarterState], profile: BlockProfile) -> Judged:
    """Judges a block of one point and takes its mean over the time that was measured.

    Args:
        quarters: of the block.
        states: of the unit and of the instrument in each.
        profile: what makes it valid.
    """
    off = counts_off(profile)
    kept = [kept_minutes(state, counts_off=off) for state in states]
    minutes = tuple(
        _counting_minutes(quarter, mask, state) for quarter, mask, state in zip(quarters, kept, states, strict=True)
    )
    standing, reason = standing_of(minutes, tuple(states), profile)
    counted = [quarter for quarter, length, mask in zip(quarters, minutes, kept, strict=True) if length and mask]
    return Judged(
        standing,
        _weighted(counted) if standing is Standing.VALID else None,
        reason,
        None if standing is not Standing.INVALID else _mean([each.substitute for each in quarters]),
        any(quarter.is_uncertain for quarter in counted),
        any(quarter.is_corrected for quarter in counted),
    )


@lru_cache(maxsize=4_096)
def standing_of(minutes: tuple[int, ...], states: tuple[QuarterState, ...], profile: BlockProfile) -> tuple[Standing, str]:
    """Judges a block by the valid minutes of its quarters and by the state of the unit in each."""
    length = QUARTER_MIN * len(minutes)
    if length != profile.minutes:
        return Standing.INVALID, f"the clocks changed within it: it has {length} min, and {profile.id} judges {profile.minutes}"
    off = counts_off(profile)
    points = [
        Point(_ANY + timedelta(minutes=QUARTER_MIN * place + minute), ZERO)
        for place, (count, state) in enumerate(zip(minutes, states, strict=True))
        for minute in place_measured(count, kept_minutes(state, counts_off=off))
    ]
    ran, maintained = (_minutes_in([getattr(state, which) for state in states]) for which in ("ran", "maintained"))
    judged = judge_block(Block(_ANY, points, length, ran, maintained), profile)
    return judged.standing, judged.reason


def _minutes_in(masks: Sequence[int]) -> frozenset[int]:
    return frozenset(QUARTER_MIN * place + minute for place, mask in enumerate(masks) for minute in minutes_of(mask))


def counts_off(profile: BlockProfile) -> bool:
    """Tells whether what was measured while the unit was off counts."""
    return isinstance(profile, ShareProfile) and not profile.of_operating_part


def _counting_minutes(quarter: Quarter, kept: int, state: QuarterState) -> int:
    """Counts the measured minutes of a quarter.

    Where it was maintained for a part, and measured for longer than the rest, the two cannot be told apart, and none counts.
    """
    minutes = _whole_minutes(quarter)
    is_mixed = 0 < state.maintained < ALL_MINUTES and kept and minutes > kept.bit_count()
    return 0 if is_mixed and not quarter.is_corrected else minutes


def _whole_minutes(quarter: Quarter) -> int:
    """Counts the minutes that were measured. Coverage is a double: a minute must not be lost to its last digit."""
    return 0 if quarter.value is None else int(round(quarter.coverage * QUARTER_MIN, _PLACES))


def _weighted(quarters: Sequence[Quarter]) -> Decimal:
    whole = sum((quarter.coverage for quarter in quarters), ZERO)
    return settle(sum(((quarter.value or ZERO) * quarter.coverage for quarter in quarters), ZERO) / whole)


def _mean(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return settle(sum(known, ZERO) / len(known)) if known else None
