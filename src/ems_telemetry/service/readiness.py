"""What the service tells of itself: readiness check by check, connectors, and the gauges that nobody else keeps."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from ems_telemetry.api.readiness import Check, Readiness
from ems_telemetry.clock import Clock
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import ConnectorReport, ConnectorStatus, LinkState, Metrics
from ems_telemetry.service.storing import Storing
from ems_telemetry.spool.port import SpoolReader
from ems_telemetry.storage.database import Database

EVERY_S = 2.0
_NEARLY_FULL = 0.95


class Watch:
    """Looks at the parts; asks nothing of them that would wait."""

    def __init__(
        self,
        spool: SpoolReader,
        storing: Storing,
        database: Database,
        reports: Sequence[ConnectorReport],
        *,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._spool = spool
        self._storing = storing
        self._database = database
        self._away: str | None = None
        self._reports = reports
        self._metrics = metrics
        self._clock = clock
        self._damaged = 0
        metrics.spool_batches.set_function(lambda: spool.state().batches)
        metrics.spool_bytes.set_function(lambda: spool.state().size_bytes)
        metrics.spool_oldest_age.set_function(self._oldest_age_s)
        metrics.spool_appended.set_function(lambda: spool.state().appended_bytes)

    def connectors(self) -> Sequence[ConnectorStatus]:
        """Every connector as it stands now."""
        return [report.status for report in self._reports]

    def readiness(self) -> Readiness:
        """Whether readings reach the database now. Connectors are told of, but a meter that is off makes no service unready."""
        needed = (self._storage(), self._room())
        return Readiness(all(check.ok for check in needed), (*needed, self._links()))

    async def run(self, stopping: asyncio.Event) -> None:
        """Counts what was found damaged, and asks after the database, until it is time to stop."""
        while not stopping.is_set():
            self._count_damaged()
            await self._ask_database()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), EVERY_S)

    def _count_damaged(self) -> None:
        damaged = self._spool.state().damaged
        self._metrics.spool_damaged.inc(max(0, damaged - self._damaged))
        self._damaged = damaged

    def _oldest_age_s(self) -> float:
        oldest_at = self._spool.state().oldest_at
        return 0.0 if oldest_at is None else max(0.0, (self._clock.now() - oldest_at).total_seconds())

    async def _ask_database(self) -> None:
        """Asks the database itself: a writer with nothing to write does not notice that it has gone."""
        try:
            await self._database.check()
        except EmsTelemetryError as error:
            self._away = str(error)
        else:
            self._away = None

    def _storage(self) -> Check:
        state = self._storing.writer.state
        if state.connected and self._away is None:
            return Check("database", ok=True, detail=f"{self._storing.capability}, connected")
        reason = self._away or state.last_error or "not connected yet"
        return Check("database", ok=False, detail=f"{reason}; readings wait in the spool")

    def _room(self) -> Check:
        state = self._spool.state()
        share = state.size_bytes / state.max_size_bytes
        detail = f"{state.batches} batches, {share:.1%} of {state.max_size_bytes} bytes"
        return Check("spool", ok=share < _NEARLY_FULL, detail=detail)

    def _links(self) -> Check:
        down = [report.status.name for report in self._reports if report.status.state is LinkState.DOWN]
        detail = f"down: {', '.join(down)}" if down else f"{len(self._reports)} configured, none down"
        return Check("connectors", ok=not down, detail=detail)
