"""One TCP connection with one request in flight. Whenever a reply is in doubt the connection is dropped.

A connection that was dropped is never read again, so that a late reply can reach no later request. Transaction ids go on
across connections, for gateways that mix up even those.
"""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter

from ems_telemetry.connectors.modbus.endpoint import Endpoint
from ems_telemetry.connectors.modbus.errors import ClosedLinkError, SilentUnitError, WrongReplyError, explain_connect_error
from ems_telemetry.connectors.modbus.frame import HEADER_BYTES, Request, encode, pdu_size_bytes, read_pdu
from ems_telemetry.connectors.modbus.registers import Table

CONNECT_TIMEOUT_S = 5.0
LAST_TRANSACTION = 0xFFFF


class Link:
    """The connection to one endpoint, opened by whoever first needs it. For one task at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transaction = 0
        self._streams: tuple[StreamReader, StreamWriter] | None = None
        self._dropped: StreamWriter | None = None

    async def open(self) -> None:
        """Connects, if there is no connection.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
        """
        if self._streams is not None:
            return
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                self._streams = await asyncio.open_connection(self._endpoint.host, self._endpoint.port)
        except OSError as error:
            raise explain_connect_error(str(self._endpoint), error) from error

    def drop(self) -> None:
        """Ends the connection at once, if there is one. Whatever comes for it is lost, and meant to be."""
        if self._streams is not None:
            self._dropped = self._streams[1]
            self._streams = None
            self._dropped.transport.abort()

    async def close(self) -> None:
        """Drops the connection and waits until its socket is closed. Does no harm twice."""
        self.drop()
        if self._dropped is not None:
            with contextlib.suppress(OSError):
                await self._dropped.wait_closed()
            self._dropped = None

    async def read(self, unit_id: int, table: Table, address: int, count: int, timeout_s: float) -> bytes:
        """Asks one unit and waits for its reply. If it is cancelled, the connection is dropped.

        Args:
            unit_id: 0 to 255.
            table: what is read.
            address: first wire address.
            count: how many registers or bits.
            timeout_s: how long the whole reply may take, once the link stands.

        Returns:
            The data: two bytes for each register, or eight bits a byte.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
            UnitFailedError: no reply came, or none that can be trusted; the connection was dropped.
            ExceptionReplyError: the device said no; the connection stands.
        """
        await self.open()
        request = Request(self._next_transaction(), unit_id, table, address, count)
        replied = False
        try:
            pdu = await self._exchange(request, timeout_s)
            replied = True
        finally:
            if not replied:
                self.drop()
        try:
            return read_pdu(request, pdu)
        except WrongReplyError:
            self.drop()
            raise

    async def _exchange(self, request: Request, timeout_s: float) -> bytes:
        if self._streams is None:
            raise ClosedLinkError("the link was closed")
        reader, writer = self._streams
        try:
            async with asyncio.timeout(timeout_s):
                writer.write(encode(request))
                header = await reader.readexactly(HEADER_BYTES)
                return await reader.readexactly(pdu_size_bytes(request, header))
        except TimeoutError as error:
            raise SilentUnitError(f"does not answer within {timeout_s:g}s") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ClosedLinkError("the endpoint closes the connection instead of replying") from error

    def _next_transaction(self) -> int:
        self._transaction = self._transaction % LAST_TRANSACTION + 1
        return self._transaction
