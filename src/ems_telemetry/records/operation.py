"""In which state a unit was, quarter by quarter of an hour, from a point that tells it by numbers."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

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


class StatePoint(Params):
    """A point that tells the state of the unit. A number that is not named means that it runs."""

    point: Word
    startup: list[Number] = Field(default=[], max_length=20)
    shutdown: list[Number] = Field(default=[], max_length=20)
    maintenance: list[Number] = Field(default=[], max_length=20)
    off: list[Number] = Field(default=[], max_length=20)
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
        for state in (Operation.STARTUP, Operation.SHUTDOWN, Operation.MAINTENANCE, Operation.OFF):
            if number in getattr(self, state.value):
                return state
        return Operation.RUNNING


def operations_of(
    words: StatePoint, extremes: Sequence[tuple[Decimal | None, Decimal | None, Decimal | None]]
) -> list[Operation]:
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
