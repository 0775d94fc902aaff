"""What the service sees of itself: readiness check by check, rates, disks, and the gauges that nobody else keeps."""

import asyncio
import shutil
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ems_telemetry.api.readiness import Check, Readiness
from ems_telemetry.api.standing import Disk, Outcome, Pause, Reload
from ems_telemetry.clock import Clock
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import ConnectorReport, ConnectorStatus, LinkState, Metrics, get_logger
from ems_telemetry.service.rates import Rates
from ems_telemetry.service.storing import Storing
from ems_telemetry.storage.condition import Condition, read_condition
from ems_telemetry.wording import duration_words

EVERY_S = 2.0
SLOWLY_EVERY = 15
"""Disks and the database's own jobs are looked at so many times more seldom."""
FILLING = (0.5, 0.8, 0.95)
"""Shares of the spool at which the log tells that it fills."""
NEARLY_FULL = FILLING[-1]


class Watch:
    """Looks at the parts; asks nothing of them that would wait."""

    def __init__(
        self,
        storing: Storing,
        reports: Mapping[str, ConnectorReport],
        *,
        folders: Sequence[Path],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        """Takes what it looks at; `folders` are those whose disks are looked at, the spool's first."""
        spool = storing.spool
        self._spool = spool
        self._storing = storing
        self._database = storing.database
        self._reports = reports
        self._folders = folders
        self._metrics = metrics
        self._clock = clock
        self._log = get_logger("ems_telemetry.service")
        self._damaged = 0
        self._filled = 0
        self.rates = Rates(clock)
        self.away: str | None = None
        """Why the database does not answer; None while it does."""
        self.condition: Condition | None = None
        """The database as it last answered; None if it never did."""
        self.disks: dict[Path, Disk] = {}
        self.last_reload: Callable[[], Reload | None] = lambda: None
        self.paused: Callable[[], Pause | None] = lambda: None
        metrics.spool_batches.set_function(lambda: spool.state().batches)
        metrics.spool_bytes.set_function(lambda: spool.state().size_bytes)
        metrics.spool_oldest_age.set_function(self.oldest_age_s)
        metrics.spool_appended.set_function(lambda: spool.state().appended_bytes)
        metrics.spool_seconds_left.set_function(lambda: self.seconds_left() or float("inf"))

    def connectors(self) -> Sequence[ConnectorStatus]:
        """Every connector as it stands now."""
        return [report.status for report in self._reports.values()]

    def readiness(self) -> Readiness:
        """Whether readings reach the database now. Connectors and wrong files are told of, but make no service unready."""
        needed = (self._storage(), self._writes(), self._room())
        return Readiness(all(check.ok for check in needed), (*needed, self._links(), self._files()))

    def oldest_age_s(self) -> float:
        """Tells how long the oldest batch in the spool has waited."""
        oldest_at = self._spool.state().oldest_at
        return 0.0 if oldest_at is None else max(0.0, (self._clock.now() - oldest_at).total_seconds())

    def seconds_left(self) -> float | None:
        """Tells how long the spool has room at the present rate, were nothing written; None where nothing comes in."""
        state, rate = self._spool.state(), self.rates.per_second("spool")
        disk = self.disks.get(self._folders[0])
        room_bytes = state.max_size_bytes - state.size_bytes
        return min(room_bytes, room_bytes if disk is None else disk.free_bytes) / rate if rate else None

    async def run(self, stopping: asyncio.Event) -> None:
        """Looks until it is time to stop: at counters, at the database, and now and then at the disks."""
        looks = 0
        while not stopping.is_set():
            self._count_damaged()
            self.rates.note(self._totals())
            self._tell_filling()
            await self._ask_database(thoroughly=looks % SLOWLY_EVERY == 0 or self.condition is None)
            if looks % SLOWLY_EVERY == 0:
                self.disks = await asyncio.to_thread(_disks, self._folders)
            looks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), EVERY_S)

    def _count_damaged(self) -> None:
        damaged = self._spool.state().damaged
        self._metrics.spool_damaged.inc(max(0, damaged - self._damaged))
        self._damaged = damaged

    def _totals(self) -> Mapping[Hashable, float]:
        totals: dict[Hashable, float] = {"rows": self._storing.writer.state.rows, "spool": self._spool.state().appended_bytes}
        for status in self.connectors():
            totals |= {(status.name, counter): amount for counter, amount in status.counters.items()}
        return totals

    def _tell_filling(self) -> None:
        """One line in the log whenever the spool passes one of the marks on its way up, and one when it is well again."""
        state = self._spool.state()
        share = state.size_bytes / state.max_size_bytes
        passed = sum(share >= mark for mark in FILLING)
        if passed > self._filled:
            left_s = self.seconds_left()
            left = None if left_s is None else duration_words(left_s)
            self._log.warning("the spool fills", event_code="spool_filling", share=round(share, 3), room_for=left)
        elif self._filled and not passed:
            self._log.info("the spool has room again", event_code="spool_has_room", share=round(share, 3))
        self._filled = passed

    async def _ask_database(self, *, thoroughly: bool) -> None:
        """Asks the database itself: a writer with nothing to write does not notice that it has gone."""
        try:
            await self._database.check()
            if thoroughly:
                self.condition = await read_condition(self._database)
        except EmsTelemetryError as error:
            self.away = str(error)
        else:
            self.away = None

    def _storage(self) -> Check:
        state = self._storing.writer.state
        if self.away is None and (state.connected or self.paused() is not None):
            return Check("database", ok=True, detail=f"{self._storing.capability or 'answers'}, connected")
        reason = self.away or state.last_error or "not connected yet"
        return Check("database", ok=False, detail=f"{reason}; readings wait in the spool")

    def _writes(self) -> Check:
        pause = self.paused()
        if pause is None:
            return Check("writes", ok=True, detail="not paused")
        rest = "" if self._storing.gate.at_rest.is_set() else "; the last transaction is not over yet"
        return Check("writes", ok=False, detail=f"{pause_words(pause)}; readings wait in the spool{rest}")

    def _room(self) -> Check:
        state = self._spool.state()
        share = state.size_bytes / state.max_size_bytes
        detail = f"{state.batches} batches, {share:.1%} of {state.max_size_bytes} bytes"
        return Check("spool", ok=share < NEARLY_FULL, detail=detail)

    def _links(self) -> Check:
        down = [status.name for status in self.connectors() if status.state is LinkState.DOWN]
        detail = f"down: {', '.join(down)}" if down else f"{len(self._reports)} configured, none down"
        return Check("connectors", ok=not down, detail=detail)

    def _files(self) -> Check:
        reload = self.last_reload()
        if reload is None or reload.outcome is not Outcome.REFUSED:
            return Check("configuration", ok=True, detail="in force as it is written")
        return Check("configuration", ok=False, detail=refusal_words(reload))


def pause_words(pause: Pause) -> str:
    """Says who paused writing and when."""
    return f"writing is paused by {pause.by} since {pause.since:%Y-%m-%d %H:%M:%S} UTC"


def refusal_words(reload: Reload) -> str:
    """Says in one line that and why a reload was refused."""
    first, *others = reload.problems or ["for no reason that is known"]
    more = f" (and {len(others)} more)" if others else ""
    return f"the files were changed and are not taken over: {first}{more}"


def _disks(folders: Sequence[Path]) -> dict[Path, Disk]:
    found = {}
    for folder in folders:
        with suppress(OSError):
            usage = shutil.disk_usage(folder)
            found[folder] = Disk(path=str(folder), free_bytes=usage.free, total_bytes=usage.total)
    return found
