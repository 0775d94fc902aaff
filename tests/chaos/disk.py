"""A small disk of the service's own, in a name space that ends with its holder; it can be filled to the brim and emptied."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

SIZE = "24M"
READY = b"mounted\n"
_CHUNK = bytes(64 * 1024)


class SmallDisk:
    """A tmpfs over a folder, seen by whoever is started with `prefix`. What is on it outlives the killing of those."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        script = f'mount -t tmpfs -o size={SIZE} tmpfs "$1" && echo mounted && exec cat'
        alone = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(folder)]
        self._holder = subprocess.Popen(alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own script
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != READY:
            raise RuntimeError("this machine lets nobody mount a small disk: unshare --map-root-user --mount failed")
        self._filler = Path(f"/proc/{self._holder.pid}/root{folder}/filler")

    @property
    def prefix(self) -> Sequence[str]:
        """What to put before a command that is to see the disk."""
        return ("nsenter", "--target", str(self._holder.pid), "--user", "--mount", "--preserve-credentials")

    def fill(self) -> None:
        """Leaves no byte free."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while filler.write(_CHUNK):
                pass

    def empty(self) -> None:
        """Gives the room back."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of it; what was on it is gone."""
        os.kill(self._holder.pid, signal.SIGTERM)
        for stream in (self._holder.stdin, self._holder.stdout):
            if stream is not None:
                stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._holder.wait(10)
