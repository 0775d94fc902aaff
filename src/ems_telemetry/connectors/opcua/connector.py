"""Runs one OPC UA server: one session after another, each with all monitored items; whatever they send goes to the sink."""

import asyncio
from collections.abc import Sequence

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.link import first_error, keep_connected
from ems_telemetry.connectors.opcua.clock_watch import ClockWatch
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.history import Backfill
from ems_telemetry.connectors.opcua.inbox import Inbox
from ems_telemetry.connectors.opcua.ledger import Ledger
from ems_telemetry.connectors.opcua.plan import WantedItem, wanted_items
from ems_telemetry.connectors.opcua.reminding import Reminder
from ems_telemetry.connectors.opcua.resolving import Target
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Upstream
from ems_telemetry.connectors.opcua.watching import Watching
from ems_telemetry.waiting import unless


class OpcUaConnector:
    """The connector of one file; `connectors/contract.py` tells what `run` and `stop` promise."""

    def __init__(self, file: OpcUaFile, surroundings: Surroundings) -> None:
        self._file = file
        self._surroundings = surroundings
        self._items = wanted_items(file)
        self._ledger = Ledger(self._items, surroundings, enabled=file.history.read == "auto")
        self._inbox = Inbox(self._items, surroundings, self._ledger.marks)
        self._watching = Watching(self._items, file, surroundings)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Asks `run` to end soon."""
        self._stopping.set()

    async def run(self) -> None:
        """Serves the server until `stop`; what had come in by then is handed over first."""
        try:
            await self._ledger.open()
            async with asyncio.TaskGroup() as group:
                handing_over = group.create_task(self._inbox.hand_over(), name="opcua hand-over")
                keeping = group.create_task(self._ledger.keep(), name="opcua ledger")
                await keep_connected(lambda: unless(self._stopping, self._hold_session()), self._stopping, self._surroundings)
                await self._inbox.emptied()
                handing_over.cancel()
                keeping.cancel()
        finally:
            await self._ledger.close()

    async def _hold_session(self) -> None:
        given = self._surroundings
        session = Session(self._file, given.report.status.name, given.pki_directory, given.clock)
        try:
            await session.open()
            self._inbox.interrupt()
            watch = await self._watching.begin(session, self._upstream(session))
            self._surroundings.report.up()
            reminder = Reminder(session.warnings, given)
            timing = ClockWatch(session.read_clock, given)
            filling = self._backfill(session)
            beside = reminder.remind, timing.watch_clock, filling.fill_holes
            await first_error((*session.watchers(), *watch.watchers, *beside))
        finally:
            await session.close()

    def _upstream(self, session: Session) -> Upstream:
        return Upstream(
            take=self._inbox.put,
            republish=session.republish,
            lose=session.lose,
            count_lost=self._count_lost_messages,
            interrupt=self._inbox.interrupt,
        )

    def _backfill(self, session: Session) -> Backfill:
        resolver = self._watching.resolver(session)
        handles = {item.point: handle for handle, item in enumerate(self._items)}

        async def locate(items: Sequence[WantedItem]) -> list[Target | None]:
            asked = [handles[item.point] for item in items]
            found = await resolver.resolve(asked)
            return [found.get(handle) for handle in asked]

        return Backfill(session, self._items, self._ledger.marks, locate, self._file.history, self._surroundings)

    def _count_lost_messages(self, amount: int) -> None:
        self._inbox.interrupt()
        self._surroundings.report.count("messages_lost", amount)
        self._surroundings.report.note("the server left out messages and no longer has them; their values are lost")
