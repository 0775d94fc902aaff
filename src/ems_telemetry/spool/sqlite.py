"""The spool in an SQLite file: what `append` has returned for survives a power cut.

One thread owns the connection. It takes all appends and removals that have come in meanwhile into one transaction, so that a
hundred connectors share one fsync. Another process (`ems-telemetry import`) may append to the same file at the same time.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolDamagedError, SpoolFullError
from ems_telemetry.model import Batch, Receipt
from ems_telemetry.observe import get_logger
from ems_telemetry.spool.codec import encode
from ems_telemetry.spool.file import MovedError, SpoolFile
from ems_telemetry.spool.opening import is_damage
from ems_telemetry.spool.port import Entry, SpoolState

FILE_NAME = "spool.db"
_GROUP = 256
_LOOK_FOR_OTHERS_S = 0.5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ResultT = TypeVar("ResultT")


class _Command(NamedTuple):
    """Something to do on the spool's thread. Those that write are grouped into one transaction.

    Those that add need room on the disk; the others are done even when it is full.
    """

    act: Callable[[SpoolFile], Any]
    done: "Future[Any]"
    writes: bool
    adds: bool


_Outcome: TypeAlias = tuple[_Command, Any, "BaseException | None"]
"""A command with what it gave, or why it failed."""


class SqliteSpool:
    """Both sides of the spool (`SpoolWriter`, `SpoolReader`) over one file. Open before use; close once.

    Invariants, whatever breaks off at whatever write (`tests/unit/spool/test_properties.py` has a property for each):
    - What is acknowledged is kept: a batch and its receipts are in the file from the commit that `append` waited for until the
      commit that holds its removal. One whose append was broken off is there as a whole or not at all.
    - Batches come out whole, in order and once, and a refused one leaves no trace.
    - Sequences only rise; no sequence is given twice, not even in the file that takes a damaged one's place.
    - What had to go is counted in a gap, and `size_bytes` never exceeds the maximum but for these notes.
    - A crash is no damage: nothing is set aside after one.
    - What can't be read is moved to the table `damaged`, or its file renamed; it is never deleted, and it is counted
      (`tests/unit/spool/test_damages.py`). New appends go on.
    - Every call ends, with its result or an error that says why.
    """

    def __init__(self, directory: Path, *, max_size_bytes: int, when_full: WhenFull) -> None:
        self._directory = directory
        self._max_size_bytes = max_size_bytes
        self._when_full = when_full
        self._commands: queue.SimpleQueue[_Command | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._state = SpoolState(0, 0, max_size_bytes, None, 0)
        self._filled: asyncio.Event | None = None
        self._emptied: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._log = get_logger("ems_telemetry.spool", directory=str(directory))

    async def open(self) -> None:
        """Opens or makes the file.

        Raises:
            SpoolDamagedError: the folder can't be written, or a newer version of the product made the file.
        """
        self._loop = asyncio.get_running_loop()
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, args=(opened,), name="spool", daemon=True)
        self._thread.start()
        await asyncio.wrap_future(opened)

    async def close(self) -> None:
        """Finishes what was asked for and closes the file. Does no harm twice, or before `open`."""
        if self._thread is None:
            return
        self._commands.put(None)
        await asyncio.to_thread(self._thread.join)
        self._thread = None

    async def append(self, batch: Batch, receipts: Sequence[Receipt] = ()) -> None:
        """Returns when the batch and its receipts are on disk; see `SpoolWriter`."""
        body = encode(batch)
        await self._do(lambda file: file.append(body, len(batch), receipts), writes=True, adds=True)

    async def is_durable(self, receipt: Receipt) -> bool:
        """Tells whether this receipt was appended; see `SpoolWriter`."""
        return await self._do(lambda file: file.holds(receipt))

    async def wait_for_room(self) -> None:
        """Returns when an append may succeed again; looks again each second, as another process may make room."""
        assert self._emptied is not None  # noqa: S101 - set by open
        self._emptied.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._emptied.wait(), 1.0)

    async def read(self, max_readings: int, *, first: int = 0, end: int | None = None) -> Sequence[Entry]:
        """Gives the oldest entries; see `SpoolReader`."""
        return await self._do(lambda file: file.read(max_readings, first, end), writes=True)

    async def remove(self, sequences: Sequence[int]) -> None:
        """Removes entries; see `SpoolReader`."""
        await self._do(lambda file: file.remove(sequences), writes=True)

    async def wait_for_entries(self) -> None:
        """Returns when there is something to read."""
        assert self._filled is not None  # noqa: S101 - set by open
        await self._filled.wait()

    def state(self) -> SpoolState:
        """Tells how full it is, as of the last commit."""
        return self._state

    async def _do(self, act: Callable[[SpoolFile], ResultT], *, writes: bool = False, adds: bool = False) -> ResultT:
        if self._thread is None:
            raise SpoolDamagedError("the spool is not open")
        done: Future[ResultT] = Future()
        self._commands.put(_Command(act, done, writes, adds))
        return await asyncio.wrap_future(done)

    def _work(self, opened: "Future[None]") -> None:
        """The thread's life: open, serve commands in groups, close."""
        try:
            file = SpoolFile(self._directory / FILE_NAME, self._max_size_bytes, self._when_full)
        except Exception as error:  # noqa: BLE001 - a thread's top: whatever it is belongs to whoever opens
            opened.set_exception(error)
            return
        self._tell(file)
        opened.set_result(None)
        try:
            while (group := self._next_group()) is not None:
                if group:
                    _serve(file, group, self._tell)
                else:
                    self._look_for_others(file)
        finally:
            file.close()

    def _look_for_others(self, file: SpoolFile) -> None:
        try:
            file.look_for_others()
        except sqlite3.Error as error:
            if is_damage(error):
                _renew(file, (), error)
            else:
                self._log.warning("the spool cannot be looked at", event_code="spool_unreadable", reason=str(error))
        self._tell(file)

    def _next_group(self) -> list[_Command] | None:
        """Waits for commands and takes all there are; empty after a while without any; None when it is time to close."""
        try:
            first = self._commands.get(timeout=_LOOK_FOR_OTHERS_S)
        except queue.Empty:
            return []
        group: list[_Command] = []
        command: _Command | None = first
        while command is not None:
            group.append(command)
            if len(group) == _GROUP:
                return group
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return group
        if group:
            self._commands.put(None)
            return group
        return None

    def _tell(self, file: SpoolFile) -> None:
        before, totals = self._state, file.totals
        oldest_at = None if totals.oldest_us is None else _EPOCH + timedelta(microseconds=totals.oldest_us)
        self._state = SpoolState(
            batches=totals.batches,
            size_bytes=totals.size_bytes,
            max_size_bytes=self._max_size_bytes,
            oldest_at=oldest_at,
            damaged=totals.damaged,
            last_sequence=totals.last_sequence,
            appended_bytes=file.appended_bytes,
        )
        loop, filled, emptied = self._loop, self._filled, self._emptied
        if loop is None or filled is None or emptied is None or loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop may close while the last commands are served
            loop.call_soon_threadsafe(filled.set if totals.batches else filled.clear)
            if totals.size_bytes < before.size_bytes:
                loop.call_soon_threadsafe(emptied.set)


