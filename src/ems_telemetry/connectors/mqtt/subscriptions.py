"""Subscriptions as they are asked for, granted, and remembered: a broker keeps those that the file no longer names."""

import json
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

_FILE_NAME = "subscriptions.json"
_TOPICS_PER_PACKET = 8
"""Some hosted brokers end a connection that asks for more in one packet."""


class Granted(NamedTuple):
    """The subscriptions not granted as asked: those refused, each with a reason, and those lowered, each with its QoS."""

    refused: dict[str, str]
    lowered: dict[str, int]


def in_packets(filters: Iterable[str]) -> Iterable[list[str]]:
    """Shares filters out among packets."""
    rest = iter(filters)
    while part := list(islice(rest, _TOPICS_PER_PACKET)):
        yield part


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
