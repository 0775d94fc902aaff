"""Remembers what was subscribed: the broker keeps subscriptions of a durable session that the file no longer names."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

_FILE_NAME = "subscriptions.json"


class SubscriptionNotes:
    """The topic filters that the broker may hold for us, in a small file. Losing it costs dead letters, no data."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE_NAME

    def read(self) -> set[str]:
        """Gives the filters noted last; none if there is no note, or it cannot be read."""
        try:
            noted = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return set()
        return {each for each in noted if isinstance(each, str)} if isinstance(noted, list) else set()

    def write(self, filters: Iterable[str]) -> None:
        """Notes the filters, so that a crash leaves either the old note or the new one.

        Raises:
            OSError: the folder cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(sorted(filters), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
