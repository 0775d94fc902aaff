"""Opens the spool's SQLite file, and sets aside what of it cannot be read: never deleted, always named and counted.

SQLite itself passes over two damages in silence, and writes over what it passed over: a log that is not whole to its end, and a
file of which nothing is left. Both are looked for here before anything is written.
"""

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.observe import get_logger
from ems_telemetry.spool.logged import Logged, look_at
from ems_telemetry.spool.salvage import Salvaged, salvage

_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE batches (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    appended_us INTEGER NOT NULL,
    items       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    body        BLOB NOT NULL
);
CREATE TABLE receipts (
    source      TEXT NOT NULL,
    packet_id   INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    PRIMARY KEY (source, packet_id)
) WITHOUT ROWID;
CREATE TABLE damaged (
    sequence        INTEGER PRIMARY KEY,
    set_aside_us    INTEGER NOT NULL,
    reason          TEXT NOT NULL,
    body            BLOB NOT NULL
);
"""
_TOTALS = """
CREATE TABLE totals (
    batches INTEGER NOT NULL,
    size    INTEGER NOT NULL
);
INSERT INTO totals SELECT count(*), coalesce(sum(size), 0) FROM batches;
"""
"""Kept in each transaction, so that a spool of any size is opened at once."""
_PRIMARY = 0xFF
"""The part of SQLite's error codes that tells the kind."""
_PARTS = ("", "-wal", "-shm")


def open_file(path: Path, *, held_something: bool) -> sqlite3.Connection:
    """Opens or makes a spool's file; begins a new one in the place of a damaged one.

    Args:
        path: of the file.
        held_something: a spool was opened in this folder before, so a file without content has lost it.

    Raises:
        SpoolDamagedError: it cannot be opened or made; says why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_emptied(path, held_something=held_something):
            return begin_anew(path)
        if path.is_file() and not os.access(path, os.W_OK):
            # SQLite would open it for reading and refuse the first append.
            raise SpoolDamagedError(f"the spool {path} cannot be opened: it may not be written; see its owner and mode")
        return _open_whole(path)
    except OSError as error:
        message = f"the spool's folder {path.parent} cannot be made: {error.strerror}; set spool.directory to one that can"
        raise SpoolDamagedError(message) from error
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            message = f"the spool {path} cannot be opened: {error}"
            raise SpoolDamagedError(message) from error
    return begin_anew(path)


def is_damage(error: sqlite3.Error) -> bool:
    """Tells whether SQLite found its file damaged, rather than busy, full or out of reach."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    return code == sqlite3.SQLITE_IOERR_SHORT_READ or code & _PRIMARY in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def begin_anew(path: Path, last_sequence: int = 0) -> sqlite3.Connection:
    """Sets a damaged file aside and begins a new one with all that can still be read of it, under the same sequences.

    Args:
        path: of the file.
        last_sequence: the highest known to have been given out; it will not be given out again.
    """
    aside = _place_aside(path, "damaged")
    for suffix in _PARTS:
        with contextlib.suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(aside, suffix))
    connection = _connect(path)
    connection.execute("BEGIN IMMEDIATE")
    salvaged = salvage(aside, connection, last_sequence)
    connection.execute("UPDATE totals SET (batches, size) = (SELECT count(*), coalesce(sum(size), 0) FROM batches)")
    _note(connection, f"the file was damaged and is now {aside.name}; {salvaged.entries} entries could be read")
    for first, last in salvaged.unreadable:
        _note(connection, f"{aside.name}: entries {first} to {last} cannot be read", first)
    connection.execute("COMMIT")
    _tell_set_aside(aside, salvaged)
    return connection


def now_us() -> int:
    """Gives the time, in microseconds since 1970."""
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def _open_whole(path: Path) -> sqlite3.Connection:
    logged = look_at(_beside(path, "-wal"))
    connection = _connect(path)
    if logged is not None:
        _keep_what_is_passed_over(connection, path, logged)
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 2000")
        _make_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_schema(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for made_by, statements in ((1, _SCHEMA), (2, _TOTALS)):
        if version < made_by:
            for statement in statements.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {made_by}")
    connection.execute("COMMIT")
    if version > _SCHEMA_VERSION:
        message = f"the spool {path} has format {version}, and this version knows {_SCHEMA_VERSION}; use the newer version"
        raise SpoolDamagedError(message)


def _keep_what_is_passed_over(connection: sqlite3.Connection, path: Path, logged: Logged) -> None:
    """Copies a log of which SQLite did not take all commits, and counts it unless a crash explains it."""
    (_, taken, _) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    passed_over = logged.passed_over(taken)
    if not passed_over or look_at(logged.path, header_only=True) != logged.header_only():
        return  # whole; or another process has begun it anew meanwhile, having taken all of it
    aside = _place_aside(logged.path, "damaged" if logged.is_damaged(taken) else "broken-off")
    aside.write_bytes(logged.path.read_bytes())
    log = get_logger("ems_telemetry.spool", file=str(path))
    if not logged.is_damaged(taken):
        log.info(
            "the last append was broken off; a copy of the log was kept", event_code="spool_log_broken_off", copy=str(aside)
        )
        return
    _note(connection, f"the end of the log was damaged; a copy of it is {aside.name}")
    log.error(
        "the end of the spool's log was damaged; a copy was set aside",
        event_code="spool_log_damaged",
        set_aside=str(aside),
        commits=passed_over,
    )


def _is_emptied(path: Path, *, held_something: bool) -> bool:
    """Tells whether a file has lost all it held: SQLite would take it for a new one and delete its log."""
    if not path.is_file() and not _size(_beside(path, "-wal")):
        return False
    return not _size(path) and (held_something or bool(_size(_beside(path, "-wal"))))


def _note(connection: sqlite3.Connection, reason: str, sequence: int | None = None) -> None:
    """Counts something that was set aside; under a sequence of its own, if it has none, which no batch is given any more."""
    if sequence is None:
        put = "INSERT INTO batches (appended_us, items, size, body) VALUES (0, 0, 0, x'')"
        sequence = connection.execute(put).lastrowid
        connection.execute("DELETE FROM batches WHERE sequence = ?", (sequence,))
    row = (sequence, now_us(), reason)
    connection.execute("INSERT OR IGNORE INTO damaged (sequence, set_aside_us, reason, body) VALUES (?, ?, ?, x'')", row)


def _tell_set_aside(aside: Path, salvaged: Salvaged) -> None:
    get_logger("ems_telemetry.spool").error(
        "the spool's file was damaged and set aside; what can be read of it goes on",
        event_code="spool_file_damaged",
        set_aside=str(aside),
        entries=salvaged.entries,
        unreadable=salvaged.unreadable,
        receipts=salvaged.receipts,
    )


def _place_aside(path: Path, why: str) -> Path:
    return path.with_name(f"{path.name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
