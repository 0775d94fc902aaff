"""The durable hand-over between collecting and storing, as both sides see it.

Collecting appends batches; storing reads them in order and removes them after its own commit. Nothing else is shared, so
that a message broker can stand in the spool's place when the two run on different machines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ems_telemetry.model import Batch, Receipt


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch in the spool. Sequences rise in the order of appending and are never used twice."""

    sequence: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class SpoolState:
    """How full the spool is. `oldest_at` is when its oldest batch was appended; None if it is empty."""

    batches: int
    size_bytes: int
    max_size_bytes: int
    oldest_at: datetime | None
    damaged: int
    """Entries set aside since the spool was begun because they could not be read."""
    last_sequence: int = 0
    """The sequence given out last; what is appended from now on has a higher one."""
    appended_bytes: int = 0
    """How much this process has appended since it opened the spool, also what was removed since."""


class SpoolWriter(Protocol):
    """The collecting side. May be called from many tasks at once."""

    async def append(self, batch: Batch, receipts: Sequence[Receipt] = ()) -> None:
        """Returns when the batch and its receipts are on disk, together.

        Raises:
            SpoolFullError: it has no room; nothing was stored.
            SpoolDamagedError: its file cannot be written; nothing was stored.
        """
        ...

    async def is_durable(self, receipt: Receipt) -> bool:
        """Tells whether this receipt was appended and its packet id has not been taken by another message since."""
        ...

    async def wait_for_room(self) -> None:
        """Returns when an append may succeed again."""
        ...


class SpoolReader(Protocol):
    """The storing side. One reader at a time."""

    async def read(self, max_readings: int, *, first: int = 0, end: int | None = None) -> Sequence[Entry]:
        """Gives the oldest entries not yet removed, in order, without removing them.

        Args:
            max_readings: stop after the entry that reaches this many items; at least one entry is given if there is one.
            first: only entries from this sequence on.
            end: only entries before this sequence.

        Returns:
            Entries; empty if the spool is. A damaged entry is set aside, counted and not given.
        """
        ...

    async def remove(self, sequences: Sequence[int]) -> None:
        """Removes entries; those already removed are passed over. Durable by the time the next append is."""
        ...

    async def wait_for_entries(self) -> None:
        """Returns when there is something to read."""
        ...

    def state(self) -> SpoolState:
        """Tells how full it is, without I/O."""
        ...
