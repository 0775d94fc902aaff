"""Names of items whose messages hold ids alone: a gateway tells them apart, once, and they must not be forgotten.

They are kept in a small file. The broker shows what it retained to new subscriptions only, and after a restart sends the
messages it has kept for us before all else: whoever begins without names could not tell whose values those are.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Names: TypeAlias = Mapping[str, str]
"""From an item's id to its name."""


class NameBook:
    """The names of items by the topics of their messages. Its file is read when first asked; without one it is memory alone."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._names: dict[str, dict[str, str]] | None = None
        self._complained: set[str] = set()

    def of(self, topic: str) -> Names:
        """Gives the names of the items in a topic's messages; none if they have not been told."""
        return self._known.get(topic, {})

    def learn(self, told: Mapping[str, Names]) -> None:
        """Takes in what was told of some topics, and writes it down if it is new.

        Raises:
            OSError: the file cannot be written.
        """
        new = {topic: dict(names) for topic, names in told.items() if self._known.get(topic) != names}
        if new:
            self._known.update(new)
            self._write()

    def complain(self, topic: str) -> str | None:
        """Says that no names of a topic's items are known, once per topic; None if they are, or it has been said."""
        if topic in self._known or topic in self._complained:
            return None
        self._complained.add(topic)
        return f'no item has this id, and the names of the items in "{topic}" have not been told yet'

    @property
    def _known(self) -> dict[str, dict[str, str]]:
        if self._names is None:
            self._names = self._read()
        return self._names

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            told = {} if self._path is None else json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(told, dict):
            return {}
        return {topic: names for topic, names in told.items() if isinstance(names, dict)}

    def _write(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(self._names, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
