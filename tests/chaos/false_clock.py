"""Turns the wall clock of one process while it runs, by libfaketime; what it measures time with, the monotonic clock, stays."""

from collections.abc import Mapping
from pathlib import Path

import faketime


class FalseClock:
    """The clock of whoever is started with `environment`; it is looked at about once a second."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._library = faketime.install()
        self.turn(0)

    @property
    def environment(self) -> Mapping[str, str]:
        """Under which a process goes by this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def turn(self, ahead_s: float) -> None:
        """Sets it so far ahead of the true time, or behind it."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead_s:+.3f}s\n")
        new.replace(self._file)
