"""Keeps births on disk, so that data which names metrics by alias alone can be read after a restart. Synchronous: for threads.

What `save` has written outlives a power cut: the birth is acknowledged after it, and nobody sends it again.
"""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ems_telemetry.connectors.mqtt.sparkplug.births import decode_record, encode_record
from ems_telemetry.connectors.mqtt.sparkplug.parts import Standing
from ems_telemetry.connectors.mqtt.sparkplug.topic import PartName
from ems_telemetry.connectors.state_file import StateFile
from ems_telemetry.errors import TransientError

FILE_NAME = "births.db"
MOST_PARTS = 20_000
"""Edge nodes and devices kept; beyond, those that changed longest ago are forgotten."""

_FORM = StateFile(
    version=1,
    schema=(
        # In the order of the last change; the device of an edge node itself is an empty text.
        """
        CREATE TABLE parts (
            at INTEGER PRIMARY KEY AUTOINCREMENT, family TEXT NOT NULL, edge_node TEXT NOT NULL, device TEXT NOT NULL,
            born INTEGER NOT NULL, alive INTEGER NOT NULL, record BLOB, UNIQUE (family, edge_node, device)
        )
        """,
    ),
    waits_for_disk=True,
)


class Kept(NamedTuple):
    """How a part stands; None if it is to be forgotten."""

    part: PartName
    standing: Standing | None


class BirthStore:
    """`open`, then `load` and `save`, then `close`. A file that cannot be read is set aside, never deleted."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._connection: sqlite3.Connection | None = None
        self._one_at_a_time = threading.Lock()

    def open(self) -> Path | None:
        """Opens or makes the file; does nothing if it is open.

        Returns:
            Where a damaged file was set aside, if there was one.

        Raises:
            TransientError: the folder or the file cannot be written.
        """
        try:
            with self._one_at_a_time:
                if self._connection is not None:
                    return None
                self._connection, aside = _FORM.open(self._path)
                return aside
        except (OSError, sqlite3.Error) as error:
            raise TransientError(f"{self._path} cannot be opened: {error}") from error

    def load(self) -> list[tuple[PartName, Standing]]:
        """Gives all that is kept, what changed last at the end; passes over what another version has written.

        Raises:
            TransientError: the file cannot be read.
        """
        try:
            with self._one_at_a_time:
                query = "SELECT family, edge_node, device, born, alive, record FROM parts ORDER BY at"
                rows = self._opened().execute(query).fetchall()
        except sqlite3.Error as error:
            raise TransientError(f"{self._path} cannot be read: {error}") from error
        return [restored for row in rows if (restored := _restored(*row)) is not None]

    def save(self, kept: Sequence[Kept]) -> None:
        """Writes how parts stand now; all of them or none.

        Raises:
            TransientError: the file cannot be written; nothing was.
        """
        rows = [_row(part, standing) for part, standing in kept if standing is not None]
        gone = [_key(part) for part, standing in kept if standing is None]
        try:
            with self._one_at_a_time, self._opened() as transaction:
                transaction.execute("BEGIN IMMEDIATE")
                transaction.executemany("DELETE FROM parts WHERE family = ? AND edge_node = ? AND device = ?", gone)
                transaction.executemany(
                    "INSERT OR REPLACE INTO parts (family, edge_node, device, born, alive, record) VALUES (?, ?, ?, ?, ?, ?)",
                    rows,
                )
                transaction.execute(
                    "DELETE FROM parts WHERE at <= (SELECT at FROM parts ORDER BY at DESC LIMIT 1 OFFSET ?)", (MOST_PARTS,)
                )
        except sqlite3.Error as error:
            raise TransientError(f"{self._path} cannot be written: {error}") from error

    def close(self) -> None:
        """Closes the file; does no harm twice, or before `open`."""
        with self._one_at_a_time:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("it is not open")
        return self._connection


def _key(part: PartName) -> tuple[str, str, str]:
    return part.group, part.edge_node, part.device or ""


def _row(part: PartName, standing: Standing) -> tuple[object, ...]:
    record = None if standing.record is None else encode_record(standing.record)
    return (*_key(part), standing.born, standing.alive, record)


def _restored(*row: object) -> tuple[PartName, Standing] | None:
    group, edge_node, device, born, alive, record = row
    try:
        known = decode_record(record) if isinstance(record, bytes) else None
    except ValueError:
        return None
    return PartName(str(group), str(edge_node), str(device) or None), Standing(bool(born), bool(alive), known)
