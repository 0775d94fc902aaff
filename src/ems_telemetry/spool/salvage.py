"""Takes what can still be read out of a damaged spool file. The file itself is left as it is."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

Entry: TypeAlias = tuple[int, object, object, object]
"""Its sequence, when it was appended (microseconds since 1970), its items, its bytes; damage may make anything of them."""
TOGETHER = 256
"""So many entries are read at once as long as nothing is wrong."""
MOST_UNREADABLE = 100_000
"""After so many sequences in a row under which nothing can be read nothing more is looked for."""
_HIGHEST = 2**62
"""A sequence beyond it was never given out; it comes of the damage."""
_FIELDS = "sequence, appended_us, items, body"
_ROW_OVERHEAD_BYTES = 32


class Salvaged(NamedTuple):
    """What came of it: entries that were read, and stretches of sequences `(first, last)` that cannot be."""

    entries: int
    unreadable: tuple[tuple[int, int], ...]
    receipts: int


def salvage(damaged: Path, into: sqlite3.Connection, last_sequence: int = 0) -> Salvaged:
    """Copies all that can be read into another spool, in its order and under its sequences.

    Args:
        damaged: the file set aside.
        into: a new spool's connection, within a transaction.
        last_sequence: the highest known to have been given out; what is appended from now on has a higher one.
    """
    if not damaged.is_file() or not damaged.stat().st_size:  # SQLite deletes the log of an empty file
        _go_on_after(into, last_sequence)
        return Salvaged(0, (), 0)
    with contextlib.closing(sqlite3.connect(f"{damaged.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as source:
        entries, unreadable = 0, _Stretches()
        first, last = _bounds(source)
        last = max(last, last_sequence)
        for entry in _readable(source, first, last, unreadable):
            entries += _put(entry, into)
        _copy_damaged(source, into)
        _go_on_after(into, last)
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


def _put(entry: Entry, into: sqlite3.Connection) -> int:
    """Takes an entry over, if its fields are what they must be; tells how many that were."""
    sequence, appended_us, items, body = entry
    if not (isinstance(appended_us, int) and isinstance(items, int) and isinstance(body, bytes)):
        return 0
    if not 0 < sequence <= _HIGHEST:
        return 0
    query = "INSERT OR IGNORE INTO batches (sequence, appended_us, items, size, body) VALUES (?, ?, ?, ?, ?)"
    return into.execute(query, (sequence, appended_us, items, len(body) + _ROW_OVERHEAD_BYTES, body)).rowcount


def _readable(source: sqlite3.Connection, first: int, last: int, unreadable: _Stretches) -> Iterator[Entry]:
    """Reads forwards in groups; where a group cannot be read, one by one."""
    position, nothing_since = first, first
    while position <= last and position - nothing_since < MOST_UNREADABLE:
        try:
            query = f"SELECT {_FIELDS} FROM batches WHERE sequence >= ? ORDER BY sequence LIMIT {TOGETHER}"  # noqa: S608 - constants
            group = source.execute(query, (position,)).fetchall()
        except sqlite3.Error:
            group = _one_by_one(source, range(position, min(position + TOGETHER, last + 1)), unreadable)
            position += TOGETHER
        else:
            if not group or group[-1][0] < position:
                return
            position = group[-1][0] + 1
        if group:
            nothing_since = position
        yield from group


def _one_by_one(source: sqlite3.Connection, sequences: range, unreadable: _Stretches) -> list[Entry]:
    rows: list[Entry] = []
    for sequence in sequences:
        try:
            rows += source.execute(f"SELECT {_FIELDS} FROM batches WHERE sequence = ?", (sequence,)).fetchall()  # noqa: S608 - constants
        except sqlite3.Error:
            unreadable.add(sequence)
    return rows


def _bounds(source: sqlite3.Connection) -> tuple[int, int]:
    """Tells the first and the last sequence there may be; the last one given out is noted apart."""
    try:
        (last,) = source.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone() or (0,)
    except sqlite3.Error:
        last = 0
    highest = max(last if isinstance(last, int) and last <= _HIGHEST else 0, _end(source, "max"))
    return max(1, _end(source, "min")), highest


def _end(source: sqlite3.Connection, which: str) -> int:
    try:
        (found,) = source.execute(f"SELECT {which}(sequence) FROM batches").fetchone()  # noqa: S608 - one of two words
    except sqlite3.Error:
        return 0
    return found if isinstance(found, int) and found <= _HIGHEST else 0


def _go_on_after(into: sqlite3.Connection, last: int) -> None:
    if into.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'batches'", (last,)).rowcount == 0:
        into.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('batches', ?)", (last,))


def _copy_damaged(source: sqlite3.Connection, into: sqlite3.Connection) -> None:
    """Takes over what was set aside before, so that its count never falls."""
    with contextlib.suppress(sqlite3.Error):
        for row in source.execute("SELECT sequence, set_aside_us, reason, body FROM damaged"):
            into.execute("INSERT OR IGNORE INTO damaged (sequence, set_aside_us, reason, body) VALUES (?, ?, ?, ?)", row)


def _copy_receipts(source: sqlite3.Connection, into: sqlite3.Connection) -> int:
    copied = 0
    with contextlib.suppress(sqlite3.Error):
        for receipt in source.execute("SELECT source, packet_id, digest FROM receipts"):
            into.execute("INSERT OR REPLACE INTO receipts (source, packet_id, digest) VALUES (?, ?, ?)", receipt)
            copied += 1
    return copied
