"""SQLite's write-ahead log, read for one question: are there commits in it that SQLite passed over?

    offset  bytes  content
    0       32     header: magic, format, page size, count of checkpoints, two salts, two checksums; big-endian
    32      …      frames: 24 bytes (page, size of the database or 0, two salts, two checksums), then a page

A frame belongs to the log if it has the header's salts. One whose size is not 0 is the last of a commit.
"""

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGICS = (0x377F0682, 0x377F0683)
_PAGE_SIZES = frozenset(2**power for power in range(9, 17))


@dataclass(frozen=True, slots=True)
class Logged:
    """What stands in a log. `commits` are the numbers of the frames that end a commit, from 1."""

    path: Path
    header: bytes
    is_known: bool
    """False if the header is none."""
    commits: tuple[int, ...] = ()

    def passed_over(self, taken: int) -> int:
        """Tells how many commits stand behind the frames that SQLite took; 1 or more if the header is none."""
        return sum(number > taken for number in self.commits) if self.is_known else 1

    def is_damaged(self, taken: int) -> bool:
        """Tells whether no crash explains it: that breaks off one commit at most, and never tears the header."""
        return not self.is_known or self.passed_over(taken) > 1

    def header_only(self) -> "Logged":
        """The same without its commits."""
        return replace(self, commits=())


def look_at(path: Path, *, header_only: bool = False) -> Logged | None:
    """Looks at a log; None if there is none, or nothing in it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        header = file.read(_HEADER.size)
        if not header:
            return None
        if len(header) < _HEADER.size:
            return Logged(path, header, is_known=False)
        magic, _, page_size, _, *salts, first, second = _HEADER.unpack(header)
        order = ">" if magic & 1 else "<"
        is_known = magic in _MAGICS and page_size in _PAGE_SIZES and _sum(header[:24], order) == (first, second)
        commits = () if header_only or not is_known else _commits(file, page_size, tuple(salts))
        return Logged(path, header, is_known, commits)


def _commits(file: BinaryIO, page_size: int, salts: tuple[int, ...]) -> tuple[int, ...]:
    found: list[int] = []
    size = _FRAME.size + page_size
    whole = (file.seek(0, 2) - _HEADER.size) // size
    for number in range(whole):
        file.seek(_HEADER.size + number * size)
        _, pages, first, second, *_ = _FRAME.unpack(file.read(_FRAME.size))
        if (first, second) != salts:
            continue
        if pages:
            found.append(number + 1)
    return tuple(found)


def _sum(data: bytes, order: str) -> tuple[int, int]:
    """SQLite's checksum of a header."""
    first = second = 0
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second
