"""Proves by reading that what is silent has not changed: a keep-alive tells that the server lives, not that it still looks.

Every so often some silent items are read. One whose value differs from what was sent last, look after look, and is not sent all
the while, is watched by nobody on the server.
"""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from asyncua import ua

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.opcua.reading import read_from_source, status_of
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Notifications

MOST_AT_ONCE = 100
"""So many items are read in one round."""
LOOKS = 3
"""So often in a row an item must be found changed and not sent."""
SLACK_S = 1.0
"""Beyond its intervals a server may take so long to send a change."""
_CODE = 0xFFFF_0000


class Heard(NamedTuple):
    """What was sent last of one item, as it was sent, and when (monotonic seconds)."""

    at_s: float
    value: ua.DataValue


class Watched(NamedTuple):
    """One item as the server granted it, and what reads the same."""

    subscription_id: int
    question: ua.ReadValueId
    deadband: float | None
    """Changes up to this much need not be sent; None where that is not known, and nothing can be proved."""
    delay_s: float
    """How long a change may take to be sent, by the intervals the server granted."""


class Witness:
    """Remembers what was sent last of each item in one session."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last: dict[int, Heard] = {}

    def hear(self, notifications: Notifications) -> None:
        """Takes note of what a server sent."""
        now_s = self._clock.monotonic()
        for notification in notifications:
            self.last[notification.ClientHandle] = Heard(now_s, notification.Value)

    def has_heard_since(self, at_s: float) -> bool:
        """Tells whether anything was sent since then (monotonic seconds)."""
        return any(heard.at_s >= at_s for heard in self.last.values())


class Verdict(NamedTuple):
    """What one round found: items that are deaf, and subscriptions that sent nothing of any item all the while."""

    items: Sequence[int] = ()
    subscriptions: frozenset[int] = frozenset()


class Proving:
    """Reads silent items of one session, round by round, each in its turn."""

    def __init__(self, session: Session, witness: Witness, clock: Clock, draw: Callable[[], float] = random.random) -> None:
        self._session = session
        self._witness = witness
        self._clock = clock
        self._draw = draw
        self._proved_at_s: dict[int, float] = {}

    async def look(self, items: Mapping[int, Watched], silent_s: float) -> Verdict:
        """Reads items that were silent for so long, and judges those that changed unsaid.

        Args:
            items: by handle; those watched in this session.
            silent_s: shorter silences are left alone.

        Raises:
            ConnectionLostError: the session is lost.
        """
        began_s = self._clock.monotonic()
        suspects: Sequence[int] = self._choose(items, began_s, silent_s)
        for number in range(LOOKS):
            if number:
                # Not at one pace: a value that comes and goes as we look would seem to stand still, or never to.
                await self._clock.sleep(max(items[handle].delay_s for handle in suspects) * (1 + self._draw()))
            suspects = await self._changed_unsaid(suspects, items, began_s)
            if not suspects:
                return Verdict()
        deaf = {items[handle].subscription_id for handle in suspects}
        speaking = {
            watched.subscription_id
            for handle, watched in items.items()
            if handle in self._witness.last and self._witness.last[handle].at_s >= began_s
        }
        return Verdict(suspects, frozenset(deaf - speaking))

    def _choose(self, items: Mapping[int, Watched], now_s: float, silent_s: float) -> list[int]:
        """Chooses half of them among those that spoke most recently, since these change most, and half by turns."""
        last = self._witness.last

        def heard_s(handle: int) -> float:
            return last[handle].at_s if handle in last else -math.inf

        silent = [handle for handle, item in items.items() if item.deadband is not None and heard_s(handle) <= now_s - silent_s]
        recent = sorted(silent, key=heard_s, reverse=True)
        longest_ago = sorted(silent, key=lambda handle: self._proved_at_s.get(handle, -math.inf))
        half = MOST_AT_ONCE // 2
        chosen = list(islice(dict.fromkeys(chain(recent[:half], longest_ago)), MOST_AT_ONCE))
        self._proved_at_s.update(dict.fromkeys(chosen, now_s))
        return chosen

    async def _changed_unsaid(self, handles: Iterable[int], items: Mapping[int, Watched], since_s: float) -> list[int]:
        last = self._witness.last
        unsaid = [handle for handle in handles if handle not in last or last[handle].at_s < since_s]
        answers = await read_from_source(self._session, [items[handle].question for handle in unsaid])
        return [
            handle
            for handle, answer in zip(unsaid, answers, strict=True)
            if (handle not in last or last[handle].at_s < since_s)
            and must_be_sent(last[handle].value if handle in last else None, answer, items[handle].deadband or 0.0)
        ]


def must_be_sent(before: ua.DataValue | None, now: ua.DataValue, deadband: float) -> bool:
    """Tells whether a server that sent this last owes us what is there now.

    Args:
        before: what was sent last; None if nothing ever was.
        now: what a read says.
        deadband: changes of a number up to this much are not owed.
    """
    if before is None:
        return status_of(now) & _CODE == 0
    if status_of(before) & _CODE != status_of(now) & _CODE:
        return True
    old, new = _plain(before), _plain(now)
    if isinstance(old, float | int) and isinstance(new, float | int) and not isinstance(old, bool):
        if math.isnan(old) or math.isnan(new):
            return math.isnan(old) != math.isnan(new)
        return abs(new - old) > deadband
    return bool(old != new)


def _plain(data: ua.DataValue) -> object:
    return None if data.Value is None else data.Value.Value
