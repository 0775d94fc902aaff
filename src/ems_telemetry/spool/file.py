"""The spool's SQLite file and what is done to it. Synchronous, for one thread; `sqlite.py` gives it one."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolDamagedError, SpoolFullError
from ems_telemetry.model import Receipt
from ems_telemetry.observe import get_logger
from ems_telemetry.spool.codec import decode, encode
from ems_telemetry.spool.lost import Lost
from ems_telemetry.spool.opening import begin_anew, is_damage, now_us, open_file
from ems_telemetry.spool.port import Entry

_ROW_OVERHEAD_BYTES = 32
_BALLAST_BYTES = 2**20
"""Room kept for the moment the disk is full: even removing something takes some."""
_NO_END = 2**63 - 1
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


class MovedError(sqlite3.OperationalError):
    """The open file is no longer the spool: another process found it damaged and began a new one."""


class SpoolFile:
    """The open file. Each method but `transaction` expects to be called inside one."""

    def __init__(self, path: Path, max_size_bytes: int, when_full: WhenFull) -> None:
        self._path = path
        self._max_size_bytes = max_size_bytes
        self._when_full = when_full
        self._log = get_logger("ems_telemetry.spool", file=str(path))
        self._ballast = path.with_name("ballast")
        self._connection = open_file(path, held_something=_has_content(self._ballast))
        self._seen_version = 0
        self._place = self._stat()
        self.appended_bytes = 0
        """Since it was opened."""
        self.totals = Totals(0, 0, None, 0, 0)
        try:
            self.totals = self._count()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise SpoolDamagedError(f"the spool {path} cannot be read: {error}") from error
            self.renew()
        self.take_ballast()

    def close(self) -> None:
        """Closes the file; SQLite folds its log into it."""
        self._connection.close()

    def renew(self) -> None:
        """Sets the file aside, since it turned out to be damaged, and goes on with what can be read of it."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = begin_anew(self._path, self.totals.last_sequence)
        self._place = self._stat()
        self.totals = self._count()

    def follow(self) -> None:
        """Opens the file that another process has begun in the place of a damaged one."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = open_file(self._path, held_something=True)
        self._place = self._stat()
        self.totals = self._count()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits on the way out, or undoes everything, the totals too."""
        self._connection.execute("BEGIN IMMEDIATE")
        before, appended_bytes = self.totals, self.appended_bytes
        try:
            self.totals = before = self._count()
            yield
            self._keep_count(before)
            self._stay_in_place()
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
            with contextlib.suppress(OSError):
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
            try:
                batch = decode(row[1])
            except SpoolDamagedError as error:
                self._set_aside(row[0], str(error))
                continue
            lost.setdefault(batch.connector, Lost(batch.connector)).add(batch)
            self.remove([row[0]])
        for account in (each.account() for each in lost.values()):
            self._insert(encode(account), len(account))

    def _insert(self, body: bytes, items: int) -> None:
        size = len(body) + _ROW_OVERHEAD_BYTES
        appended_us = now_us()
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
        move = "INSERT OR REPLACE INTO damaged SELECT sequence, ?, ?, body FROM batches WHERE sequence = ?"
        self._connection.execute(move, (now_us(), reason, sequence))
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

    def _stay_in_place(self) -> None:
        if self._stat() != self._place:
            raise MovedError(f"another process has set {self._path.name} aside")

    def _stat(self) -> tuple[int, int] | None:
        """Tells which file has the spool's name; None if none has."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def _keep_count(self, before: Totals) -> None:
        batches, size = self.totals.batches - before.batches, self.totals.size_bytes - before.size_bytes
        if batches or size:
            self._connection.execute("UPDATE totals SET batches = batches + ?, size = size + ?", (batches, size))


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