def _serve(file: SpoolFile, group: Sequence[_Command], tell: Callable[[SpoolFile], None]) -> None:
    """Does a group of commands, the writing ones in one transaction, and tells each how it went after the commit."""
    outcomes = _write(file, [command for command in group if command.writes])
    tell(file)
    for outcome in outcomes:
        _finish(*outcome)
    for command in group:
        if not command.writes:
            _finish(*_ask(file, command))


def _write(file: SpoolFile, commands: Sequence[_Command]) -> list[_Outcome]:
    """Does commands in one transaction. If the disk is full, those that add fail, and the others are done without them."""
    if not commands:
        return []
    outcomes: list[_Outcome] = []
    try:
        with file.transaction():
            outcomes.extend(_attempt(file, command) for command in commands)
    except sqlite3.Error as error:
        if is_damage(error) or isinstance(error, MovedError):
            return _renew(file, commands, error)
        failure = translate(error)
        others = [command for command in commands if not command.adds]
        failed: list[_Outcome] = [(command, None, failure) for command in commands if command.adds]
        if isinstance(failure, SpoolFullError) and failed:
            return failed + _write(file, others)
        if isinstance(failure, SpoolFullError):
            return _write_on_full_disk(file, others)
        return [(command, None, failure) for command in commands]
    return outcomes


def _renew(file: SpoolFile, commands: Sequence[_Command], error: sqlite3.Error) -> list[_Outcome]:
    """Begins a new file in the place of a damaged one. What was asked for is refused; whoever asked tries again."""
    failure: Exception = translate(error)
    try:
        if isinstance(error, MovedError):
            file.follow()
        else:
            file.renew()
    except (sqlite3.Error, OSError, SpoolDamagedError) as second:
        failure = SpoolDamagedError(f"the spool is damaged ({error}), and no new one can be begun: {second}")
    return [(command, None, failure) for command in commands]


def _write_on_full_disk(file: SpoolFile, commands: Sequence[_Command]) -> list[_Outcome]:
    try:
        file.drop_ballast()
        with file.transaction():
            return [_attempt(file, command) for command in commands]
    except sqlite3.Error as error:
        failure = translate(error)
        return [(command, None, failure) for command in commands]


def _attempt(file: SpoolFile, command: _Command) -> _Outcome:
    """Does one command. Its own refusal does not undo the others of its group; a fault of the file does."""
    try:
        return command, command.act(file), None
    except SpoolFullError as error:
        return command, None, error
    except (OverflowError, MemoryError) as error:
        return command, None, SpoolDamagedError(f"the spool cannot take it: {error}")


def _ask(file: SpoolFile, command: _Command) -> _Outcome:
    """Does one command that writes nothing; a damage it meets is dealt with as one met while writing."""
    try:
        return _attempt(file, command)
    except sqlite3.Error as error:
        if is_damage(error):
            (outcome,) = _renew(file, [command], error)
            return outcome
        return command, None, translate(error)


def _finish(command: _Command, result: Any, failure: BaseException | None) -> None:  # noqa: ANN401 - as the command returns
    if not command.done.set_running_or_notify_cancel():
        return
    if failure is None:
        command.done.set_result(result)
    else:
        command.done.set_exception(failure)


def translate(error: Exception) -> Exception:
    """Says what an error of SQLite means for the spool."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return SpoolFullError("the disk of the spool is full")
    if isinstance(error, sqlite3.Error):
        return SpoolDamagedError(f"the spool cannot be used: {error}")
    return error
