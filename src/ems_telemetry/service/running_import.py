"""Readings that a person brings, as one run: every batch of it says who brought it, so that none is stored untold.

What the audit trail is told travels with the readings through the spool, and is written in the transaction that stores them:
neither a crash nor a database that is away comes in between.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from ems_telemetry.model import Batch, Run, RunEnd
from ems_telemetry.storage.audit import Actor


@dataclass(frozen=True, slots=True)
class BroughtBy:
    """Who brings readings, on whose word and why.

    Attributes:
        actor: whom the audit trail names.
        author: who says so, if that is somebody else.
        reason: why, if they say so.
    """

    actor: Actor
    author: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class RunningImport:
    """One run while it goes on. `part` for each batch, `handed_over` once it is durable, `end` when all are."""

    by: BroughtBy
    verb: str
    source: str
    began_at: datetime
    sha256: str | None = None
    refused: int = 0
    """Rows that were wrong, and left out."""
    id: UUID = field(default_factory=uuid4)
    _batches: int = 0
    _readings: int = 0

    def part(self) -> Run:
        """Gives what stands in the next batch."""
        actor = self.by.actor
        who = (actor.id, actor.name, actor.client)
        return Run(
            self.id, uuid4(), self.began_at, *who, self.source, self.verb, self.sha256, self.by.author, self.by.reason
        )  # fmt: skip

    def handed_over(self, readings: int) -> None:
        """Counts a batch that is durable."""
        self._batches += 1
        self._readings += readings

    def end(self) -> Batch | None:
        """Gives the batch that ends it; None where nothing was handed over, of which nothing is to be told."""
        if not self._batches:
            return None
        ended = RunEnd(self._batches + 1, self._readings, self.refused)
        return Batch(self.verb, run=self.part()._replace(ended=ended))


def file_sha256(path: Path) -> str:
    """Gives the SHA-256 of a file in hexadecimal, read piece by piece.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
