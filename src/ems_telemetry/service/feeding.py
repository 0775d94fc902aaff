"""The way of a command's own readings: into the spool, paced, and on into the database unless a running service does that."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from ems_telemetry.clock import Clock, SystemClock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import Configuration
from ems_telemetry.errors import SpoolFullError
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.service.access import reach_database
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.running_import import RunningImport
from ems_telemetry.service.storing import Storing
from ems_telemetry.service.switch_file import read_switch
from ems_telemetry.spool.lock import ReaderLock
from ems_telemetry.spool.sqlite import SqliteSpool
from ems_telemetry.storage.database import Database

FULL_SHARE = 0.5
"""Beyond this share of the spool a command waits: the rest belongs to the meters."""
OLD_AFTER_S = 30.0
"""And it waits while something in the spool has waited for longer: the database is behind already."""
GIVE_UP_AFTER_S = 600.0
"""For so long it waits for a spool that does not empty."""
_STUCK_AFTER_S = 30.0
_LOOK_AGAIN_S = 0.05
Tell = Callable[[str], None]
"""Tells people what is waited for."""


class Fed(NamedTuple):
    """What became of what was fed. Not `stored`: it is safe in the spool, and `handed_to` is the process that will store it."""

    stored: bool
    handed_to: str | None = None
    paused: bool = False
    inserted: int = 0
    duplicates: int = 0
    dead_letters: int = 0


class Feed:
    """Open for the length of `feeding`. `handed_to` is the process that stores; None if this one does."""

    def __init__(
        self,
        spool: SqliteSpool,
        storing: Storing | None,
        handed_to: str | None,
        metrics: Metrics,
        running: RunningImport | None,
    ) -> None:
        self.spool = spool
        self._running = running
        self.metrics = metrics
        self.clock: Clock = SystemClock()
        self._storing = storing
        self._handed_to = handed_to

    def pipeline(self, connector: str, type_: str, points: Sequence[ConfiguredPoint]) -> Pipeline:
        """Gives the way into the spool for readings of a connector's points."""
        return self.pipeline_of(ConnectorReport(connector, type_, "", clock=self.clock, metrics=self.metrics), points)

    def pipeline_of(self, report: ConnectorReport, points: Sequence[ConfiguredPoint]) -> Pipeline:
        """The same, telling its state to this report."""
        return Pipeline(Normalizer(report.status.name, points), self.spool, report, self.clock, running=self._running)

    async def pace(self, tell: Tell = lambda _: None) -> None:
        """Waits while the spool is too full, or too old, for anything but what the meters say.

        Raises:
            SpoolFullError: it does not empty, since nobody stores; says why.
        """
        began_s, fewest = self.clock.monotonic(), self.spool.state().batches
        while (reason := self._reason_to_wait()) is not None:
            tell(reason)
            waiting = self.spool.state().batches
            if waiting < fewest:
                began_s, fewest = self.clock.monotonic(), waiting
            if self.clock.monotonic() - began_s > GIVE_UP_AFTER_S:
                raise SpoolFullError(f"{reason}, and it does not empty: {self._trouble()}")
            await self.clock.sleep(_LOOK_AGAIN_S)

    async def end(self) -> Fed:
        """Tells that everything of the run is handed over; goes on as `emptied`.

        Raises:
            SpoolFullError: there is no room to tell it; what was handed over is stored, and told of, all the same.
        """
        last = None if self._running is None else self._running.end()
        if last is not None:
            await self.pace()
            await self.spool.append(last)
        return await self.emptied()

    async def emptied(self) -> Fed:
        """Waits until all is stored, as long as that gets on; not for another process, nor for a database that is away."""
        if self._storing is None:
            return Fed(stored=False, handed_to=self._handed_to)
        if self._storing.gate.closed.is_set():
            return Fed(stored=False, paused=True)
        began_s, fewest = self.clock.monotonic(), self.spool.state().batches
        while (waiting := self.spool.state().batches) and self._storing.writer.state.last_error is None:
            if waiting < fewest:
                began_s, fewest = self.clock.monotonic(), waiting
            if self.clock.monotonic() - began_s > _STUCK_AFTER_S:
                break
            await self.clock.sleep(_LOOK_AGAIN_S)
        return Fed(
            stored=not self.spool.state().batches,
            inserted=self._rows("inserted"),
            duplicates=self._rows("duplicate"),
            dead_letters=self._rows("conflict") + self._rows("rejected"),
        )

    def _reason_to_wait(self) -> str | None:
        state = self.spool.state()
        share = state.size_bytes / state.max_size_bytes
        if share > FULL_SHARE:
            return f"the spool is {share:.0%} full"
        age_s = 0.0 if state.oldest_at is None else (self.clock.now() - state.oldest_at).total_seconds()
        return f"the spool holds what has waited for {age_s:.0f} s" if age_s > OLD_AFTER_S else None

    def _trouble(self) -> str:
        if self._storing is None:
            return f"the running service (process {self._handed_to}) stores nothing; see its /readyz"
        if self._storing.gate.closed.is_set():
            return "writing is paused; see `ems-telemetry resume-writes`"
        return self._storing.writer.state.last_error or "the database does not keep up"

    def _rows(self, outcome: str) -> int:
        value = self.metrics.registry.get_sample_value("ems_telemetry_writer_rows_total", {"outcome": outcome})
        return int(value or 0)


@asynccontextmanager
async def feeding(
    configuration: Configuration, database: Database | None = None, running: RunningImport | None = None
) -> AsyncIterator[Feed]:
    """Opens the spool for a command, and stores from it if no service does.

    Args:
        configuration: names the spool.
        database: where to store, if the command has it open anyway.
        running: what the audit trail is told of all that is fed; None if each has an event of its own.

    Raises:
        SpoolDamagedError: the spool cannot be opened.
    """
    settings, metrics = configuration.settings, Metrics()
    spool = SqliteSpool(settings.spool.directory, max_size_bytes=settings.spool.max_size, when_full=settings.spool.when_full)
    async with AsyncExitStack() as stack:
        await spool.open()
        stack.push_async_callback(spool.close)
        lock = ReaderLock(settings.spool.directory)
        if not lock.take():
            yield Feed(spool, None, lock.holder(), metrics, running)
            return
        stack.callback(lock.release)
        into = await stack.enter_async_context(reach_database(settings.database)) if database is None else database
        storing = Storing(configuration, into, spool, metrics=metrics, clock=SystemClock())
        switch = await asyncio.to_thread(read_switch, settings.spool.directory)
        if switch is not None and switch.paused:
            storing.gate.shut()
        writing = asyncio.create_task(storing.writer.run(), name="writer")
        try:
            yield Feed(spool, storing, None, metrics, running)
        finally:
            storing.writer.stop()
            await writing
