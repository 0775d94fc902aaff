"""Where the backfill of a large file stands, kept beside the spool: one that was broken off goes on where it stopped.

What is written lies behind what is durable in the spool, never before it: rows in between are read again, which is harmless.
"""

import contextlib
import hashlib
from pathlib import Path

import msgspec

from ems_telemetry.connectors.manual.stream import Place

_HEAD_BYTES = 64 * 1024
_TAIL_BYTES = 4 * 1024


class Standing(msgspec.Struct, frozen=True):
    """How far a file was taken, and how many of its rows were wrong so far."""

    offset: int
    line: int
    rows: int
    wrong: int
    behind: str
    """Digest of what lies just before the place: if it is another by now, the file was changed."""

    @property
    def place(self) -> Place:
        """Where it goes on."""
        return Place(self.offset, self.line)


class Bookmark:
    """The file in which it stands where one backfill is; named after what the input begins with."""

    def __init__(self, directory: Path, file: Path, *, offsets_are_bytes: bool) -> None:
        self._file = file
        self._offsets_are_bytes = offsets_are_bytes
        with file.open("rb") as opened:
            head = hashlib.sha256(opened.read(_HEAD_BYTES)).hexdigest()
        self._path = directory / "backfill" / f"{head[:24]}.json"

    def read(self) -> Standing | None:
        """Tells where an earlier run stopped; None if there was none, or the file was changed since."""
        try:
            standing = msgspec.json.decode(self._path.read_bytes(), type=Standing)
        except (OSError, msgspec.MsgspecError):
            return None
        return standing if standing.behind == self._digest_behind(standing.offset) else None

    def write(self, place: Place, rows: int, wrong: int) -> None:
        """Takes note that all before this place is in the spool.

        Raises:
            OSError: the spool's folder cannot be written.
        """
        standing = Standing(place.offset, place.line, rows, wrong, self._digest_behind(place.offset))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(standing))
        new.replace(self._path)

    def remove(self) -> None:
        """Forgets it: the file was taken to its end, or is to be taken from its beginning."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _digest_behind(self, offset: int) -> str:
        """Digests what lies before the place; of a file whose offsets are rows, its end, which describes all of it."""
        with self._file.open("rb") as opened:
            size = self._file.stat().st_size
            end = min(offset, size) if self._offsets_are_bytes else size
            begin = max(0, end - _TAIL_BYTES)
            opened.seek(begin)
            return hashlib.sha256(opened.read(end - begin)).hexdigest()[:24]
