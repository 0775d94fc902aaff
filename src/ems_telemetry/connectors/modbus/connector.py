"""Runs the units of one Modbus file: each at its own cadence, over the line that all files of its endpoint share."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.link import first_error, keep_connected
from ems_telemetry.connectors.modbus.asking import Asker
from ems_telemetry.connectors.modbus.cadence import Cadence, phase_s
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.lines import line_of
from ems_telemetry.connectors.modbus.plan import Poll, plan_polls
from ems_telemetry.connectors.modbus.polling import Poller, Tick
from ems_telemetry.connectors.modbus.unit import Unit
from ems_telemetry.errors import ConnectionLostError
from ems_telemetry.model import Sample
from ems_telemetry.observe import get_logger
from ems_telemetry.waiting import unless

SILENCES = 2
"""If every unit was silent that often in a row, it is the endpoint that does not answer."""


class ModbusConnector:
    """The connector of one file; `connectors/contract.py` tells what `run` and `stop` promise."""

    def __init__(self, file: ModbusFile, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._report = surroundings.report
        self._line = line_of(file, surroundings)
        self._pauses = file.pauses
        self._poller = Poller(Asker(self._line, surroundings.report, surroundings.clock), surroundings)
        self._units = [Unit(poll, _cadence(file, poll), surroundings.clock) for poll in plan_polls(file)]
        self._endpoint = str(file.where)
        self._stopping = asyncio.Event()
        self._log = get_logger("ems_telemetry.connector", connector=surroundings.report.status.name)

    def stop(self) -> None:
        """Asks `run` to end soon, even while a unit is silent."""
        self._stopping.set()

    async def run(self) -> None:
        """Serves the endpoint until `stop`."""
        await keep_connected(
            lambda: unless(self._stopping, self._hold_session()),
            self._stopping,
            self._surroundings,
            shut_for_s=lambda: self._line.shut_for_s,
        )

    async def _hold_session(self) -> None:
        async with self._line.in_use(self._pauses):
            await self._line.open()
            for unit in self._units:
                unit.begin()
            await first_error(partial(self._serve, unit) for unit in self._units)

    async def _serve(self, unit: Unit) -> NoReturn:
        """Reads one unit whenever it is due; the units wait for their turns on the line, not for each other."""
        while True:
            await self._surroundings.clock.sleep(unit.due_s - self._surroundings.clock.monotonic())
            await self._read(unit)

    async def _read(self, unit: Unit) -> None:
        """Reads a unit, hands over what it said, and decides when it is due again."""
        clock = self._surroundings.clock
        if skipped := unit.start_tick():
            self._report.count("ticks_skipped", skipped)
        began_s = clock.monotonic()
        tick = await self._poller.read(unit)
        self._report.observe_poll(clock.monotonic() - began_s)
        if tick.endpoint_replies:
            self._report.up()
        if tick.samples:
            await self._hand_over(tick.samples)
        if self._poller.gaps.untold:
            await self._surroundings.sink.record(self._poller.gaps.take())
        if tick.asked:
            self._judge(unit, tick)

    async def _hand_over(self, samples: Sequence[Sample]) -> None:
        """Offers samples to the sink and sees it through: what was read is stored or accounted for, even when cancelled."""
        offering = asyncio.ensure_future(self._surroundings.sink.offer(samples))
        try:
            await asyncio.shield(offering)
        except asyncio.CancelledError:
            await asyncio.wait((offering,))
            raise

    def _judge(self, unit: Unit, tick: Tick) -> None:
        backoff, now_s = self._surroundings.backoff, self._surroundings.clock.monotonic()
        self._tell(unit, tick.problem)
        if tick.unit_replies:
            unit.replied()
            for block in tick.failed_blocks:
                block.failed(now_s, backoff)
            return
        unit.failed(backoff, silent=not tick.endpoint_replies)
        if all(other.silences >= SILENCES for other in self._units):
            ids = ", ".join(str(unit_id) for unit_id in sorted({other.id for other in self._units}))
            raise ConnectionLostError(
                f"connected to {self._endpoint}, but no unit answers there; asked: {ids}; lastly {unit.problem}"
            )

    def _tell(self, unit: Unit, problem: str | None) -> None:
        """Says what is wrong with a unit, and that it is well again, once for each change."""
        if problem == unit.problem:
            return
        if problem is not None:
            self._report.note(problem)
        else:
            self._log.info("unit answers again", event_code="modbus_unit_up", unit_id=unit.id)
        unit.problem = problem


def _cadence(file: ModbusFile, poll: Poll) -> Cadence:
    return Cadence(poll.interval_s, phase_s(f"{file.where} unit {poll.unit_id}", poll.interval_s))
