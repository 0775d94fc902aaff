"""Rows of long ago whose chunk somebody else holds, as the job that compresses it: they wait here, and nothing of now does.

Their entries stay in the spool until they are stored; so nothing is lost with what is noted here.
"""

from collections import deque
from dataclasses import dataclass, field

from ems_telemetry.clock import Clock
from ems_telemetry.storage.load import Load
from ems_telemetry.storage.storing import Account, Tell

AGAIN_AFTER_S = 10.0
MOST_ROWS = 100_000
"""More are not kept in memory."""


@dataclass(frozen=True, slots=True)
class Late:
    """Rows that may have to wait, and the entries of the spool that may go once they are stored: all else of these is."""

    load: Load
    sequences: frozenset[int]
    sent: int
    """Readings that are to be accounted for by storing it."""
    already: Account = field(default_factory=Account)
    """What planning kept back of them."""
    tell: Tell | None = None
    """Told of them in the transaction that stores them."""


class Postponed:
    """What waits, in turns. Lives as long as a session of the writer; the next one reads from the spool what was left."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[Late] = deque()
        self._due_s = 0.0

    def add(self, late: Late) -> bool:
        """Lets rows wait; False if there is no room for them."""
        if sum(len(each.load.rows) for each in (*self._waiting, late)) > MOST_ROWS:
            return False
        self._waiting.append(late)
        self._put_off()
        return True

    def next_due(self) -> Late | None:
        """Gives what to try again now; None if nothing waits or its time has not come. Followed by `done` or `again`."""
        return self._waiting[0] if self._waiting and self._clock.monotonic() >= self._due_s else None

    def done(self) -> None:
        """Takes out what was tried: it is stored."""
        self._waiting.popleft()

    def again(self) -> None:
        """Puts what was tried behind the others, and lets them all wait."""
        self._waiting.rotate(-1)
        self._put_off()

    def _put_off(self) -> None:
        self._due_s = self._clock.monotonic() + AGAIN_AFTER_S
