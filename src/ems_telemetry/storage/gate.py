"""Whether the database may be written to: shut deliberately for its maintenance, open otherwise."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Open from the beginning. `shut` and `open` never block and do no harm twice.

    Whoever writes waits for `opened`, is `inside` while a transaction of its may be open, and leaves when `closed` is set.
    """

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.opened = asyncio.Event()
        self.at_rest = asyncio.Event()
        """Set while it is shut and nobody is inside."""
        self.opened.set()
        self._inside = 0

    def shut(self) -> None:
        """Lets nothing more begin."""
        self.opened.clear()
        self.closed.set()
        self._look()

    def open(self) -> None:
        """Lets everything go on."""
        self.at_rest.clear()
        self.closed.clear()
        self.opened.set()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Counts whoever writes, from before its transaction until after it."""
        self._inside += 1
        self.at_rest.clear()
        try:
            yield
        finally:
            self._inside -= 1
            self._look()

    def _look(self) -> None:
        if self.closed.is_set() and not self._inside:
            self.at_rest.set()
