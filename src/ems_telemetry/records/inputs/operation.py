"""In which state a unit was, quarter by quarter of an hour: from a point that tells it by numbers, from what people stated.

What people state is true to the minute. A point tells a quarter as a whole: kept of it are the least and the greatest number.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, Self, TypeAlias

from pydantic import Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.inputs.conditions import MINUTES, QUARTER, Segment, by_minute, by_quarter, cut, stated_of
from ems_telemetry.records.inputs.quarters import extremes_of, gather_extremes
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.statements import gather_stated
from ems_telemetry.records.parameters import Params, unsaid
from ems_telemetry.records.registers.operations import OperatingState
from ems_telemetry.records.registers.register import Number, Word


class Operation(StrEnum):
    """What a unit did. The first that any part of a quarter was in is that of the quarter."""

    MAINTENANCE = "maintenance"
    """The instrument was tested, calibrated or maintained: what it showed does not count."""
    STARTUP = "startup"
    SHUTDOWN = "shutdown"
    UNKNOWN = "unknown"
    """The state was not told; as if the unit ran."""
    RUNNING = "running"
    OFF = "off"
    """Only where the unit was off all the quarter."""


Shown: TypeAlias = Annotated[Number | Word, Field(union_mode="left_to_right")]
"""A number that a point shows, or its word for it in `states` of the connector's file."""
_NAMED: Final = (Operation.STARTUP, Operation.SHUTDOWN, Operation.MAINTENANCE, Operation.OFF)
_ORDER: Final = tuple(Operation)
ALL_MINUTES: Final = (1 << MINUTES) - 1


class QuarterState(NamedTuple):
    """How a quarter of an hour was operated; minutes are bits, the first one the lowest."""

    state: Operation
    ran: int
    """The minutes in which the unit was not off."""
    maintained: int
    """The minutes in which the instrument was tested, calibrated or maintained."""


WHOLE: Final[Mapping[Operation, QuarterState]] = MappingProxyType(
    {
        each: QuarterState(
            each,
            0 if each is Operation.OFF else ALL_MINUTES,
            ALL_MINUTES if each is Operation.MAINTENANCE else 0,
        )
        for each in Operation
    }
)
"""A quarter that was in one state all along."""
ROUTINE: Final = WHOLE[Operation.RUNNING]


class StatedStates(Params):
    """The register of operating states: which entries count, and what each means. Where nothing is stated the unit runs."""

    equipment: list[Word] = Field(
        default=[], max_length=50, description="Which units count, beside the whole site; none: the whole site alone."
    )
    startup: list[OperatingState] = Field(default=[OperatingState.START_UP])
    shutdown: list[OperatingState] = Field(default=[OperatingState.SHUT_DOWN])
    off: list[OperatingState] = Field(default=[OperatingState.OFF])
    overrides: bool = Field(
        default=False,
        description="What is stated goes before what the point tells; without, it counts where the point tells nothing.",
    )

    @model_validator(mode="after")
    def _one_meaning_each(self) -> Self:
        named = [*self.startup, *self.shutdown, *self.off]
        if len(set(named)) < len(named):
            raise ValueError("give each stated state one meaning")
        return self

    def meaning_of(self, states: Sequence[OperatingState]) -> str:
        """Tells what states that were stated at one time mean; "" where none was."""
        for operation in (Operation.STARTUP, Operation.SHUTDOWN, Operation.OFF):
            if any(state in getattr(self, operation.value) for state in states):
                return operation
        return Operation.RUNNING if states else ""


class StatePoint(Params):
    """What tells the state of the unit: a point, what people stated, or both. A number that is not named means that it runs."""

    point: Word | None = None
    startup: list[Shown] = Field(default=[], max_length=20)
    shutdown: list[Shown] = Field(default=[], max_length=20)
    maintenance: list[Shown] = Field(default=[], max_length=20)
    off: list[Shown] = Field(default=[], max_length=20)
    excluded: list[Operation] = Field(
        default=[Operation.STARTUP, Operation.SHUTDOWN],
        description="States whose blocks are listed and do not go into the mean; default, the permit decides.",
    )
    by_register: StatedStates | None = Field(default=None, exclude_if=unsaid, description="What people stated of the unit.")

    @model_validator(mode="after")
    def _one_meaning_each(self) -> Self:
        named = [*self.startup, *self.shutdown, *self.maintenance, *self.off]
        if self.point is None:
            if self.by_register is None or named:
                raise ValueError("name the `point` that tells the states, or say `by_register`")
        elif not named or len(set(named)) < len(named):
            raise ValueError("name the number of one state or more, each number once")
        return self

    def meaning_of(self, number: Decimal) -> Operation:
        """Tells which state a number stands for."""
        for state in _NAMED:
            if number in getattr(self, state.value):
                return state
        return Operation.RUNNING

    def in_numbers(self, states: Mapping[str, float]) -> "StatePoint":
        """Gives it with numbers for all words.

        Args:
            states: the numbers of the point's words.

        Raises:
            CannotComputeError: the point has no such word, or two words for one number.
        """
        known = {word: Decimal(repr(number)) for word, number in states.items()}
        told = {state.value: [self._number(each, known) for each in getattr(self, state.value)] for state in _NAMED}
        numbers = [number for each in told.values() for number in each]
        if len(set(numbers)) < len(numbers):
            raise CannotComputeError(f"two states of {self.point} have one number; name each number once")
        return self.model_copy(update=told)

    def _number(self, shown: Decimal | str, known: Mapping[str, Decimal]) -> Decimal:
        if isinstance(shown, Decimal):
            return shown
        if shown not in known:
            words = ", ".join(known) or "none; name the number it shows"
            raise CannotComputeError(f'{self.point} has no state "{shown}"; its words are {words}')
        return known[shown]


