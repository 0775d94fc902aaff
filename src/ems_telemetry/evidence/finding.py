"""What a verification found to be wrong, each with the file it is in."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

LISTED: Final = 100
"""So many findings are listed of each file; more are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold; `str()` gives `file:line: what`."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.line is None else f"{self.path}:{self.line}: {self.message}"


class Findings:
    """Collects findings, of each file no more than can be read."""

    def __init__(self) -> None:
        self._listed: list[Finding] = []
        self._counts: Counter[str] = Counter()

    def add(self, path: str, message: str, line: int | None = None) -> None:
        """Adds a finding."""
        self._counts[path] += 1
        if self._counts[path] <= LISTED:
            self._listed.append(Finding(path, message, line))

    def __len__(self) -> int:
        return self._counts.total()

    def all(self) -> tuple[Finding, ...]:
        """Gives what was found, in that order; last, of which files there is more."""
        more = {path: count - LISTED for path, count in self._counts.items() if count > LISTED}
        return (*self._listed, *(Finding(path, f"and {count} more") for path, count in more.items()))
