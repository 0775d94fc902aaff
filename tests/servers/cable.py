"""A cable to a server: a relay on a port of its own that a test may cut, as a power cut or a pulled plug does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from servers.process import LOOPBACK


class Cable:
    """Passes bytes both ways until it is cut. It can be plugged in again: whoever connects next is served."""

    def __init__(self, port: int) -> None:
        self._far_port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.port = 0

    async def plug_in(self) -> None:
        """Begins to listen; on the same port each time."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def is_plugged_in(self) -> bool:
        """Tells whether it listens."""
        return self._server is not None

    def cut(self) -> None:
        """Breaks all connections at once, without a farewell. New ones are still taken."""
        for writer in self._writers:
            writer.transport.abort()

    async def unplug(self) -> None:
        """Breaks all connections and takes no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        if self._passing:
            await asyncio.wait(self._passing)

    async def greet(self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> bytes | None:
        """Gives what to pass on before all else, or None to hang up; a subclass may look at what is said first."""
        del near_reader, near_writer
        return b""

    def carry(self, reader: asyncio.StreamReader, data: bytes) -> bytes:
        """Gives what is passed on of what came from one side; a subclass may lose it, or change it."""
        del reader
        return data

    async def hand_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Writes what is passed on to the other side; a subclass may take its time over it."""
        writer.write(data)
        await writer.drain()

    async def _serve(self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(near_writer)
        greeting = await self.greet(near_reader, near_writer)
        if greeting is None:
            near_writer.close()
            self._writers.discard(near_writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._far_port)
        except OSError:
            near_writer.transport.abort()
            return
        self._writers.add(far_writer)
        far_writer.write(greeting)
        for reader, writer in ((near_reader, far_writer), (far_reader, near_writer)):
            task = asyncio.create_task(self._pass(reader, writer), name="cable")
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self.hand_on(writer, self.carry(reader, data))
        writer.close()
        self._writers.discard(writer)
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def cable_to(port: int) -> AsyncIterator[Cable]:
    """Lays a cable for the length of an `async with`."""
    cable = Cable(port)
    await cable.plug_in()
    try:
        yield cable
    finally:
        await cable.unplug()
