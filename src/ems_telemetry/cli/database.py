"""One question to the database of a configuration, or one change of it, from a verb."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ems_telemetry.config.load import Configuration
from ems_telemetry.errors import PermanentError
from ems_telemetry.service.access import open_database
from ems_telemetry.service.switch_file import read_switch
from ems_telemetry.storage.database import Database

ResultT = TypeVar("ResultT")


class WritesPausedError(PermanentError):
    """Somebody paused writing for the maintenance of the database."""


def ask_database(configuration: Configuration, act: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
    """Opens the database, does one thing with it, and closes it.

    Raises:
        TransientError: it is out of reach.
    """

    async def acting() -> ResultT:
        async with open_database(configuration) as database:
            return await act(database)

    return asyncio.run(acting())


def change_database(configuration: Configuration, act: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
    """The same for what changes tables, which is refused while writing is paused.

    Raises:
        WritesPausedError: who paused it, and what to do.
        TransientError: the database is out of reach.
    """
    switch = read_switch(configuration.settings.spool.directory)
    if switch is not None and switch.paused:
        raise WritesPausedError(
            f"writing to the database is paused by {switch.by} since {switch.at:%Y-%m-%d %H:%M:%S} UTC; nothing was changed: "
            "run it again after `ems-telemetry resume-writes`"
        )
    return ask_database(configuration, act)