async def gather_state(
    sources: Sources, words: StatePoint | None, site: str, start: datetime, end: datetime
) -> tuple[StatePoint | None, dict[str, Any]]:
    """Reads what tells the state of a unit.

    Returns:
        What was asked for with numbers in the place of words, and inputs of `states_of`.

    Raises:
        CannotComputeError: a word is not known, or came to mean another number within the period.
    """
    if words is None:
        return None, {"state": None}
    inputs: dict[str, Any] = {"state": None}
    if words.point is not None:
        words, inputs["state"] = await _gather_point(sources, words, words.point, start, end)
    if words.by_register is not None:
        inputs["stated"] = await gather_stated(sources, site, start, end, words.by_register.equipment)
    return words, inputs


async def _gather_point(
    sources: Sources, words: StatePoint, key: str, start: datetime, end: datetime
) -> tuple[StatePoint, list[list[Decimal | None]]]:
    point = await sources.point(key)
    meanings = [_states_of(row.definition) for row in await sources.meanings(point, start, end)]
    if any(meaning != meanings[0] for meaning in meanings):
        raise CannotComputeError(f"the states of {point.key} came to mean other numbers within the period; name the numbers")
    numbered = words.in_numbers(meanings[0] if meanings else {})
    return numbered, await gather_extremes(sources, point, start, end)


def _states_of(definition: Mapping[str, object]) -> Mapping[str, float]:
    states = definition.get("states")
    return {str(word): float(number) for word, number in states.items()} if isinstance(states, Mapping) else {}


def states_of(inputs: Mapping[str, Any], words: StatePoint | None, start: datetime, count: int) -> list[QuarterState]:
    """Tells the state of each quarter from what `gather_state` gave.

    Args:
        inputs: with `state`, and `stated` where people stated it.
        words: what tells it; None: the unit ran all the time.
        start: when the first quarter begins.
        count: how many quarters there are.
    """
    if words is None:
        return [ROUTINE] * count
    told = None if words.point is None else operations_of(words, extremes_of(inputs["state"]))
    if words.by_register is None:
        return [WHOLE[each] for each in told or ()]
    segments = cut(stated_of(inputs["stated"]), start, start + count * QUARTER, words.by_register.meaning_of)
    stated = by_quarter(segments, start, count)
    known = [None] * count if told is None else told
    overrides = words.by_register.overrides
    return [
        _joined(segments, start + place * QUARTER, base, overrides=overrides)
        for place, (base, segments) in enumerate(zip(known, stated, strict=True))
    ]


def _joined(segments: Sequence[Segment], start: datetime, told: Operation | None, *, overrides: bool) -> QuarterState:
    """Puts together what a point told of a quarter and what was stated of parts of it."""
    if told is not None and told is not Operation.UNKNOWN and not overrides:
        return WHOLE[told]
    base = told or Operation.RUNNING
    if len(segments) == 1:
        return WHOLE[_meant(segments[0].condition, base)]
    minutes = [_first(_meant(each, base) for each in conditions) for conditions in by_minute(segments, start)]
    return QuarterState(
        _first(minutes),
        mask_of(place for place, each in enumerate(minutes) if each is not Operation.OFF),
        mask_of(place for place, each in enumerate(minutes) if each is Operation.MAINTENANCE),
    )


def _meant(condition: str, base: Operation) -> Operation:
    return Operation(condition) if condition else base


def mask_of(minutes: Iterable[int]) -> int:
    """Gives minutes of a quarter as bits."""
    mask = 0
    for minute in minutes:
        mask |= 1 << minute
    return mask


def minutes_of(mask: int) -> list[int]:
    """Gives the minutes that bits stand for, in their order."""
    return [minute for minute in range(MINUTES) if mask >> minute & 1]


def place_measured(count: int, counted: int) -> list[int]:
    """Places the minutes of a quarter that were measured, for where they lie is not known: in those that count first.

    Args:
        count: how many were measured.
        counted: the minutes that count, as bits.
    """
    return sorted([*minutes_of(counted), *minutes_of(ALL_MINUTES & ~counted)][:count])


def operations_of(words: StatePoint, extremes: Iterable[Sequence[Decimal | None]]) -> list[Operation]:
    """Tells the state of each quarter by a point.

    A quarter in which the state changed was in all states it shows, and in those of the quarter before.

    Args:
        words: which number means what.
        extremes: mean, least and greatest value of adjacent quarters.
    """
    states: list[Operation] = []
    seen: frozenset[Decimal] = frozenset()
    for mean, least, greatest in extremes:
        if mean is None:
            states.append(Operation.UNKNOWN)
            seen = frozenset()
            continue
        shown = frozenset(each for each in (least, greatest) if each is not None) or frozenset({mean})
        seen = shown if shown == {mean} else shown | seen
        states.append(_first(words.meaning_of(each) for each in seen))
    return states


def block_state(states: Sequence[QuarterState], excluded: Collection[Operation] = ()) -> Operation:
    """Tells the state of a block from those of its quarters: an excluded one of the unit before that of the instrument."""
    state = _first(each.state for each in states)
    if state not in excluded and any(each.maintained & each.ran for each in states):
        return Operation.MAINTENANCE
    return state


def _first(states: Iterable[Operation]) -> Operation:
    return min(states, key=_ORDER.index)
