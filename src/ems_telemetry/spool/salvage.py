"""Takes what can still be read out of a damaged spool file. The file itself is left as it is."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

Entry: TypeAlias = tuple[int, int, int, bytes]
"""When it was appended (microseconds since 1970), its items, its size, its bytes."""
TOGETHER = 256
"""So many entries are read at once as long as nothing is wrong."""
MOST_UNREADABLE = 100_000
"""After so many places in a row that cannot be read nothing more is looked for."""


class Salvaged(NamedTuple):
    """What came of it: entries that were read, and stretches of sequences `(first, last)` that cannot be."""

    entries: int
    unreadable: tuple[tuple[int, int], ...]
    receipts: int


def salvage(damaged: Path, into: sqlite3.Connection) -> Salvaged:
    """Copies all that can be read into another spool, in its order.

    Args:
        damaged: the file set aside.
        into: a spool's connection, within a transaction.
    """
    try:
        source = sqlite3.connect(f"file:{damaged}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error:
        return Salvaged(0, (), 0)
    with contextlib.closing(source):
        entries, unreadable = 0, _Stretches()
        for entry in _readable(source, unreadable):
            into.execute("INSERT INTO batches (appended_us, items, size, body) VALUES (?, ?, ?, ?)", entry)
            entries += 1
        return Salvaged(entries, tuple(unreadable.found), _copy_receipts(source, into))


class _Stretches:
    """Sequences that cannot be read, neighbours joined."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []

    def add(self, sequence: int) -> None:
        if self.found and self.found[-1][1] == sequence - 1:
            self.found[-1] = (self.found[-1][0], sequence)
        else:
            self.found.append((sequence, sequence))


def _readable(source: sqlite3.Connection, unreadable: _Stretches) -> Iterator[Entry]:
    """Reads forwards in groups; where a group cannot be read, one by one."""
    position, last = _bounds(source)
    failed_in_a_row = 0
    while position <= last and failed_in_a_row < MOST_UNREADABLE:
        end = min(position + TOGETHER, last + 1)
        try:
            group = source.execute(
                "SELECT appended_us, items, size, body FROM batches WHERE sequence >= ? AND sequence < ? ORDER BY sequence",
                (position, end),
            ).fetchall()
        except sqlite3.Error:
            for sequence in range(position, end):
                try:
                    row = source.execute(
                        "SELECT appended_us, items, size, body FROM batches WHERE sequence = ?", (sequence,)
                    ).fetchone()
                except sqlite3.Error:
                    unreadable.add(sequence)
                    failed_in_a_row += 1
                    continue
                failed_in_a_row = 0
                if row is not None:
                    yield row
        else:
            failed_in_a_row = 0
            yield from group
        position = end


def _bounds(source: sqlite3.Connection) -> tuple[int, int]:
    """Tells the first and the last sequence there may be; the last one given out is noted apart."""
    try:
        (last,) = source.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone() or (0,)
    except sqlite3.Error:
        last = _end(source, "max")
    return max(1, _end(source, "min")), int(last)


def _end(source: sqlite3.Connection, which: str) -> int:
    try:
        (found,) = source.execute(f"SELECT {which}(sequence) FROM batches").fetchone()  # noqa: S608 - one of two words
    except sqlite3.Error:
        return 0
    return int(found or 0)


def _copy_receipts(source: sqlite3.Connection, into: sqlite3.Connection) -> int:
    copied = 0
    with contextlib.suppress(sqlite3.Error):
        for receipt in source.execute("SELECT source, packet_id, digest FROM receipts"):
            into.execute("INSERT OR REPLACE INTO receipts (source, packet_id, digest) VALUES (?, ?, ?)", receipt)
            copied += 1
    return copied
