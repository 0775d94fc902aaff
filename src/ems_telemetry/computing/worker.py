"""Keeps the intervals equal to what the readings say: follows the marks that writing leaves, oldest first, and nothing else.

Whatever ends it in the middle, the marks stay until what they ask for is committed; doing a stretch twice changes nothing.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ems_telemetry.clock import Clock
from ems_telemetry.computing.slices import Waiting, next_slice
from ems_telemetry.computing.stretches import compute_stretches
from ems_telemetry.computing.virtual import begin_new, find_virtual
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.interval_marks import advance, count_marks, settle, take_marks
from ems_telemetry.storage.rules import read_rules
from ems_telemetry.waiting import first_of

EVERY_S = 10.0
RECENT = timedelta(hours=2)
"""What was marked of so late a time goes before a backlog, as years of readings that are computed for the first time."""
POINTS_AT_ONCE = 5_000
BREATH_S = 0.01
"""Between two slices, for those who share the processor."""


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Lets Python's search for cycles rest while a slice is computed.

    It would go through a hundred thousand rows again and again, in which there are none: seven percent of the work.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class IntervalState:
    """How computing stands. `waiting` counts the points that wait, as of the last look."""

    waiting: int = 0
    last_done_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


class IntervalWorker:
    """Computes until `stop`. Building one does no I/O; `run` is called once; `stop` does no harm before it, twice, or after."""

    def __init__(self, database: Database, *, clock: Clock, metrics: Metrics, backoff: Backoff) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._backoff = backoff
        self._stopping = asyncio.Event()
        self._moved_s = 0.0
        self._log = get_logger(__name__)
        self.state = IntervalState()

    def stop(self) -> None:
        """Asks `run` to end after the slice under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Looks every few seconds for what has to be computed. A database that is away is waited for."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await self.catch_up()
                failures = 0
            except EmsTelemetryError as error:
                failures += 1
                self._tell_failure(str(error))
            delay_s = self._backoff.delay_s(failures) if failures else EVERY_S
            await first_of(self._clock.sleep(delay_s), self._stopping.wait())

    async def catch_up(self) -> int:
        """Moves on to now and computes all that waits, or what can be done until `stop`.

        Returns:
            How many intervals were new or other than before.

        Raises:
            EmsTelemetryError: the database is out of reach, or has no tables yet.
        """
        changed = 0
        await self._move_on()
        done: int | None = 0
        while done is not None and not self._stopping.is_set():
            if self._clock.monotonic() - self._moved_s >= EVERY_S:
                await self._move_on()
            async with self._database.connection() as connection:
                with _no_search_for_cycles():
                    done = await self._do_next(connection)
            changed += done or 0
            self._metrics.intervals_computed.inc(done or 0)
            await asyncio.sleep(BREATH_S)
        await self._tell()
        return changed

    async def _move_on(self) -> None:
        """Marks what has ended since the last time, and what is new; changes no interval."""
        self._moved_s = self._clock.monotonic()
        async with self._database.connection() as connection:
            await advance(connection, self._clock.now())
        async with self._database.connection() as connection:
            await begin_new(connection, self._clock.now())

    async def _do_next(self, connection: Connection) -> int | None:
        """Computes one slice in one transaction: of what has just ended before what is long past. None if nothing waits."""
        now = self._clock.now()
        recent = await take_marks(connection, POINTS_AT_ONCE, now - RECENT)
        waiting = [Waiting(*mark) for mark in recent or await take_marks(connection, POINTS_AT_ONCE)]
        if not waiting:
            return None
        rules = await read_rules(connection, list({each.point_id for each in waiting}))
        chosen = next_slice(waiting, {point_id: rule.expected_interval_s for point_id, rule in rules.items()})
        virtual = await find_virtual(connection)
        changed = await compute_stretches(connection, chosen.stretches, rules, virtual, now)
        await settle(connection, chosen.done, chosen.shortened)
        return changed

    async def _tell(self) -> None:
        async with self._database.connection() as connection:
            waiting = await count_marks(connection)
        self._metrics.intervals_dirty.set(waiting)
        self.state = replace(self.state, waiting=waiting, last_done_at=self._clock.now(), last_error=None)

    def _tell_failure(self, problem: str) -> None:
        if self.state.last_error != problem:
            self._log.warning("intervals cannot be computed now", event_code="intervals_waiting", reason=problem)
        self.state = replace(self.state, last_error=problem, last_error_at=self._clock.now())
