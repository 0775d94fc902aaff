"""One reader per spool: a lock on a file that the kernel gives back when its holder ends, however it ends."""

import fcntl
import os
from pathlib import Path
from typing import IO


class ReaderLock:
    """The right to read and remove. `take` may be called again after `release`; both do no harm twice."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "reader.lock"
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Takes the lock if nobody has it.

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
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        except BaseException:
            file.close()
            raise
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return True

    def holder(self) -> str:
        """Tells the process id of whoever took the lock last."""
        return self._path.read_text().strip() or "unknown"

    def release(self) -> None:
        """Gives the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None
