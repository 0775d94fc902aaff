"""Keeps the readings in shape, once at start and then once a day: partitions ahead, retention, compression, job health."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from ems_telemetry.clock import Clock
from ems_telemetry.config.service import RetentionSettings
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.capability import detect, failing_jobs, keep_up
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.idempotency import forget_answers
from ems_telemetry.waiting import first_of

EVERY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class MaintenanceState:
    """When it last succeeded, and what is wrong, in words; `problems` is empty while all is well."""

    last_done_at: datetime | None = None
    problems: tuple[str, ...] = ()


class Maintenance:
    """Does what is due, until `stop`. A failure is told in `state` and tried again; it stops nobody.

    Building one does no I/O. `run` is called once; `stop` does no harm before it, twice, or after the end.
    """

    def __init__(self, database: Database, retention: RetentionSettings, *, clock: Clock, backoff: Backoff) -> None:
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
            async with connection.transaction():
                capability = await detect(connection)
            done = await keep_up(
                connection,
                capability,
                self._clock.now(),
                keep_s=self._retention.readings,
                compress_after_s=self._retention.compress_after,
            )
            await forget_answers(connection)
            problems = await failing_jobs(connection, capability)
        self._tell(done, problems)
        return done

    def _tell(self, done: list[str], problems: list[str]) -> None:
        for problem in problems:
            self._log.warning("a scheduled job of the database fails", event_code="database_job_failing", problem=problem)
        if done:
            self._log.info("maintained the readings", event_code="maintenance_done", done=done)
        self.state = MaintenanceState(self._clock.now(), tuple(problems))

    def _tell_failure(self, problem: str) -> None:
        if self.state.problems != (problem,):
            self._log.warning("maintenance failed and is tried again", event_code="maintenance_failed", reason=problem)
        self.state = replace(self.state, problems=(problem,))
