"""In which state of operation each quarter of an hour was, as a limit names the states: by its point, the register, or both."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from ems_telemetry.records.inputs.operation import ALL_MINUTES, mask_of
from ems_telemetry.records.registers.obligations import MOST_STATES, LimitBody
from ems_telemetry.records.registers.operations import OperatingState

Codes = tuple[int, int] | None
"""The least and greatest number that a state point showed in a quarter; None where it told nothing."""
Stated = Sequence[Sequence[str]]
"""What people stated of each minute of a quarter, "" where nothing; or once, of the whole quarter; none without a register."""


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


class Course(NamedTuple):
    """A quarter of an hour: its state, and as bits the minutes in which something operated, and those of maintenance."""

    state: State
    ran: int
    maintained: int = 0


class States:
    """The states of operation as a limit names them."""

    def __init__(self, body: LimitBody) -> None:
        self._names: Mapping[int, str] = {code: name for name, codes in body.states.items() for code in codes}
        self._off = frozenset(body.off_states)
        self._excluded = frozenset(body.exclude_states)
        self._maintenance = frozenset(body.maintenance_states)
        self._seen: dict[Codes, tuple[State, bool]] = {}
        """A year has few kinds of quarters."""
        self._overrides = body.state_register is not None and (body.state_register.overrides or body.state_point is None)

    def course(self, codes: Codes, stated: Stated = (), maintained: int = 0) -> Course:
        """Tells how a quarter was operated. What changes, or nothing tells, excuses nothing.

        Args:
            codes: what the point showed.
            stated: what people stated.
            maintained: the minutes in which the instrument was, as bits.
        """
        if codes not in self._seen:
            self._seen[codes] = self._by_point(codes)
        base, is_maintained = self._seen[codes]
        maintained |= ALL_MINUTES if is_maintained else 0
        if not stated or (codes is not None and not self._overrides):
            return Course(base, 0 if base.applies is Applies.OFF else ALL_MINUTES, maintained)
        minutes = [self.joined(self._state(name) if name else base for name in names) for names in stated]
        minutes = minutes if len(minutes) > 1 else minutes * ALL_MINUTES.bit_count()
        ran = mask_of(place for place, each in enumerate(minutes) if each.applies is not Applies.OFF)
        return Course(self.joined(minutes), ran, maintained)

    def chosen(self, states: Sequence[OperatingState]) -> str:
        """Names which of the states that were stated at one time holds: an excluded one before off, and that before others."""
        for group in (self._excluded, self._off, frozenset(states)):
            found = [state for state in OperatingState if state in states and state in group]
            if found:
                return found[-1]
        return ""

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

    def _by_point(self, codes: Codes) -> tuple[State, bool]:
        if codes is None or codes[1] - codes[0] > MOST_STATES:
            return State(None, Applies.YES), False
        names = [self._names.get(code) for code in range(codes[0], codes[1] + 1)]
        return self.joined([self._state(name) for name in names]), any(name in self._maintenance for name in names)

    def _state(self, name: str | None) -> State:
        if name in self._off:
            return State(name, Applies.OFF)
        return State(name, Applies.EXCLUDED if name in self._excluded else Applies.YES)
