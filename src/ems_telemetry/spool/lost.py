"""What had to go because the spool was full, as the batch that accounts for it."""

from datetime import datetime
from uuid import UUID, uuid4

from ems_telemetry.model import Batch, Declaration, Gap

DROPPED = "spool_full"
"""The cause of the gap that is made here; those for a whole connector are joined."""


class Lost:
    """What is lost of one connector.

    What points mean is kept, since readings to come need it, and so are gaps: they are the account of what is missing.
    """

    def __init__(self, connector: str) -> None:
        self._connector = connector
        self._gaps: dict[UUID, Gap] = {}
        self._declarations: dict[str, Declaration] = {}
        self._edges: list[datetime] = []
        self._refused = 0

    def add(self, batch: Batch) -> None:
        """Adds what a batch held; batches are added in their order."""
        self._declarations.update((one.key, one) for one in batch.declarations)
        for gap in batch.gaps:
            if not _is_ours(gap):
                self._gaps[gap.id] = max(self._gaps.get(gap.id, gap), gap, key=_is_later)
        ours = [gap for gap in batch.gaps if _is_ours(gap)]
        times = [reading.time for reading in batch.readings] + [letter.received_at for letter in batch.dead_letters]
        times += [edge for gap in ours for edge in (gap.start, gap.end)]
        self._refused += len(batch.readings) + len(batch.dead_letters) + sum(gap.refused for gap in ours)
        if times:
            self._edges = [min(times + self._edges), max(times + self._edges)]

    def account(self) -> Batch:
        """Gives what is to stand in the place of all of it."""
        gaps = list(self._gaps.values())
        if self._edges:
            gaps.append(Gap(uuid4(), self._connector, None, self._edges[0], self._edges[1], DROPPED, self._refused))
        return Batch(self._connector, gaps=gaps, declarations=tuple(self._declarations.values()))


def _is_later(gap: Gap) -> tuple[bool, datetime]:
    """What is known last of a gap: an account stands behind what was spooled before it, so that their order tells nothing."""
    return not gap.is_open, gap.end


def _is_ours(gap: Gap) -> bool:
    return gap.point is None and gap.cause == DROPPED
