"""Reads a file once, piece by piece: its hash, its size, its lines."""

from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Final

from ems_telemetry.evidence.manifest import MAX_LINE_BYTES, PackedFile

PIECE_BYTES: Final = 2**18


class TooLongError(ValueError):
    """A file, or a line in it, is longer than it may be."""


class Measured:
    """A file that is read once, either by its lines or as a whole; what it was is known at the end."""

    def __init__(self, stream: IO[bytes], limit_bytes: int) -> None:
        """Takes a file to be read.

        Args:
            stream: at its beginning.
            limit_bytes: more is not read.
        """
        self._stream = stream
        self._limit_bytes = limit_bytes
        self._hash = sha256()
        self._size_bytes = 0
        self._rows: int | None = None

    def lines(self) -> Iterator[bytes]:
        """Gives the lines, without their ends; the last may have none.

        Raises:
            TooLongError: the file or a line is longer than it may be.
        """
        self._rows = 0
        rest = b""
        for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield self._counted(line)
            if len(rest) > MAX_LINE_BYTES:
                self._counted(rest)
        if rest:
            yield self._counted(rest)

    def pieces(self) -> Iterator[bytes]:
        """Gives what is still to be read.

        Raises:
            TooLongError: the file is longer than it may be.
        """
        while piece := self._stream.read(PIECE_BYTES):
            self._size_bytes += len(piece)
            if self._size_bytes > self._limit_bytes:
                raise TooLongError(f"has more than the {self._limit_bytes} bytes it should have")
            self._hash.update(piece)
            yield piece

    def _counted(self, line: bytes) -> bytes:
        self._rows = (self._rows or 0) + 1
        if len(line) > MAX_LINE_BYTES:
            raise TooLongError(f"has more than {MAX_LINE_BYTES} bytes in line {self._rows}")
        return line

    def as_packed(self, path: str) -> PackedFile:
        """Gives what was read, as a manifest tells it."""
        return PackedFile(path=path, sha256=self._hash.hexdigest(), size=self._size_bytes, rows=self._rows)


def exhaust(pieces: Iterator[bytes]) -> None:
    """Reads to the end, for the sake of the hash."""
    for _ in pieces:
        pass
