"""Takes over what changed in the files while everything else goes on. Why in this order: docs/adr/0018-reload.md.

Everything is read, checked and built before anything is touched; then what changed is stopped, the database told, and what is
new started. The spool, the writer and the API stay up, and so does every connector of which nothing changed.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from ems_telemetry.api.standing import Outcome, Reload
from ems_telemetry.clock import Clock
from ems_telemetry.config.changes import ConnectorChanges, at_run_time, compare_connectors
from ems_telemetry.config.load import Configuration
from ems_telemetry.errors import ConfigurationError, EmsTelemetryError, Problem
from ems_telemetry.observe import get_logger
from ems_telemetry.service.assembly import Assembler
from ems_telemetry.service.collecting import Collection, SupervisedConnector
from ems_telemetry.service.meanings import Meanings, find_changes
from ems_telemetry.service.plant_rows import as_accepted
from ems_telemetry.service.stopping import CONNECTORS, StopRequest
from ems_telemetry.service.storing import Storing
from ems_telemetry.storage.audit import SERVICE, Actor
from ems_telemetry.storage.revising import Accepted
from ems_telemetry.waiting import unless

TELL_WITHIN_S = 5.0
"""How long the answer to a reload waits for the database to know of it."""
STOPPING = "the service is stopping"


@dataclass(frozen=True, slots=True)
class Running:
    """The configuration that runs, and as it is kept."""

    configuration: Configuration
    accepted: Accepted


class Asking(NamedTuple):
    """How a reload was asked for, by whom, and why if they said so."""

    cause: str
    by: Actor
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a reload needs from around it, none of which raises a `ConfigurationError` but `read`."""

    read: Callable[[], Configuration]
    """Reads and checks all files; runs in a thread."""
    apply: Callable[[Configuration], None]
    """Follows settings that hold for the whole process, as the log's."""
    tell: Callable[[Reload], None]
    """Makes the outcome known outside; runs in a thread."""


