"""Keeps marks and holes in a small SQLite file, so that they outlive the process. Synchronous: called from threads.

Mark and holes of a point change in one transaction, so that no mark on disk is ever ahead of the holes behind it. What is not
written yet is harmless to lose (see `marks.py`), so a commit need not wait for the disk.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ems_telemetry.connectors.opcua.marks import Standing
from ems_telemetry.connectors.opcua.spans import Span
from ems_telemetry.connectors.state_file import StateFile
from ems_telemetry.errors import TransientError

FILE_NAME = "marks.db"
_FORM = StateFile(
    version=1,
    schema=(
        "CREATE TABLE marks (point TEXT PRIMARY KEY, source TEXT NOT NULL, mark_us INTEGER) WITHOUT ROWID",
        "CREATE TABLE holes (point TEXT, start_us INTEGER, end_us INTEGER, PRIMARY KEY (point, start_us)) WITHOUT ROWID",
    ),
    waits_for_disk=False,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class MarkStore:
    """`open`, then `load` and `save`, then `close`. A file that cannot be read is set aside, never deleted."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._connection: sqlite3.Connection | None = None
        self._one_at_a_time = threading.Lock()

    def open(self) -> Path | None:
        """Opens or makes the file.

        Returns:
            Where a damaged file was set aside, if there was one.

        Raises:
            TransientError: the folder or the file cannot be written.
        """
        try:
            with self._one_at_a_time:
                self._connection, aside = _FORM.open(self._path)
                return aside
        except (OSError, sqlite3.Error) as error:
            raise TransientError(f"{self._path} cannot be opened: {error}") from error

    def load(self, sources: Iterable[tuple[str, str]]) -> list[Standing]:
        """Gives what is written of the points named.

        Args:
            sources: point and source of each; where the point was read from another source then, its mark tells nothing.

        Raises:
            TransientError: the file cannot be read.
        """
        if self._connection is None:
            return []
        wanted = set(sources)
        try:
            marks = self._connection.execute("SELECT point, source, mark_us FROM marks").fetchall()
            rows = self._connection.execute("SELECT point, start_us, end_us FROM holes ORDER BY point, start_us").fetchall()
        except sqlite3.Error as error:
            raise TransientError(f"{self._path} cannot be read: {error}") from error
        holes = {
            point: tuple(Span(_time(start_us), _time(end_us)) for _, start_us, end_us in spans)
            for point, spans in groupby(rows, itemgetter(0))
        }
        return [
            Standing(point, None if mark_us is None else _time(mark_us), holes.get(point, ()))
            for point, source, mark_us in marks
            if (point, source) in wanted
        ]

    def save(self, standings: Sequence[tuple[str, Standing]]) -> None:
        """Writes how points stand now, each with its source; all of them or none.

        Raises:
            TransientError: the file cannot be written; nothing was.
        """
        points = [(standing.point,) for _, standing in standings]
        marks = [(standing.point, source, _optional_us(standing.mark)) for source, standing in standings]
        holes = [(standing.point, _us(span.start), _us(span.end)) for _, standing in standings for span in standing.holes]
        try:
            with self._one_at_a_time, self._transaction() as transaction:
                transaction.execute("BEGIN IMMEDIATE")
                transaction.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", marks)
                transaction.executemany("DELETE FROM holes WHERE point = ?", points)
                transaction.executemany("INSERT INTO holes VALUES (?, ?, ?)", holes)
        except sqlite3.Error as error:
            raise TransientError(f"{self._path} cannot be written: {error}") from error

    def _transaction(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("it is not open")
        return self._connection

    def close(self) -> None:
        """Closes the file; does no harm twice, or before `open`."""
        with self._one_at_a_time:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _us(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _optional_us(time: datetime | None) -> int | None:
    return None if time is None else _us(time)


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
