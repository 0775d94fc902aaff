"""Which entries of the spool are written next. While there is a backlog, what comes in now is written beside it, not behind it.

The backlog is written in portions that keep the database's commits short, so that what comes in now never waits for long; of
what comes in now all is taken at each turn, so that it never falls behind itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ems_telemetry.clock import Clock
from ems_telemetry.spool.port import Entry, SpoolReader

MAX_ITEMS = 5_000
"""How much one transaction carries while there is no backlog."""
MOST_LIVE_ITEMS = 25_000
"""How much one transaction carries of what comes in now, beside a backlog."""
BACKLOG_AFTER_S = 5.0
"""What has waited for longer is a backlog."""
COMMIT_GOAL_S = 0.3
"""How long writing one portion of the backlog should take."""
LEAST_PORTION = 500
LARGEST_PORTION = 50_000
_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Portion:
    """What is to be written and removed together."""

    entries: Sequence[Entry]
    is_backlog: bool = False


class Lanes:
    """Gives the entries to write, in turns: some of what comes in now, some of the backlog.

    Each entry is given once. Portions are written in the order in which they are given, and if one cannot be, new lanes are
    begun; so a portion may be taken while the one before it is written.
    """

    def __init__(self, spool: SpoolReader, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock
        self._next = 0
        """All before it, but for the backlog, was given."""
        self._next_of_backlog = 0
        self._backlog_end: int | None = None
        self._backlogs_turn = False
        self._size = MAX_ITEMS

    @property
    def is_behind(self) -> bool:
        """True while there is a backlog."""
        return self._backlog_end is not None

    async def next(self) -> Portion:
        """Gives what is to be written next; empty if there is nothing."""
        if self._backlog_end is None and not self._find_backlog():
            return await self._live(MAX_ITEMS)
        self._backlogs_turn = not self._backlogs_turn
        if not self._backlogs_turn and (portion := await self._live(MOST_LIVE_ITEMS)).entries:
            return portion
        entries = await self._spool.read(self._size, first=self._next_of_backlog, end=self._backlog_end)
        if entries:
            self._next_of_backlog = entries[-1].sequence + 1
            return Portion(entries, is_backlog=True)
        self._backlog_end = None
        return await self._live(MAX_ITEMS)

    def written(self, portion: Portion, took_s: float) -> None:
        """Takes note of how long a portion took; the next ones follow."""
        if not portion.is_backlog:
            return
        if took_s > COMMIT_GOAL_S:
            self._size = max(LEAST_PORTION, int(self._size * COMMIT_GOAL_S / took_s))
        elif took_s < COMMIT_GOAL_S / 2:
            self._size = min(LARGEST_PORTION, int(self._size * _GROWTH))

    async def _live(self, most: int) -> Portion:
        entries = await self._spool.read(most, first=self._next)
        if entries:
            self._next = entries[-1].sequence + 1
        return Portion(entries)

    def _find_backlog(self) -> bool:
        state = self._spool.state()
        if state.oldest_at is None or (self._clock.now() - state.oldest_at).total_seconds() < BACKLOG_AFTER_S:
            return False
        self._next_of_backlog = self._next
        self._backlog_end = self._next = max(self._next, state.last_sequence + 1)
        self._backlogs_turn = False
        return True
