"""A spool in memory, with the storing side's port and a door to put batches in."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.model import Batch
from ems_telemetry.spool.port import Entry, SpoolState

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class MemorySpool:
    """Keeps entries until they are removed. `failing_removals` many removals fail, as if the process had died before them."""

    def __init__(self, *batches: Batch) -> None:
        self.entries: list[Entry] = []
        self.failing_removals = 0
        self.reads = 0
        self._next = 1
        self._changed = asyncio.Condition()
        for batch in batches:
            self._append(batch)

    async def put(self, *batches: Batch) -> None:
        """Appends batches and wakes the reader."""
        async with self._changed:
            for batch in batches:
                self._append(batch)
            self._changed.notify_all()

    async def wait_until_empty(self, timeout_s: float = 30.0) -> None:
        """Returns when everything was removed."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: not self.entries)

    async def read(self, max_readings: int, *, first: int = 0, end: int | None = None) -> Sequence[Entry]:
        self.reads += 1
        given: list[Entry] = []
        for entry in self.entries:
            if entry.sequence < first or (end is not None and entry.sequence >= end):
                continue
            if sum(len(one.batch) for one in given) >= max_readings:
                break
            given.append(entry)
        return given

    async def remove(self, sequences: Sequence[int]) -> None:
        async with self._changed:
            if self.failing_removals:
                self.failing_removals -= 1
                raise SpoolDamagedError("the spool's disk is away")
            self.entries = [entry for entry in self.entries if entry.sequence not in set(sequences)]
            self._changed.notify_all()

    async def wait_for_entries(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self.entries))

    def state(self) -> SpoolState:
        return SpoolState(len(self.entries), 0, 0, NOON if self.entries else None, 0, self._next - 1)

    def _append(self, batch: Batch) -> None:
        self.entries.append(Entry(self._next, batch))
        self._next += 1
