"""Writing to the database paused on purpose, as for its maintenance: everything goes into the spool until it is resumed.

What was asked for last stands in a file, so that it holds over restarts, and so that the command needs neither a key nor the
database. Each change is a line in the log that names who asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from ems_telemetry.api.standing import Pause, Writes
from ems_telemetry.clock import Clock
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.service.switch_file import Switch, read_switch, write_switch
from ems_telemetry.storage.audit import SERVICE, Act, Actor
from ems_telemetry.storage.gate import Gate

LOOK_EVERY_S = 0.5
TELL_WITHIN_S = 2.0
REST_WITHIN_S = 10.0
"""How long a request waits for the transaction in flight."""


class WritePause:
    """Shuts and opens the gate that all writing passes. `take_up` is called before anything writes, `run` once after it.

    Args:
        directory: of the spool.
        gate: which writing passes.
        metrics: told whether it is paused.
        clock: for waiting, and for since when.
        tell: tells the audit trail, as far as it can be reached; the log has it in any case.
    """

    def __init__(
        self,
        directory: Path,
        gate: Gate,
        *,
        metrics: Metrics,
        clock: Clock,
        tell: Callable[[Actor, Act], Awaitable[None]] | None = None,
    ) -> None:
        self._directory = directory
        self._gate = gate
        self._metrics = metrics
        self._clock = clock
        self._tell = tell
        self._changing = asyncio.Lock()
        self._log = get_logger("ems_telemetry.service")
        self._switch: Switch | None = None

    @property
    def paused(self) -> Pause | None:
        """Who paused it and when; None while writing goes on."""
        switch = self._switch
        return None if switch is None or not switch.paused else Pause(by=switch.by, since=switch.at)

    def take_up(self) -> None:
        """Goes by what was asked for before this start."""
        self._follow(read_switch(self._directory))

    async def run(self) -> None:
        """Follows what the command asks for, until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Looks once at what the command asks for, and goes by it."""
        async with self._changing:
            asked = await asyncio.to_thread(read_switch, self._directory)
            changes = asked is not None and asked.paused != (self.paused is not None)
            if asked is not None and changes and asked.paused:
                await self._tell_trail(Actor(f"command:{asked.by}", asked.by), paused=True)
            self._follow(asked)
            if asked is not None and changes and not asked.paused:
                await self._tell_trail(Actor(f"command:{asked.by}", asked.by), paused=False)
            await self._confirm()

    async def pause(self, by: str, actor: Actor = SERVICE) -> Writes:
        """Lets nothing more be written after the transaction in flight; tells whether that is over. Harmless twice.

        Raises:
            OSError: the spool's folder can't be written.
        """
        async with self._changing:
            if self.paused is None:
                await self._tell_trail(actor, paused=True)
                await self._ask(paused=True, by=by)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gate.at_rest.wait(), REST_WITHIN_S)
            await self._confirm()
        return Writes(paused=self.paused, at_rest=self._gate.at_rest.is_set())

    async def resume(self, by: str, actor: Actor = SERVICE) -> Writes:
        """Lets writing go on at once. Harmless twice.

        Raises:
            OSError: the spool's folder can't be written.
        """
        async with self._changing:
            if self.paused is not None:
                await self._ask(paused=False, by=by)
                await self._tell_trail(actor, paused=False)
        return Writes(paused=None, at_rest=False)

    async def _ask(self, *, paused: bool, by: str) -> None:
        switch = Switch(paused=paused, by=by, at=self._clock.now(), in_force=not paused)
        await asyncio.to_thread(write_switch, self._directory, switch)
        self._follow(switch)

    async def _tell_trail(self, actor: Actor, *, paused: bool) -> None:
        """Tells the audit trail. A database that is away for its maintenance must not keep anybody from pausing."""
        if self._tell is None:
            return
        with suppress(EmsTelemetryError, TimeoutError):
            act = Act("writes.paused" if paused else "writes.resumed", "writes", "database")
            await asyncio.wait_for(self._tell(actor, act), TELL_WITHIN_S)

    def _follow(self, switch: Switch | None) -> None:
        """Goes by what stands in the file. One that cannot be read changes nothing."""
        before, self._switch = self._switch, switch or self._switch
        was, now = before is not None and before.paused, self._switch is not None and self._switch.paused
        self._metrics.writer_paused.set(int(now))
        if now:
            self._gate.shut()
        else:
            self._gate.open()
        if switch is None or was == now:
            return
        if now:
            self._log.warning(
                "writing is paused; the spool keeps everything", event_code="writes_paused", by=switch.by, since=switch.at
            )
        else:
            self._log.info("writing goes on", event_code="writes_resumed", by=switch.by)

    async def _confirm(self) -> None:
        """Writes into the file that what it asks for is done: the command waits for that."""
        switch = self._switch
        if switch is None or switch.in_force or (switch.paused and not self._gate.at_rest.is_set()):
            return
        done = switch.model_copy(update={"in_force": True})
        with suppress(OSError):
            await asyncio.to_thread(write_switch, self._directory, done)
            self._switch = done
