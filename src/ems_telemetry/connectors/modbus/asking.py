"""Asks a unit over a line, and once more where that does no harm: if it is busy, if its reply is in doubt, if it is silent."""

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.modbus.errors import (
    BUSY_CODES,
    ClosedLinkError,
    ExceptionReplyError,
    SilentUnitError,
    WrongReplyError,
)
from ems_telemetry.connectors.modbus.line import Line, Reply
from ems_telemetry.connectors.modbus.pdu import ReadRequest
from ems_telemetry.connectors.modbus.plan import Poll
from ems_telemetry.observe import ConnectorReport

BUSY_PAUSE_S = 0.1
"""How long a busy device is left alone before it is asked once more."""


class Asker:
    """Asks on behalf of one connector; counts what it takes."""

    def __init__(self, line: Line, report: ConnectorReport, clock: Clock) -> None:
        self._line = line
        self._report = report
        self._clock = clock

    async def read(self, poll: Poll, request: ReadRequest, *, retries: int = 0) -> Reply:
        """Reads something of a unit.

        Args:
            poll: the unit, and how long its reply may take.
            request: what to read.
            retries: how often it is asked again if it is silent.

        Returns:
            The data, two bytes for each register or eight bits a byte, and the times of the request that brought it.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
            PermanentError: it refuses us, or we it.
            UnitFailedError: no reply came, or none that can be trusted.
            ExceptionReplyError: the device said no.
        """
        for _ in range(retries):
            try:
                return await self._ask(poll, request)
            except SilentUnitError:
                self._report.count("retries")
        return await self._ask(poll, request)

    async def _ask(self, poll: Poll, request: ReadRequest) -> Reply:
        try:
            return await self._ask_once(poll, request)
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
        return await self._ask_once(poll, request)

    async def _ask_once(self, poll: Poll, request: ReadRequest) -> Reply:
        self._report.count("requests")
        return await self._line.exchange(poll.unit_id, request, poll.timeout_s)
