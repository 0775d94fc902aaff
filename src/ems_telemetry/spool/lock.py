"""One reader per spool: a lock on a file that the kernel gives back when its holder ends, however it ends."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

import psutil

_TRIES = 3
_BETWEEN_S = 0.02


class ReaderLock:
    """The right to read and remove. `take` may be called again after `release`; both do no harm twice."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "reader.lock"
        self._file: IO[str] | None = None

    def take(self, address: str = "") -> bool:
        """Takes the lock if nobody has it.

        Args:
            address: where whoever has it can be asked, a URL; for `address`.

        Returns:
            False if another process has it; `holder` tells which.

        Raises:
            OSError: the folder can't be written.
        """
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+")
        try:
            is_ours = _lock(file)
        except BaseException:
            file.close()
            raise
        if not is_ours:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{os.getpid()}\n{address}\n")
        file.flush()
        self._file = file
        return True

    def holder(self) -> str:
        """Tells the process id of whoever took the lock last."""
        return self._line(0) or "unknown"

    def address(self) -> str | None:
        """Tells where whoever took the lock last can be asked; None where it did not say."""
        return self._line(1) or None

    def is_held(self) -> bool:
        """Tells whether a process has the lock, without taking it."""
        if self._file is not None:
            return True
        try:
            with self._path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def holding_process(self) -> int | None:
        """Tells which process of this machine has the lock; None if none has, or it is in another container."""
        pid = self.holder() if self.is_held() else ""
        try:
            process = psutil.Process(int(pid))
            return process.pid if str(self._path.resolve()) in {file.path for file in process.open_files()} else None
        except psutil.AccessDenied:
            return int(pid)
        except (psutil.NoSuchProcess, ValueError):
            return None

    def _line(self, number: int) -> str:
        try:
            lines = self._path.read_text().splitlines()
        except OSError:
            return ""
        return lines[number].strip() if number < len(lines) else ""

    def release(self) -> None:
        """Gives the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: IO[str]) -> bool:
    """Tries more than once: somebody may be looking just now whether the lock is held."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_BETWEEN_S)
        else:
            return True
    return False
