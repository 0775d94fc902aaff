"""What was committed last, remembered outside the database: one restored from a backup, or a late standby, is found out.

What such a database lacks is no longer in the spool either.
Of each connector the newest reading is remembered. If the database does not have it when it is next connected to, everything
received since the newest one that it has is missing there.
"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
import psycopg

from ems_telemetry.model import Flag, Gap
from ems_telemetry.storage.load import Row

FILE_NAME = "stored.json"
CAUSE = "database_restored"
_NAMESPACE = UUID("b2f0f4de-6a6b-5a0a-8a0e-6c1a54a7a3f2")
"""Of the ids of gaps made here. They follow from the stretch, so that telling one twice is harmless."""
_BACKFILLED = int(Flag.BACKFILLED)
_IS_THERE = """
    SELECT EXISTS (SELECT FROM readings WHERE point_id = (SELECT id FROM points WHERE key = %(point)s) AND time = %(time)s),
           (SELECT max(received_at) FROM latest_readings l JOIN points p ON p.id = l.point_id JOIN meters m ON m.id = p.meter_id
            WHERE m.connector = %(connector)s)
"""


class Mark(NamedTuple):
    """The newest reading of a connector that was committed, and when the first one was received that is remembered."""

    first_at: datetime
    point: str
    time: datetime
    received_at: datetime


class Marks:
    """One mark for each connector. `load` before the others; `save` in a thread, from time to time."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._marks: dict[str, Mark] = {}
        self._is_saved = True

    def load(self) -> None:
        """Reads what was remembered; nothing if it cannot be read."""
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            self._marks = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Mark])

    def note(self, rows: Sequence[Row]) -> None:
        """Takes note of rows that were committed, all of which the database took."""
        for row in rows:
            mark = self._marks.get(row.connector)
            if row.flags & _BACKFILLED or (mark is not None and row.received_at < mark.received_at):
                continue
            first_at = row.received_at if mark is None else mark.first_at
            self._marks[row.connector] = Mark(first_at, row.point, row.time, row.received_at)
            self._is_saved = False

    def forget(self, connectors: Sequence[str]) -> None:
        """Forgets what is known to be missing, once that was told."""
        for connector in connectors:
            self._is_saved = self._marks.pop(connector, None) is None and self._is_saved

    def kept(self, now: datetime, keep_s: float | None) -> Mapping[str, Mark]:
        """Gives the marks, without those that retention may have dropped by now."""
        if keep_s is None:
            return dict(self._marks)
        return {name: mark for name, mark in self._marks.items() if now - mark.time < timedelta(seconds=keep_s)}

    def save(self) -> None:
        """Writes what is remembered, if it has changed. Not synced: by an older mark less is found, and nothing wrong.

        Raises:
            OSError: the folder cannot be written.
        """
        if self._is_saved:
            return
        self._is_saved = True
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self._marks))
        fresh.replace(self._path)


async def find_missing(connection: psycopg.AsyncConnection[Any], marks: Mapping[str, Mark]) -> list[Gap]:
    """Finds what was committed and is missing now, as gaps: one for each connector, by the times of reception."""
    missing = []
    for connector, mark in marks.items():
        asked = {"connector": connector, "point": mark.point, "time": mark.time}
        is_there, newest_at = await (await connection.execute(_IS_THERE, asked, prepare=False)).fetchone() or (True, None)
        if not is_there:
            start = min(newest_at or mark.first_at, mark.received_at)
            id_ = uuid5(_NAMESPACE, f"{connector}:{start.isoformat()}:{mark.received_at.isoformat()}")
            missing.append(Gap(id_, connector, None, start, mark.received_at, CAUSE, 0))
    return missing
