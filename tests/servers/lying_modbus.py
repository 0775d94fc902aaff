"""A Modbus TCP server that misbehaves on purpose, as real gateways do. Its numbers spell their own unit and address.

Register `address` of unit `unit_id` holds `unit_id * 1000 + address`, so that a value on the wrong point is seen at once.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, TypeAlias

LOOPBACK = "127.0.0.1"


class Asked(NamedTuple):
    """A request. `number` counts them all from 0."""

    number: int
    transaction: int
    unit_id: int
    function: int
    address: int
    quantity: int


Answer: TypeAlias = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def spelled(unit_id: int, address: int) -> int:
    """Tells what a register holds."""
    return unit_id * 1000 + address


def reply(asked: Asked, **changed: int) -> bytes:
    """Makes the right reply, or one to a request that was `changed`."""
    meant = asked._replace(**changed)
    data = b"".join(struct.pack(">H", spelled(meant.unit_id, meant.address + i) & 0xFFFF) for i in range(meant.quantity))
    pdu = struct.pack(">BB", meant.function, len(data) & 0xFF) + data
    return struct.pack(">HHHB", meant.transaction, 0, len(pdu) + 1, meant.unit_id) + pdu


async def honest(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(asked))


@contextlib.asynccontextmanager
async def speaking_first(words: bytes) -> AsyncIterator[int]:
    """Serves something else than Modbus, that greets its clients; gives its port."""
    ended = asyncio.Event()
    ended.set()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.clear()
        with contextlib.suppress(OSError):
            writer.write(words)
            await reader.read()
            writer.close()
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(greet, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await ended.wait()


class LyingModbusServer:
    """Answers every request as `answer` says, which a test may change at any time."""

    def __init__(self, answer: Answer = honest, port: int = 0) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = port
        self._open: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> int:
        """How many connections stand."""
        return len(self._open)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["LyingModbusServer"]:
        """Listens for the length of an `async with`."""
        server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._open.add(task)
        self.connections += 1
        try:
            while True:
                await self._serve_one(reader, writer)
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transaction, _, _, unit_id, function, address, quantity = struct.unpack(">HHHBBHH", await reader.readexactly(12))
        asked = Asked(len(self.asked), transaction, unit_id, function, address, quantity)
        self.asked.append(asked)
        await self.answer(asked, writer)
        await writer.drain()
