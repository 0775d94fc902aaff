"""What carries bytes to an endpoint and back: over TCP, over TLS, or (in `serial_wire`) over a serial port."""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, TypeAlias, cast

from ems_telemetry.connectors.modbus.endpoint import Endpoint
from ems_telemetry.connectors.modbus.tls import TlsSettings, make_context

CONNECT_TIMEOUT_S = 5.0
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
"""A peer that vanished is noticed within a minute, also while nothing is asked; and a request is never held back."""

TakeBytes: TypeAlias = Callable[[bytes], None]
"""Called with what has come, as soon as it has."""
TakeEnd: TypeAlias = Callable[[Exception | None], None]
"""Called once when the other side, or the operating system, ended it; with the reason, where there is one."""


class Wire(Protocol):
    """An open link that carries bytes; it tells what comes by the two functions it was opened with."""

    @property
    def is_open(self) -> bool:
        """False once it was dropped, or has ended by itself."""
        ...

    def send(self, data: bytes) -> None:
        """Sends without waiting. A failure is told as the end of the wire."""
        ...

    def drain(self) -> None:
        """Throws away what has come and was not told yet, as far as that can be known."""
        ...

    def drop(self) -> None:
        """Ends it at once. What comes for it is lost, and nothing is told any more. Does no harm twice."""
        ...

    async def close(self) -> None:
        """Drops it, and returns when it is closed. Does no harm twice."""
        ...


class SocketWire(asyncio.Protocol):
    """A TCP connection, with TLS or without."""

    def __init__(self, take_bytes: TakeBytes, take_end: TakeEnd) -> None:
        self._take_bytes = take_bytes
        self._take_end = take_end
        self._transport: asyncio.Transport | None = None
        self._dropped = False
        self._closed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """False once it was dropped, or has ended by itself."""
        return not self._dropped

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)
        opened = transport.get_extra_info("socket")
        for level, option, value in _KEEPALIVE:
            opened.setsockopt(level, option, value)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if not self._dropped:
            self._take_bytes(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._closed.set()
        if not self._dropped:
            self._dropped = True
            self._take_end(exc)

    def send(self, data: bytes) -> None:
        """Sends without waiting."""
        if self._transport is not None:
            self._transport.write(data)

    def drain(self) -> None:
        """Does nothing: the loop tells what has come before it tells anybody to send."""

    def drop(self) -> None:
        """Ends it at once."""
        self._dropped = True
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Drops it, and returns when its socket is closed."""
        self.drop()
        await self._closed.wait()


async def open_socket(endpoint: Endpoint, tls: TlsSettings | None, take_bytes: TakeBytes, take_end: TakeEnd) -> Wire:
    """Connects to a host, within `CONNECT_TIMEOUT_S`.

    Raises:
        OSError: it is out of reach, or TLS did not come about (`ssl.SSLError`).
    """
    context = None if tls is None else make_context(tls)
    name = None if tls is None else tls.server_name or endpoint.host
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: SocketWire(take_bytes, take_end), endpoint.host, endpoint.port, ssl=context, server_hostname=name
        )
    return wire
