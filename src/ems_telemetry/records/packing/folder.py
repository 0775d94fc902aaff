"""The files of a pack while they are gathered, in a folder of their own: written piece by piece, never held whole."""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ems_telemetry.errors import PermanentError

_ODD: Final = re.compile(r"[^A-Za-z0-9_-]+")


class PackFolder:
    """Gathers files under the names they have in the pack.

    Args:
        directory: an empty folder.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.files: dict[str, Path] = {}

    async def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Adds to a file, which is there from the first time on.

        Raises:
            PermanentError: the disk does not take it.
        """
        path = self.files.setdefault(name, self._directory / f"{len(self.files)}.part")
        try:
            await asyncio.to_thread(_append, path, b"".join(pieces))
        except OSError as error:
            raise PermanentError(f"{path.parent} cannot be written: {error.strerror}") from error


def file_name(*words: str) -> str:
    """Gives a plain name for a file out of words that may hold anything."""
    return "-".join(part for word in words if (part := _ODD.sub("_", word).strip("_-")))


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)
