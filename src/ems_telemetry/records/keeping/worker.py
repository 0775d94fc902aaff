"""Lets the keeper look every minute, makes the checkpoints of days that are over, tells of checks of instruments that are due.

It waits for a database that is away.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from ems_telemetry.clock import Clock
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import get_logger
from ems_telemetry.records.keeping.keeper import Keeper
from ems_telemetry.records.keeping.reminding import Reminder
from ems_telemetry.records.proving.checkpoints import Checkpointer
from ems_telemetry.retry import Backoff

EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class RecordState:
    """How keeping records stands."""

    last_done_at: datetime | None = None
    last_error: str | None = None


class RecordWorker:
    """Keeps records for ever: `run` ends by being cancelled, at any time, and may be called again then."""

    def __init__(
        self, keeper: Keeper, checkpoints: Checkpointer, reminder: Reminder, *, clock: Clock, backoff: Backoff
    ) -> None:
        self._keeper = keeper
        self._checkpoints = checkpoints
        self._reminder = reminder
        self._clock = clock
        self._backoff = backoff
        self._log = get_logger(__name__)
        self.state = RecordState()

    async def run(self) -> None:
        """Looks every minute; at once again as long as there is more to do."""
        failures = 0
        while True:
            done = 0
            try:
                done = await self._keeper.catch_up() + await self._checkpoints.catch_up() + await self._reminder.catch_up()
                failures = 0
                self.state = RecordState(last_done_at=self._clock.now())
            except EmsTelemetryError as error:
                failures += 1
                self._tell_failure(str(error))
            if done == 0:
                await self._clock.sleep(self._backoff.delay_s(failures) if failures else EVERY_S)

    def _tell_failure(self, problem: str) -> None:
        if self.state.last_error != problem:
            self._log.warning("records cannot be kept now", event_code="records_waiting", reason=problem)
        self.state = replace(self.state, last_error=problem)
