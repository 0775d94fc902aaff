"""SQLite's own input and output, recorded: what it writes, cuts, syncs and deletes, in order, so that any crash can be played.

The recorder stands between SQLite and the unix VFS: the methods of each opened file are those of the VFS, but for the few that
change something. What is played back is a disk after the process was killed (all writes are there) or after the power was cut
(synced writes are there; of the others any may be missing, or be torn).
"""

import _sqlite3
import ctypes
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

_OK = 0
_SECTOR_BYTES = 512
"""What a disk writes as a whole; SQLite relies on it."""
_LIBRARY = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
"""The very library that Python's module uses."""


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("delete", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 16),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("truncate", ctypes.c_void_p),
        ("sync", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 13),
    )


_Open = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_Write = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class Change(NamedTuple):
    """One thing SQLite did to a file: `write` at an offset, `truncate` to a size, `sync`, `delete`."""

    what: str
    file: str
    offset: int = 0
    data: bytes = b""


@dataclass(slots=True)
class _File:
    now: bytearray = field(default_factory=bytearray)
    """As the running process sees it."""
    unsynced: list[Change] = field(default_factory=list)
    synced: bytearray = field(default_factory=bytearray)


class Disk:
    """What the changes so far make of the files."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def add(self, change: Change) -> None:
        """Does one change."""
        if change.what == "delete":
            self._files.pop(change.file, None)
            return
        file = self._files.setdefault(change.file, _File())
        if change.what == "sync":
            file.synced = bytearray(file.now)
            file.unsynced.clear()
        else:
            _do(file.now, change)
            file.unsynced.append(change)

    def killed(self, into: Path) -> None:
        """Lays out the files as they are when the process is killed."""
        for name, file in self._files.items():
            (into / name).write_bytes(file.now)

    def cut(self, into: Path, chance: random.Random) -> None:
        """Lays out the files as they may be when the power is cut."""
        for name, file in self._files.items():
            content = bytearray(file.synced)
            for change in file.unsynced:
                _do(content, _what_is_left(change, chance))
            (into / name).write_bytes(content)


def _what_is_left(change: Change, chance: random.Random) -> Change:
    fate = chance.choice(("all", "all", "nothing", "torn"))
    if fate == "all" or (change.what == "truncate" and fate == "torn"):
        return change
    if fate == "nothing":
        return change._replace(what="nothing")
    end = chance.randrange(change.offset, change.offset + len(change.data) + _SECTOR_BYTES) // _SECTOR_BYTES * _SECTOR_BYTES
    return change._replace(data=change.data[: max(0, end - change.offset)])


def _do(content: bytearray, change: Change) -> None:
    if change.what == "truncate":
        del content[change.offset :]
    elif change.what == "write" and change.data:
        content.extend(bytes(max(0, change.offset - len(content))))
        content[change.offset : change.offset + len(change.data)] = change.data


def _file_name(pointer: int) -> str:
    return Path(ctypes.string_at(pointer).decode()).name


@contextmanager
def every_change(told: Callable[[Change], None]) -> Iterator[None]:
    """Tells each change before SQLite makes it, for all files opened within the `with`; they must be closed within it too."""
    recorder = _Recorder(told)
    recorder.begin()
    try:
        yield
    finally:
        recorder.end()


class _Recorder:
    """A VFS of its own, in the place of the default one."""

    def __init__(self, told: Callable[[Change], None]) -> None:
        _LIBRARY.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._told = told
        self._original: Any = _LIBRARY.sqlite3_vfs_find(None)
        self._vfs = _Vfs.from_buffer_copy(self._original.contents)
        self._vfs.next = None
        self._vfs.name = b"recorded"
        self._names: dict[int, str] = {}
        self._kept: list[object] = []
        """Whatever SQLite points to must live as long as the recorder."""

    def begin(self) -> None:
        original_open, original_delete = _Open(self._vfs.open), _Delete(self._vfs.delete)

        def open_(vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:  # noqa: ANN401 - a C pointer
            code: int = original_open(vfs, name, file, flags, out)  # keeps the pointer to the name
            if code == _OK and name is not None:
                self._names[file] = _file_name(name)
                self._stand_between(file)
            return code

        def delete(vfs: int, name: int, sync: int) -> int:
            self._told(Change("delete", _file_name(name)))
            return int(original_delete(vfs, name, sync))

        self._vfs.open = self._pointer(_Open(open_))
        self._vfs.delete = self._pointer(_Delete(delete))
        _LIBRARY.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)

    def end(self) -> None:
        _LIBRARY.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        _LIBRARY.sqlite3_vfs_register(self._original, 1)

    def _stand_between(self, file: int) -> None:
        place = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
        methods = _Methods.from_buffer_copy(ctypes.cast(place[0] or 0, ctypes.POINTER(_Methods)).contents)
        write, truncate, sync = _Write(methods.write), _Truncate(methods.truncate), _Sync(methods.sync)

        def write_(file: int, data: int, size: int, offset: int) -> int:
            self._told(Change("write", self._names[file], offset, ctypes.string_at(data, size)))
            return int(write(file, data, size, offset))

        def truncate_(file: int, size: int) -> int:
            self._told(Change("truncate", self._names[file], size))
            return int(truncate(file, size))

        def sync_(file: int, flags: int) -> int:
            code: int = sync(file, flags)
            self._told(Change("sync", self._names[file]))
            return code

        methods.write = self._pointer(_Write(write_))
        methods.truncate = self._pointer(_Truncate(truncate_))
        methods.sync = self._pointer(_Sync(sync_))
        self._kept.append(methods)
        place[0] = ctypes.addressof(methods)

    def _pointer(self, function: Any) -> int | None:  # noqa: ANN401 - ctypes has no public type for it
        self._kept.append(function)
        return ctypes.cast(function, ctypes.c_void_p).value
