"""Small SQLite files in which connectors keep what must outlive the process. A damaged one is set aside, never deleted."""

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StateFile:
    """The form of a file.

    `waits_for_disk` tells whether a commit returns only when it would outlive a power cut, or may be lost with one.
    """

    version: int
    schema: Sequence[str]
    waits_for_disk: bool

    def open(self, path: Path) -> tuple[sqlite3.Connection, Path | None]:
        """Opens or makes a file of this form, and its folder.

        Returns:
            A connection for any thread, one at a time; and where a damaged file was set aside, if there was one.

        Raises:
            OSError: the folder cannot be written.
            sqlite3.Error: the file cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._prepared(path), None
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
        aside = _set_aside(path)
        return self._prepared(path), aside

    def _prepared(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self.waits_for_disk else 'NORMAL'}")
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        ((finding, *_), *_) = connection.execute("PRAGMA quick_check").fetchall()
        ((version,),) = connection.execute("PRAGMA user_version").fetchall()
        if finding != "ok" or version not in {0, self.version}:
            raise _UnreadableError(f"format {version}, {finding}")
        if version == 0:
            with connection as transaction:
                transaction.execute("BEGIN IMMEDIATE")
                for statement in self.schema:
                    transaction.execute(statement)
                transaction.execute(f"PRAGMA user_version = {self.version}")


class _UnreadableError(sqlite3.DatabaseError):
    """The file can be opened, and is not ours to read."""


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    codes = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    return isinstance(error, _UnreadableError) or getattr(error, "sqlite_errorcode", None) in codes


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
