"""The spool's SQLite file and what is done to it. Synchronous, for one thread; `sqlite.py` gives it one."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolDamagedError, SpoolFullError
from ems_telemetry.model import Receipt
from ems_telemetry.observe import get_logger
from ems_telemetry.spool.codec import decode, encode
from ems_telemetry.spool.lost import Lost
from ems_telemetry.spool.port import Entry
from ems_telemetry.spool.salvage import salvage

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
_ROW_OVERHEAD_BYTES = 32
_BALLAST_BYTES = 2**20
"""Room kept for the moment the disk is full: even removing something takes some."""
_NO_END = 2**63 - 1
_PRIMARY = 0xFF
"""The part of SQLite's error codes that tells the kind."""
_DROP_SHARE = 100
"""When the oldest must go, one part in so many goes at once, so that it need not happen at each append."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What is in the file."""

    batches: int
    size_bytes: int
    oldest_us: int | None
    damaged: int
    last_sequence: int


class SpoolFile:
    """The open file. Each method but `transaction` expects to be called inside one."""

    def __init__(self, path: Path, max_size_bytes: int, when_full: WhenFull) -> None:
        self._path = path
        self._max_size_bytes = max_size_bytes
        self._when_full = when_full
        self._log = get_logger("ems_telemetry.spool", file=str(path))
        self._connection = _open(path)
        self._ballast = path.with_name("ballast")
        self._seen_version = 0
        self.appended_bytes = 0
        """Since it was opened."""
        self.totals = self._count()
        self.take_ballast()

    def close(self) -> None:
        """Closes the file; SQLite folds its log into it."""
        self._connection.close()

    def renew(self) -> None:
        """Sets the file aside, since it turned out to be damaged, and goes on with what can be read of it."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = _begin_anew(self._path)
        self.totals = self._count()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits on the way out, or undoes everything, the totals too."""
        self._connection.execute("BEGIN IMMEDIATE")
        before, appended_bytes = self._count(), self.appended_bytes
        self.totals = before
        try:
            yield
            self._keep_count(before)
            self._connection.execute("COMMIT")
        except BaseException:
            self.totals, self.appended_bytes = before, appended_bytes
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def take_ballast(self) -> None:
        """Fills a file with nothing, to be given up when the disk is full; does without where there is no room for it."""
        if self._ballast.exists():
            return
        try:
            self._ballast.write_bytes(bytes(_BALLAST_BYTES))
        except OSError:
            self._ballast.unlink(missing_ok=True)

    def drop_ballast(self) -> None:
        """Gives up the ballast, and folds SQLite's log into the file, so that removing is possible on a full disk."""
        self._log.warning("the disk of the spool is full", event_code="spool_disk_full")
        self._ballast.unlink(missing_ok=True)
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def append(self, body: bytes, items: int, receipts: Sequence[Receipt]) -> None:
        """Adds a batch and its receipts; receipts alone if it has no items. There is one receipt per packet id: the last.

        Raises:
            SpoolFullError: there is no room and nothing may be dropped; nothing was added.
        """
        size = len(body) + _ROW_OVERHEAD_BYTES
        if items and self.totals.size_bytes + size > self._max_size_bytes:
            self._make_room(size)
        if items:
            self._insert(body, items)
            self.appended_bytes += size
        self._connection.executemany("INSERT OR REPLACE INTO receipts (source, packet_id, digest) VALUES (?, ?, ?)", receipts)

    def read(self, max_readings: int, first: int = 0, end: int | None = None) -> list[Entry]:
        """Gives the oldest entries of a range of sequences; sets aside those that can't be read."""
        entries: list[Entry] = []
        broken: list[tuple[int, str]] = []
        items = 0
        query = "SELECT sequence, items, body FROM batches WHERE sequence >= ? AND sequence < ? ORDER BY sequence"
        rows = self._connection.execute(query, (first, _NO_END if end is None else end))
        with contextlib.closing(rows):
            for sequence, count, body in rows:
                try:
                    entries.append(Entry(sequence, decode(body)))
                except SpoolDamagedError as error:
                    broken.append((sequence, str(error)))
                    continue
                items += count
                if items >= max_readings:
                    break
        for sequence, reason in broken:
            self._set_aside(sequence, reason)
        return entries

    def remove(self, sequences: Sequence[int]) -> None:
        """Removes entries; passes over those that are gone."""
        for sequence in sequences:
            for (size,) in self._connection.execute("DELETE FROM batches WHERE sequence = ? RETURNING size", (sequence,)):
                self._took_away(size)
        if sequences:
            self.totals = replace(self.totals, oldest_us=self._oldest_us())

    def holds(self, receipt: Receipt) -> bool:
        """Tells whether a receipt is there, with this very digest."""
        query = "SELECT 1 FROM receipts WHERE source = ? AND packet_id = ? AND digest = ?"
        return self._connection.execute(query, receipt).fetchone() is not None

    def look_for_others(self) -> None:
        """Counts anew if another process has written meanwhile, and keeps the ballast. Needs no transaction."""
        self.take_ballast()
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._seen_version:
            self._seen_version = version
            self.totals = self._count()

    def _make_room(self, size: int) -> None:
        if self._when_full is WhenFull.REFUSE or size > self._max_size_bytes // 2:
            message = (
                f"the spool holds {self.totals.size_bytes} of {self._max_size_bytes} bytes and has no room for {size} more"
            )
            raise SpoolFullError(message)
        target = min(self._max_size_bytes - size, self._max_size_bytes - self._max_size_bytes // _DROP_SHARE)
        lost: dict[str, Lost] = {}
        while self.totals.size_bytes > target:
            row = self._connection.execute("SELECT sequence, body FROM batches ORDER BY sequence LIMIT 1").fetchone()
            if row is None:
                break
            with contextlib.suppress(SpoolDamagedError):
                batch = decode(row[1])
                lost.setdefault(batch.connector, Lost(batch.connector)).add(batch)
            self.remove([row[0]])
        for account in (each.account() for each in lost.values()):
            self._insert(encode(account), len(account))

    def _insert(self, body: bytes, items: int) -> None:
        size = len(body) + _ROW_OVERHEAD_BYTES
        appended_us = _now_us()
        query = "INSERT INTO batches (appended_us, items, size, body) VALUES (?, ?, ?, ?)"
        sequence = self._connection.execute(query, (appended_us, items, size, body)).lastrowid or 0
        totals = self.totals
        self.totals = Totals(
            batches=totals.batches + 1,
            size_bytes=totals.size_bytes + size,
            oldest_us=appended_us if totals.oldest_us is None else totals.oldest_us,
            damaged=totals.damaged,
            last_sequence=sequence,
        )

    def _set_aside(self, sequence: int, reason: str) -> None:
        self._log.error("a damaged entry was set aside", event_code="spool_entry_damaged", sequence=sequence, reason=reason)
        move = "INSERT INTO damaged SELECT sequence, ?, ?, body FROM batches WHERE sequence = ?"
        self._connection.execute(move, (_now_us(), reason, sequence))
        self.remove([sequence])
        self.totals = replace(self.totals, damaged=self.totals.damaged + 1)

    def _took_away(self, size: int) -> None:
        self.totals = replace(self.totals, batches=self.totals.batches - 1, size_bytes=self.totals.size_bytes - size)

    def _oldest_us(self) -> int | None:
        row = self._connection.execute("SELECT appended_us FROM batches ORDER BY sequence LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    def _count(self) -> Totals:
        batches, size = self._connection.execute("SELECT batches, size FROM totals").fetchone()
        (damaged,) = self._connection.execute("SELECT count(*) FROM damaged").fetchone()
        (last,) = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone() or (0,)
        return Totals(batches, size, self._oldest_us(), damaged, last)

    def _keep_count(self, before: Totals) -> None:
        batches, size = self.totals.batches - before.batches, self.totals.size_bytes - before.size_bytes
        if batches or size:
            self._connection.execute("UPDATE totals SET batches = batches + ?, size = size + ?", (batches, size))


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepare(path)
    except OSError as error:
        message = f"the spool's folder {path.parent} cannot be made: {error.strerror}; set spool.directory to one that can"
        raise SpoolDamagedError(message) from error
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            message = f"the spool {path} cannot be opened: {error}"
            raise SpoolDamagedError(message) from error
    return _begin_anew(path)


def is_damage(error: sqlite3.Error) -> bool:
    """Tells whether SQLite found its file damaged, rather than busy, full or out of reach."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & _PRIMARY in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _begin_anew(path: Path) -> sqlite3.Connection:
    """Sets a damaged file aside and begins a new one with all that can still be read of it."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    connection = _prepare(path)
    connection.execute("BEGIN IMMEDIATE")
    salvaged = salvage(aside, connection)
    connection.execute("UPDATE totals SET (batches, size) = (SELECT count(*), coalesce(sum(size), 0) FROM batches)")
    connection.executemany(
        "INSERT INTO damaged (set_aside_us, reason, body) VALUES (?, ?, x'')",
        [(_now_us(), f"{aside.name}: entries {first} to {last} cannot be read") for first, last in salvaged.unreadable],
    )
    connection.execute("COMMIT")
    get_logger("ems_telemetry.spool").error(
        "the spool's file was damaged and set aside; what can be read of it goes on",
        event_code="spool_file_damaged",
        set_aside=str(aside),
        entries=salvaged.entries,
        unreadable=salvaged.unreadable,
    )
    return connection


def _prepare(path: Path) -> sqlite3.Connection:
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


def _now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)
