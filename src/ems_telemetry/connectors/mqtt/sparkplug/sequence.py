"""Brings the messages of one edge node into the order of their sequence numbers: 0 to 255, and round again. Pure.

A message that comes too early waits for those before it, a bounded time; then it and all that wait are let through as they are.
"""

from collections.abc import Iterable
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeVar

ItemT = TypeVar("ItemT")

_ROUND = 256
_HALF = 128


class Turn(Enum):
    """How a message stands to those before it."""

    NEXT = auto()
    """It is the next one, or those before it were given up."""
    LATE = auto()
    """It had been given up."""
    AGAIN = auto()
    """It has been here before."""


class Passed(NamedTuple, Generic[ItemT]):
    """Messages whose turn has come, in order, and how many were given up on the way."""

    items: list[tuple[Turn, ItemT]]
    lost: int = 0


class _Waiting(NamedTuple, Generic[ItemT]):
    sent_ms: int
    until_s: float
    item: ItemT


class Sequence(Generic[ItemT]):
    """The sequence of one edge node.

    Invariants:
    - Each item comes out exactly once: from the call that put it in, or from a later one.
    - Items come out in the order of their numbers, except those that are late, or here again.
    - At most 127 wait, none of them longer than the patience.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._expected: int | None = None
        self._has_begun = False
        self._sent_ms: dict[int, int] = {}
        self._given_up: set[int] = set()
        self._waiting: dict[int, _Waiting[ItemT]] = {}

    @property
    def waiting(self) -> Iterable[ItemT]:
        """What waits, in no order."""
        return [each.item for each in self._waiting.values()]

    @property
    def due_s(self) -> float | None:
        """When the patience with the first of them ends; None if nothing waits."""
        return min((each.until_s for each in self._waiting.values()), default=None)

    def begin(self, number: int, sent_ms: int) -> Passed[ItemT]:
        """Begins anew with the birth of the edge node.

        Args:
            number: of the birth.
            sent_ms: its time; what waits and is not older belongs to what begins with it, and goes on waiting. So does what
                has passed already, where we have not seen another beginning.

        Returns:
            What waited and belongs to what has ended: to be read before the birth is.
        """
        younger = {at: each for at, each in self._waiting.items() if sent_ms and each.sent_ms >= sent_ms}
        self._waiting = {at: each for at, each in self._waiting.items() if at not in younger}
        ended = self.flush()
        overtook = {} if self._has_begun else {at: ms for at, ms in self._sent_ms.items() if sent_ms and ms >= sent_ms}
        self._waiting = younger
        self._sent_ms = overtook | {number % _ROUND: sent_ms}
        self._given_up.clear()
        self._expected = (number + 1) % _ROUND
        while self._expected in overtook:
            self._expected = (self._expected + 1) % _ROUND
        self._has_begun = True
        return ended

    def put(self, number: int, sent_ms: int, item: ItemT, now_s: float) -> Passed[ItemT]:
        """Puts a message in; gives those whose turn has come by it.

        Args:
            number: its sequence number.
            sent_ms: the time of its payload, 0 if there is none; tells a message that comes again from another one.
            item: the message.
            now_s: on a clock that never steps.
        """
        number %= _ROUND
        ahead = 0 if self._expected is None else (number - self._expected) % _ROUND
        if ahead == 0:
            self._advance(number, sent_ms)
            return Passed([(Turn.NEXT, item), *self.drain().items])
        if sent_ms and sent_ms in {self._sent_ms.get(number), self._waiting_ms(number)}:
            return Passed([(Turn.AGAIN, item)])
        if number in self._given_up:
            self._given_up.discard(number)
            self._sent_ms[number] = sent_ms
            return Passed([(Turn.LATE, item)])
        if ahead < _HALF and number not in self._waiting:
            self._waiting[number] = _Waiting(sent_ms, now_s + self._patience_s, item)
            return Passed([])
        return self._jump(number, sent_ms, item)

    def drain(self) -> Passed[ItemT]:
        """Gives what waited for nothing but those that are here by now."""
        items: list[tuple[Turn, ItemT]] = []
        while self._expected is not None and (waited := self._waiting.pop(self._expected, None)) is not None:
            self._advance(self._expected, waited.sent_ms)
            items.append((Turn.NEXT, waited.item))
        return Passed(items)

    def release(self, now_s: float) -> Passed[ItemT]:
        """Gives all that wait if the patience with one of them has ended."""
        due_s = self.due_s
        return Passed([]) if due_s is None or due_s > now_s else self.flush()

    def flush(self) -> Passed[ItemT]:
        """Gives all that wait, in order, and gives up those missing between them."""
        items: list[tuple[Turn, ItemT]] = []
        lost = 0
        for number in sorted(self._waiting, key=self._ahead):
            waited = self._waiting[number]
            lost += self._give_up_before(number)
            self._advance(number, waited.sent_ms)
            items.append((Turn.NEXT, waited.item))
        self._waiting.clear()
        return Passed(items, lost)

    def _ahead(self, number: int) -> int:
        return (number - (self._expected or 0)) % _ROUND

    def _give_up_before(self, number: int) -> int:
        missing = [((self._expected or 0) + step) % _ROUND for step in range(self._ahead(number))]
        self._given_up.update(missing)
        return len(missing)

    def _advance(self, number: int, sent_ms: int) -> None:
        self._sent_ms[number] = sent_ms
        self._given_up.discard(number)
        self._given_up.discard((number + _HALF) % _ROUND)  # nobody is that late
        self._expected = (number + 1) % _ROUND

    def _waiting_ms(self, number: int) -> int | None:
        waited = self._waiting.get(number)
        return None if waited is None else waited.sent_ms

    def _jump(self, number: int, sent_ms: int, item: ItemT) -> Passed[ItemT]:
        """Follows a sequence that begins elsewhere, as that of an edge node that has restarted unseen."""
        before = self.flush()
        self._sent_ms.clear()
        self._given_up.clear()
        self._advance(number, sent_ms)
        return Passed([*before.items, (Turn.NEXT, item)], before.lost + 1)
