"""Looks into a spool that may belong to another process, without opening it for writing or changing anything."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.spool.port import SpoolState
from ems_telemetry.spool.sqlite import FILE_NAME

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def peek(directory: Path, max_size_bytes: int) -> SpoolState | None:
    """Tells how full the spool of a folder is; None where there is none yet.

    Raises:
        SpoolDamagedError: it can't be read; says why.
    """
    file = directory / FILE_NAME
    if not file.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            batches, size = connection.execute("SELECT batches, size FROM totals").fetchone()
            (damaged,) = connection.execute("SELECT count(*) FROM damaged").fetchone()
            oldest = connection.execute("SELECT appended_us FROM batches ORDER BY sequence LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise SpoolDamagedError(f"the spool {file} cannot be read: {error}") from error
    oldest_at = None if oldest is None else _EPOCH + timedelta(microseconds=oldest[0])
    return SpoolState(batches, size, max_size_bytes, oldest_at, damaged)
