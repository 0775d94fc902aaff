"""In which state a unit was, quarter by quarter of an hour, from a point that tells it by numbers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Self, TypeAlias

from pydantic import Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.inputs.quarters import gather_extremes
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.parameters import Params
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


class StatePoint(Params):
    """A point that tells the state of the unit. A number that is not named means that it runs."""

    point: Word
    startup: list[Shown] = Field(default=[], max_length=20)
    shutdown: list[Shown] = Field(default=[], max_length=20)
    maintenance: list[Shown] = Field(default=[], max_length=20)
    off: list[Shown] = Field(default=[], max_length=20)
    excluded: list[Operation] = Field(
        default=[Operation.STARTUP, Operation.SHUTDOWN],
        description="States whose blocks are listed and do not go into the mean; default, the permit decides.",
    )

    @model_validator(mode="after")
    def _one_meaning_each(self) -> Self:
        named = [*self.startup, *self.shutdown, *self.maintenance, *self.off]
        if not named or len(set(named)) < len(named):
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
    sources: Sources, words: StatePoint, start: datetime, end: datetime
) -> tuple[StatePoint, list[list[Decimal | None]]]:
    """Reads the quarters of a point of states, and what its words meant.

    Raises:
        CannotComputeError: a word is not known, or came to mean another number within the period.
    """
    point = await sources.point(words.point)
    meanings = [_states_of(row.definition) for row in await sources.meanings(point, start, end)]
    if any(meaning != meanings[0] for meaning in meanings):
        raise CannotComputeError(f"the states of {point.key} came to mean other numbers within the period; name the numbers")
    numbered = words.in_numbers(meanings[0] if meanings else {})
    return numbered, await gather_extremes(sources, point, start, end)


def _states_of(definition: Mapping[str, object]) -> Mapping[str, float]:
    states = definition.get("states")
    return {str(word): float(number) for word, number in states.items()} if isinstance(states, Mapping) else {}


def operations_of(words: StatePoint, extremes: Iterable[Sequence[Decimal | None]]) -> list[Operation]:
    """Tells the state of each quarter.

    A quarter in which the state changed was in all states it shows, and in those of the quarter before.

    Args:
        words: which number means what.
        extremes: mean, least and greatest value of adjacent quarters.
    """
    order = list(Operation)
    states: list[Operation] = []
    seen: frozenset[Decimal] = frozenset()
    for mean, least, greatest in extremes:
        if mean is None:
            states.append(Operation.UNKNOWN)
            seen = frozenset()
            continue
        shown = frozenset(each for each in (least, greatest) if each is not None) or frozenset({mean})
        seen = shown if shown == {mean} else shown | seen
        states.append(min((words.meaning_of(each) for each in seen), key=order.index))
    return states


def block_state(states: Sequence[Operation]) -> Operation:
    """Tells the state of a block from those of its quarters."""
    return min(states, key=list(Operation).index)