class Reloader:
    """Reloads when asked, one after the other. Building one does no I/O; `run` is called once, `ask` at any time."""

    def __init__(
        self,
        running: Running,
        assembler: Assembler,
        collection: Collection,
        storing: Storing,
        *,
        hooks: Hooks,
        clock: Clock,
    ) -> None:
        self._assembler = assembler
        self._collection = collection
        self._storing = storing
        self._meanings = Meanings(storing, clock)
        self._hooks = hooks
        self._clock = clock
        self._asked = asyncio.Event()
        self._asking: Asking | None = None
        self._waiters: list[asyncio.Future[Reload]] = []
        self._has_ended = False
        self._log = get_logger("ems_telemetry.service")
        self.running = running
        self.last: Reload | None = None
        """The newest reload, also one that was refused."""
        self.waiting: tuple[str, ...] = ()
        """Settings that were changed and take effect at the next start."""

    @property
    def enabled(self) -> frozenset[str]:
        """The connectors that run."""
        return frozenset(loaded.name for loaded in self.running.configuration.connectors if loaded.file.enabled)

    def ask(self, cause: str, by: Actor = SERVICE, reason: str | None = None) -> None:
        """Asks for a reload, after the one under way if there is one. Never blocks."""
        self._asking = self._asking or Asking(cause, by, reason)
        self._asked.set()

    async def reload(self, cause: str, by: Actor = SERVICE, reason: str | None = None) -> Reload:
        """Asks for a reload and gives its outcome; at once if the service is stopping."""
        if self._has_ended:
            return self._refused(cause, [STOPPING])
        waiter: asyncio.Future[Reload] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.ask(cause, by, reason)
        return await waiter

    async def run(self, stopping: StopRequest) -> None:
        """Reloads when asked, until it is time to stop; a reload under way is then broken off."""
        while await unless(stopping.event, self._asked.wait()):
            self._asked.clear()
            asking, self._asking = self._asking or Asking("", SERVICE), None
            waiters, self._waiters = self._waiters, []
            reload = await unless(stopping.event, self._reload(asking, stopping))
            _answer(waiters, reload or self._refused(asking.cause, [STOPPING]))
        self._has_ended = True
        _answer(self._waiters, self._refused(self._asking.cause if self._asking else "", [STOPPING]))

    async def _reload(self, asking: Asking, stopping: StopRequest) -> Reload:
        cause = asking.cause
        began_at, began_s = self._clock.now(), self._clock.monotonic()
        self._log.info("reading the configuration anew", event_code="reload_begins", cause=cause)
        try:
            reload = await self._take_over(asking, stopping)
        except ConfigurationError as error:
            reload = self._refused(cause, [str(problem) for problem in error.problems])
        except Exception as error:  # noqa: BLE001 - a task's top loop: whatever goes wrong with a reload, the service goes on
            self._log.exception("a reload failed", event_code="reload_failed")
            reload = self._refused(cause, [f"internal error: {type(error).__name__}: {error}; the log says more"])
        reload = reload.model_copy(update={"began_at": began_at, "took_s": round(self._clock.monotonic() - began_s, 3)})
        await self._publish(reload)
        return reload

    async def _take_over(self, asking: Asking, stopping: StopRequest) -> Reload:
        before, wanted = self.running.configuration, await asyncio.to_thread(self._hooks.read)
        configuration, self.waiting = at_run_time(before, wanted)
        accepted = await asyncio.to_thread(as_accepted, configuration, self._clock.now())
        fresh = Running(configuration, replace(accepted, by=asking.by, cause=asking.cause, reason=asking.reason))
        changes = compare_connectors(before, configuration)
        coming = self._build(configuration, (*changes.started, *changes.restarted))
        await self._meanings.check(before, configuration)
        outcome = self._outcome(fresh, changes)
        if outcome is Outcome.ACCEPTED:
            await self._exchange(fresh, (*changes.stopped, *changes.restarted), coming)
            self._hooks.apply(configuration)
            stopping.within_s = configuration.settings.stop_within
        return self._told(outcome, asking.cause, changes)

    def _build(self, configuration: Configuration, names: Sequence[str]) -> list[SupervisedConnector]:
        """Builds what is to be started before anything is stopped: it may turn out to be impossible."""
        try:
            return self._assembler.build(configuration, names)
        except (EmsTelemetryError, OSError, ValueError) as error:
            raise ConfigurationError([Problem(None, None, f"a connector cannot be built: {error}")]) from error

    async def _exchange(self, fresh: Running, leaving: Sequence[str], coming: Sequence[SupervisedConnector]) -> None:
        """Stops, takes over, starts. All that is received before the moment of acceptance is told by the old files."""
        before, configuration = self.running.configuration, fresh.configuration
        await self._collection.end(leaving, configuration.settings.stop_within * CONNECTORS)
        if find_changes(before, configuration):
            try:
                await self._meanings.check(before, configuration)
            except ConfigurationError:
                again = self._assembler.build(before, leaving)
                self._assembler.follow(before, again)
                self._collection.start(again)
                raise
        self.running = Running(configuration, replace(fresh.accepted, accepted_at=self._clock.now()))
        self._storing.accept(configuration, self.running.accepted)
        self._assembler.follow(configuration, coming)
        self._collection.start(coming)
        if self._storing.writer.state.connected:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._storing.told.wait(), TELL_WITHIN_S)

    def _outcome(self, fresh: Running, changes: ConnectorChanges) -> Outcome:
        touched = changes.started or changes.stopped or changes.restarted
        same = (
            fresh.accepted.hash == self.running.accepted.hash
            and fresh.configuration.settings == self.running.configuration.settings
        )
        return Outcome.ACCEPTED if touched or not same else Outcome.UNCHANGED

    def _told(self, outcome: Outcome, cause: str, changes: ConnectorChanges) -> Reload:
        notes = [f"{name} takes effect at the next start" for name in self.waiting]
        if outcome is Outcome.ACCEPTED and not self._storing.told.is_set():
            notes.append("the database does not know of it yet; it is told when it answers")
        return Reload(
            outcome=outcome,
            cause=cause,
            began_at=self._clock.now(),
            took_s=0,
            started=list(changes.started),
            stopped=list(changes.stopped),
            restarted=list(changes.restarted),
            kept=len(changes.kept),
            notes=notes,
        )

    def _refused(self, cause: str, problems: list[str]) -> Reload:
        return Reload(outcome=Outcome.REFUSED, cause=cause, began_at=self._clock.now(), took_s=0, problems=problems)

    async def _publish(self, reload: Reload) -> None:
        self.last = reload
        if reload.outcome is Outcome.REFUSED:
            self._log.error(
                "the configuration is wrong; everything goes on as before",
                event_code="reload_refused",
                problems=reload.problems,
            )
        else:
            fields = reload.model_dump(include={"started", "stopped", "restarted", "kept", "notes"})
            self._log.info("the configuration is in force", event_code=f"reload_{reload.outcome}", **fields)
        with suppress(OSError):
            await asyncio.to_thread(self._hooks.tell, reload)


def _answer(waiters: Sequence["asyncio.Future[Reload]"], reload: Reload) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(reload)
