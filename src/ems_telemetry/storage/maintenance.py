"""Keeps the readings in shape, once at start and then once a day: partitions ahead, retention, compression, job health."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ems_telemetry.clock import Clock
from ems_telemetry.config.service import RetentionSettings
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.capability import detect, failing_jobs, keep_up
from ems_telemetry.storage.capability.upkeep import IsNeeded
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.idempotency import forget_answers
from ems_telemetry.storage.imports import tell_broken_off
from ems_telemetry.waiting import first_of

EVERY_S = 86_400.0
SHOWN = 10
"""So much of what was done is told in the log."""


@dataclass(frozen=True, slots=True)
class MaintenanceState:
    """When it last succeeded, and what is wrong, in words; `problems` is empty while all is well.

    `needed`: the chunks or partitions that are past `retention.readings` and stay, since records or holds need them.
    """

    last_done_at: datetime | None = None
    problems: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()


class Maintenance:
    """Does what is due, until `stop`. A failure is told in `state` and tried again; it stops nobody.

    Building one does no I/O. `run` is called once; `stop` does no harm before it, twice, or after the end.

    Args:
        database: open.
        retention: what the settings say.
        read_needed: finds out at a time which readings must stay, whatever the settings say.
        clock: tells what is old.
        backoff: how long to wait after a failure.
        metrics: told how much stays.
    """

    def __init__(  # each is somebody else
        self,
        database: Database,
        retention: RetentionSettings,
        *,
        read_needed: Callable[[Connection, datetime], Awaitable[IsNeeded]],
        clock: Clock,
        backoff: Backoff,
        metrics: Metrics,
    ) -> None:
        self._read_needed = read_needed
        self._metrics = metrics
        self._database = database
        self._retention = retention
        self._clock = clock
        self._backoff = backoff
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._log = get_logger(__name__)
        self.state = MaintenanceState()

    def stop(self) -> None:
        """Asks `run` to end."""
        self._stopping.set()

    def change(self, retention: RetentionSettings) -> None:
        """Goes by other settings from now on, and does at once what is due by them."""
        if retention != self._retention:
            self._retention = retention
            self._changed.set()

    async def run(self) -> None:
        """Does it now and every day, sooner after a failure, until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            self._changed.clear()
            try:
                await self.do()
            except EmsTelemetryError as error:
                failures += 1
                self._tell_failure(str(error))
                delay_s = self._backoff.delay_s(failures)
            else:
                failures, delay_s = 0, EVERY_S
            await first_of(self._clock.sleep(delay_s), self._stopping.wait(), self._changed.wait())

    async def do(self) -> list[str]:
        """Does what is due, once. Harmless as often as it is done.

        Returns:
            What was done, in words.

        Raises:
            EmsTelemetryError: the database is out of reach, has no tables yet, or refuses.
        """
        await self._database.check()
        async with self._database.connection() as connection:
            now, keep_s = self._clock.now(), self._retention.readings
            async with connection.transaction():
                capability = await detect(connection)
                is_needed = _nothing if keep_s is None else await self._read_needed(connection, now)
            done, needed = await keep_up(
                connection,
                capability,
                now,
                keep_s=keep_s,
                compress_after_s=self._retention.compress_after,
                is_needed=is_needed,
            )
            await forget_answers(connection)
            await tell_broken_off(connection, now)
            problems = await failing_jobs(connection, capability)
        self._tell(done, problems, needed)
        return done

    def _tell(self, done: list[str], problems: list[str], needed: list[str]) -> None:
        self._metrics.readings_needed.set(len(needed))
        if tuple(needed) != self.state.needed:
            self._log.info(
                "readings past their retention stay: records or holds need them",
                event_code="readings_needed",
                count=len(needed),
                first=needed[:1],
                last=needed[-1:],
            )
        for problem in problems:
            self._log.warning("a scheduled job of the database fails", event_code="database_job_failing", problem=problem)
        if done:
            # Where a retention is set for the first time, thousands of chunks go at once.
            self._log.info(
                "maintained the readings", event_code="maintenance_done", count=len(done), done=done[:SHOWN], last=done[-1]
            )
        self.state = MaintenanceState(self._clock.now(), tuple(problems), tuple(needed))

    def _tell_failure(self, problem: str) -> None:
        if self.state.problems != (problem,):
            self._log.warning("maintenance failed and is tried again", event_code="maintenance_failed", reason=problem)
        self.state = replace(self.state, problems=(problem,))


def _nothing(_since: datetime, _until: datetime) -> bool:
    return False
