"""Looks into a spool from outside, whether or not a service uses it, and changes nothing."""

import contextlib
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.spool.sqlite import FILE_NAME

TOTALS_SINCE = 2
"""The format of the file since which its totals stand in it."""
_COUNT = "SELECT count(*), coalesce(sum(size), 0) FROM batches"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DamagedEntry(NamedTuple):
    """Something that could not be read and was set aside: an entry, or a stretch of a file that was damaged as a whole."""

    sequence: int
    set_aside_at: datetime
    reason: str
    size_bytes: int


class Inspection(NamedTuple):
    """What is in the spool at one moment."""

    batches: int
    size_bytes: int
    oldest_at: datetime | None
    last_sequence: int
    damaged: Sequence[DamagedEntry]
    files_set_aside: Sequence[Path]
    """Whole files that were damaged, and logs."""


def inspect(directory: Path) -> Inspection | None:
    """Looks into the spool of a folder; None if there is none yet.

    Raises:
        SpoolDamagedError: it cannot be read.
    """
    path = directory / FILE_NAME
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            return _look(connection, directory)
    except sqlite3.Error as error:
        raise SpoolDamagedError(f"the spool {path} cannot be read: {error}") from error


def appended_since(directory: Path, sequence: int) -> dict[int, int]:
    """Gives the sizes of the batches appended after a sequence, by theirs, as far as they are still there.

    Raises:
        SpoolDamagedError: it cannot be read.
    """
    path = directory / FILE_NAME
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            return dict(connection.execute("SELECT sequence, size FROM batches WHERE sequence > ?", (sequence,)).fetchall())
    except sqlite3.Error as error:
        raise SpoolDamagedError(f"the spool {path} cannot be read: {error}") from error


def _look(connection: sqlite3.Connection, directory: Path) -> Inspection:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    counting = "SELECT batches, size FROM totals" if version >= TOTALS_SINCE else _COUNT
    batches, size = connection.execute(counting).fetchone()
    oldest = connection.execute("SELECT appended_us FROM batches ORDER BY sequence LIMIT 1").fetchone()
    (last,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone() or (0,)
    damaged = connection.execute("SELECT sequence, set_aside_us, reason, length(body) FROM damaged ORDER BY sequence")
    return Inspection(
        batches=batches,
        size_bytes=size,
        oldest_at=None if oldest is None else _time(oldest[0]),
        last_sequence=last,
        damaged=[DamagedEntry(sequence, _time(at_us), reason, length) for sequence, at_us, reason, length in damaged],
        files_set_aside=sorted(
            file for file in directory.glob(f"{FILE_NAME}*.damaged-*") if not file.name.endswith(("-wal", "-shm"))
        ),
    )


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
