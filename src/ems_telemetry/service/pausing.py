"""Writing to the database paused on purpose, as for its maintenance: everything goes into the spool until it is resumed.

What was asked for last stands in a file, so that it holds over restarts, and so that the command needs neither a key nor the
database. Each change is a line in the log that names who asked.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

from ems_telemetry.api.standing import Pause, Writes
from ems_telemetry.clock import Clock
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.service.switch_file import Switch, read_switch, write_switch
from ems_telemetry.storage.gate import Gate

LOOK_EVERY_S = 0.5
REST_WITHIN_S = 10.0
"""How long a request waits for the transaction in flight."""


class WritePause:
    """Shuts and opens the gate that all writing passes. `take_up` is called before anything writes, `run` once after it.

    Args:
        directory: of the spool.
        gate: which writing passes.
        metrics: told whether it is paused.
        clock: for waiting, and for since when.
    """

    def __init__(self, directory: Path, gate: Gate, *, metrics: Metrics, clock: Clock) -> None:
        self._directory = directory
        self._gate = gate
        self._metrics = metrics
        self._clock = clock
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
            async with self._changing:
                self._follow(await asyncio.to_thread(read_switch, self._directory))
                await self._confirm()
            await self._clock.sleep(LOOK_EVERY_S)

    async def pause(self, by: str) -> Writes:
        """Lets nothing more be written after the transaction in flight; tells whether that is over. Harmless twice.

        Raises:
            OSError: the spool's folder can't be written.
        """
        async with self._changing:
            if self.paused is None:
                await self._ask(paused=True, by=by)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gate.at_rest.wait(), REST_WITHIN_S)
            await self._confirm()
        return Writes(paused=self.paused, at_rest=self._gate.at_rest.is_set())

    async def resume(self, by: str) -> Writes:
        """Lets writing go on at once. Harmless twice.

        Raises:
            OSError: the spool's folder can't be written.
        """
        async with self._changing:
            if self.paused is not None:
                await self._ask(paused=False, by=by)
        return Writes(paused=None, at_rest=False)

    async def _ask(self, *, paused: bool, by: str) -> None:
        switch = Switch(paused=paused, by=by, at=self._clock.now(), in_force=not paused)
        await asyncio.to_thread(write_switch, self._directory, switch)
        self._follow(switch)

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
