"""What was done and when, in one file and on the screen: what an account of losses is held against."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `at` is aware UTC, by the runner's own clock, which nobody turns."""

    at: datetime
    since_start_s: float
    text: str

    def __str__(self) -> str:
        return f"{self.since_start_s:7.1f} s  {self.text}"


class Chronicle:
    """Begins when it is made. Bounded by what a hand can do in an hour."""

    def __init__(self, file: Path) -> None:
        self._began_s = monotonic()
        self._file = file
        self.entries: list[Entry] = []

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return monotonic() - self._began_s

    def tell(self, text: str) -> None:
        """Writes one line down, with its time."""
        entry = Entry(datetime.now(UTC), self.elapsed_s, text)
        self.entries.append(entry)
        with self._file.open("a") as log:
            log.write(f"{entry.at.isoformat(timespec='milliseconds')} {entry}\n")
        sys.stdout.write(f"{entry}\n")
        sys.stdout.flush()

    def around(self, time: datetime, within: timedelta = timedelta(seconds=10)) -> Sequence[Entry]:
        """Gives what was done shortly before and after a moment."""
        return [entry for entry in self.entries if abs(entry.at - time) <= within]
