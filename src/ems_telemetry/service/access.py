"""The way from the settings to an open database, embedded or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ems_telemetry.config.load import Configuration
from ems_telemetry.config.service import EMBEDDED, DatabaseSettings
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.embedded import EmbeddedServer
from ems_telemetry.storage.migrations import migrate

MAX_CONNECTIONS = 10
"""One for the writer, one for maintenance, the others for requests."""


@asynccontextmanager
async def reach_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Gives the database of the settings, open; an embedded one is started, and stopped when nobody uses it any more.

    Whether an outside server answers is found out only when it is used.

    Raises:
        PermanentError: the embedded database cannot be started; says why.
    """
    if settings.url != EMBEDDED:
        async with Database(settings.url, settings.read_password(), max_connections=MAX_CONNECTIONS) as database:
            yield database
        return
    server = EmbeddedServer(settings.directory)
    await asyncio.to_thread(server.start)
    try:
        async with Database(server.url, max_connections=MAX_CONNECTIONS) as database:
            yield database
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def open_database(configuration: Configuration) -> AsyncIterator[Database]:
    """Gives the database ready to be used by a command, its schema up to date where the settings allow that."""
    async with reach_database(configuration.settings.database) as database:
        if configuration.settings.database.migrate:
            await migrate(database)
        await database.check()
        yield database
