"""One question to the database of a configuration, from a verb."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ems_telemetry.config.load import Configuration
from ems_telemetry.service.access import open_database
from ems_telemetry.storage.database import Database

ResultT = TypeVar("ResultT")


def ask_database(configuration: Configuration, act: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
    """Opens the database, does one thing with it, and closes it.

    Raises:
        TransientError: it is out of reach.
    """

    async def acting() -> ResultT:
        async with open_database(configuration) as database:
            return await act(database)

    return asyncio.run(acting())
