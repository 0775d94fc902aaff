"""Runs one OPC UA server: one session after another, each with all monitored items; whatever they send goes to the sink."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.link import keep_connected
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.inbox import Inbox
from ems_telemetry.connectors.opcua.plan import wanted_items
from ems_telemetry.connectors.opcua.reminding import Reminder
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Upstream
from ems_telemetry.connectors.opcua.watching import Watching
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.waiting import unless


class OpcUaConnector:
    """The connector of one file; `connectors/contract.py` tells what `run` and `stop` promise."""

    def __init__(self, file: OpcUaFile, surroundings: Surroundings) -> None:
        self._file = file
        self._surroundings = surroundings
        self._items = wanted_items(file)
        self._inbox = Inbox(self._items, surroundings)
        self._watching = Watching(self._items, file.polling, surroundings)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Asks `run` to end soon."""
        self._stopping.set()

    async def run(self) -> None:
        """Serves the server until `stop`; what had come in by then is handed over first."""
        async with asyncio.TaskGroup() as group:
            handing_over = group.create_task(self._inbox.hand_over(), name="opcua hand-over")
            await keep_connected(lambda: unless(self._stopping, self._hold_session()), self._stopping, self._surroundings)
            await self._inbox.emptied()
            handing_over.cancel()

    async def _hold_session(self) -> None:
        given = self._surroundings
        session = Session(self._file, given.report.status.name, given.pki_directory, given.clock)
        try:
            await session.open()
            watch = await self._watching.begin(session, self._upstream(session))
            self._surroundings.report.up()
            reminder = Reminder(session.warnings, given)
            await _first_error(*session.watchers(), *watch.watchers, reminder.remind)
        finally:
            await session.close()

    def _upstream(self, session: Session) -> Upstream:
        return Upstream(
            take=self._inbox.put, republish=session.republish, lose=session.lose, count_lost=self._count_lost_messages
        )

    def _count_lost_messages(self, amount: int) -> None:
        self._surroundings.report.count("messages_lost", amount)
        self._surroundings.report.note("the server left out messages and no longer has them; their values are lost")


async def _first_error(*endless: Callable[[], Coroutine[Any, Any, NoReturn]]) -> NoReturn:
    """Runs side by side what never ends by itself, and raises the first error of ours bare, not in a group."""
    failures: list[EmsTelemetryError] = []
    try:
        async with asyncio.TaskGroup() as group:
            for work in endless:
                group.create_task(work(), name=f"opcua {work.__name__}")
    except* EmsTelemetryError as errors:
        failures = [error for error in errors.exceptions if isinstance(error, EmsTelemetryError)]
    raise failures[0]
