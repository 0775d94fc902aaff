"""Which due checks of instruments webhooks were told of."""

from datetime import datetime
from typing import NamedTuple

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.outbox import Event, announce
from ems_telemetry.storage.translation import translated


class ToldCheck(NamedTuple):
    """A due date of an instrument, and whether it was `due` or `overdue` when that was told."""

    instrument: str
    due: datetime
    status: str


_READ = "SELECT instrument, due, status FROM checks_told"
_NOTE = """
    INSERT INTO checks_told (instrument, due, status, told_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (instrument, due, status) DO NOTHING"""
_FORGET = "DELETE FROM checks_told WHERE (instrument, due, status) = (%s, %s, %s)"


async def read_told_checks(connection: Connection) -> set[ToldCheck]:
    """Gives all that webhooks were told of."""
    with translated():
        return {ToldCheck(*row) for row in await (await connection.execute(_READ)).fetchall()}


async def announce_check(connection: Connection, check: ToldCheck, event: Event) -> bool:
    """Tells webhooks of a due check in the open transaction, unless they were told before.

    Returns:
        Whether anybody was told; where nobody wants to know, whoever wants to later is told then.
    """
    with translated():
        noted = await connection.execute(_NOTE, (*check, event.at))
        if noted.rowcount == 0:
            return False
        told = await announce(connection, event)
        if told == 0:
            await connection.execute(_FORGET, check)
    return told > 0
