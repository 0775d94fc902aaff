"""Asks a unit over a line, and once more where that does no harm: if it is busy, if its reply is in doubt, if it is silent."""

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.modbus.errors import (
    BUSY_CODES,
    ClosedLinkError,
    ExceptionReplyError,
    SilentUnitError,
    WrongReplyError,
)
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.pdu import ReadRequest, Request
from ems_telemetry.connectors.modbus.plan import Block, Poll
from ems_telemetry.observe import ConnectorReport

BUSY_PAUSE_S = 0.1
"""How long a busy device is left alone before it is asked once more."""


class Asker:
    """Asks on behalf of one connector; counts what it takes."""

    def __init__(self, line: Line, report: ConnectorReport, clock: Clock) -> None:
        self._line = line
        self._report = report
        self._clock = clock
        self.asked_s = 0.0
        """When the last request was made, monotonic seconds."""

    async def read(self, poll: Poll, block: Block, *, retries: int = 0) -> bytes:
        """Reads a block of a unit.

        Args:
            poll: the unit, and how long its reply may take.
            block: what to read.
            retries: how often it is asked again if it is silent.

        Returns:
            The data: two bytes for each register, or eight bits a byte.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
            UnitFailedError: no reply came, or none that can be trusted.
            ExceptionReplyError: the device said no.
        """
        return await self.ask(poll.unit_id, ReadRequest(block.table, block.address, block.count), poll.timeout_s, retries)

    async def ask(self, unit_id: int, request: Request, timeout_s: float, retries: int = 0) -> bytes:
        """Asks anything that reads; see `read`."""
        while True:
            try:
                return await self._ask(unit_id, request, timeout_s)
            except SilentUnitError as error:
                if retries == 0:
                    raise
                retries -= 1
                self._report.count("retries")
                del error

    async def _ask(self, unit_id: int, request: Request, timeout_s: float) -> bytes:
        try:
            return await self._ask_once(unit_id, request, timeout_s)
        except ExceptionReplyError as error:
            if error.code not in BUSY_CODES:
                raise
            self._report.count("busy")
            await self._clock.sleep(BUSY_PAUSE_S)
        except ClosedLinkError:
            # An idle connection is often closed: reading does no harm twice, and the connection is a new one.
            self._report.count("links_closed")
        except WrongReplyError:
            # What is left of another unit's reply is not this unit's fault.
            self._report.count("wrong_replies")
        return await self._ask_once(unit_id, request, timeout_s)

    async def _ask_once(self, unit_id: int, request: Request, timeout_s: float) -> bytes:
        self._report.count("requests")
        await self._line.open()
        self.asked_s = self._clock.monotonic()
        return await self._line.ask(unit_id, request, timeout_s)
