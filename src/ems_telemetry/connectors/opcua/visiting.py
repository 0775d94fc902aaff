"""A session for one question: opened, used and closed again, for the commands that look into a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.session import Session


@asynccontextmanager
async def visiting(file: OpcUaFile, pki_directory: Path, name: str = "commissioning") -> AsyncIterator[Session]:
    """Gives an open session for the length of an `async with`; it leaves nothing behind on the server.

    Raises:
        ConnectionLostError: nobody there, or nobody answers.
        EndpointRefusedError: the server refuses us.
    """
    session = Session(file, name, pki_directory, SystemClock())
    try:
        await session.open()
        yield session
    finally:
        await session.close()
