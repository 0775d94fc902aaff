"""Which entries of the spool are written next. While there is a backlog, what comes in now is written beside it, not behind it.

The backlog is written in portions that keep the database's commits short, so that what comes in now never waits for long.
"""

from collections.abc import Sequence

from ems_telemetry.clock import Clock
from ems_telemetry.spool.port import Entry, SpoolReader

MAX_ITEMS = 5_000
"""How much one transaction carries of what comes in now."""
BACKLOG_AFTER_S = 5.0
"""What has waited for longer is a backlog."""
COMMIT_GOAL_S = 0.4
"""How long writing one portion of the backlog should take."""
LEAST_PORTION = 500
LARGEST_PORTION = 50_000
_GROWTH = 1.5


class Lanes:
    """Gives the entries to write, in turns: some of what comes in now, some of the backlog."""

    def __init__(self, spool: SpoolReader, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock
        self._backlog_end: int | None = None
        self._backlogs_turn = False
        self._portion = MAX_ITEMS
        self._is_backlog = False

    @property
    def is_behind(self) -> bool:
        """True while there is a backlog."""
        return self._backlog_end is not None

    async def next(self) -> Sequence[Entry]:
        """Gives what is to be written and removed before the next call; empty if the spool is."""
        self._is_backlog = False
        if self._backlog_end is None and not self._find_backlog():
            return await self._spool.read(MAX_ITEMS)
        self._backlogs_turn = not self._backlogs_turn
        if not self._backlogs_turn and (entries := await self._spool.read(MAX_ITEMS, first=self._backlog_end or 0)):
            return entries
        entries = await self._spool.read(self._portion, end=self._backlog_end)
        if entries:
            self._is_backlog = True
            return entries
        self._backlog_end = None
        return await self._spool.read(MAX_ITEMS)

    def written(self, took_s: float) -> None:
        """Takes note of how long the last portion took; the next ones follow."""
        if not self._is_backlog:
            return
        if took_s > COMMIT_GOAL_S:
            self._portion = max(LEAST_PORTION, int(self._portion * COMMIT_GOAL_S / took_s))
        elif took_s < COMMIT_GOAL_S / 2:
            self._portion = min(LARGEST_PORTION, int(self._portion * _GROWTH))

    def _find_backlog(self) -> bool:
        state = self._spool.state()
        if state.oldest_at is None or (self._clock.now() - state.oldest_at).total_seconds() < BACKLOG_AFTER_S:
            return False
        self._backlog_end = state.last_sequence + 1
        self._backlogs_turn = False
        return True
