"""Keeps the marks of one connector in memory, and every few seconds on disk, so that a restart is an outage like any other."""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.mark_store import MarkStore
from ems_telemetry.connectors.opcua.marks import Marks
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.errors import TransientError
from ems_telemetry.waiting import first_of

SAVE_EVERY_S = 2.0


class Ledger:
    """`open` before the first session, `keep` beside all of them, `close` after the last.

    Where the disk lets nothing be written, holes are still filled as long as the process lives.
    """

    def __init__(self, items: Sequence[WantedItem], surroundings: Surroundings, *, enabled: bool) -> None:
        self._sources = {item.point: item.source for item in items}
        self._surroundings = surroundings
        self._store = MarkStore(surroundings.state_directory)
        self._enabled = enabled
        self._told = (0, 0)
        self._begun = asyncio.Event()
        self.marks = Marks(self._sources if enabled else (), self._begun.set)

    async def open(self) -> None:
        """Takes over what an earlier run wrote down."""
        if not self._enabled:
            return
        report = self._surroundings.report
        try:
            set_aside = await asyncio.to_thread(self._store.open)
            self.marks.restore(await asyncio.to_thread(self._store.load, self._sources.items()))
        except TransientError as error:
            report.note(f"a restart will not be backfilled: {error}")
            return
        if set_aside is not None:
            report.note(f"the marks could not be read and were set aside as {set_aside}; nothing before now is backfilled")

    async def keep(self) -> NoReturn:
        """Writes down what has changed, every few seconds, and the first mark of a point at once, until cancelled."""
        while True:
            await first_of(self._surroundings.clock.sleep(SAVE_EVERY_S), self._begun.wait())
            self._begun.clear()
            await self._save()

    async def close(self) -> None:
        """Writes down how all points stand, and closes the file."""
        await self._save()
        await asyncio.to_thread(self._store.close)

    async def _save(self) -> None:
        self._count()
        changed = self.marks.take_changed()
        if not changed:
            return
        try:
            await asyncio.to_thread(self._store.save, [(self._sources[standing.point], standing) for standing in changed])
        except asyncio.CancelledError:
            self.marks.put_back(changed)
            raise
        except TransientError as error:
            self.marks.put_back(changed)
            self._surroundings.report.note(f"a restart will not be backfilled: {error}")

    def _count(self) -> None:
        opened, closed = self._told
        self._told = (self.marks.opened, self.marks.closed)
        self._surroundings.report.count("holes_opened", self.marks.opened - opened)
        self._surroundings.report.count("holes_closed", self.marks.closed - closed)
