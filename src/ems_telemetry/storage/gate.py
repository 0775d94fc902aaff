"""Whether the database may be written to: shut deliberately for its maintenance, open otherwise."""

import asyncio


class Gate:
    """Open from the beginning. `shut` and `open` never block and do no harm twice.

    Whoever writes waits for `opened`, stops at `closed` after its transaction, and sets `at_rest` for as long as it does.
    """

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.opened = asyncio.Event()
        self.at_rest = asyncio.Event()
        """Set while nothing is being written because it is shut."""
        self.opened.set()

    def shut(self) -> None:
        """Lets nothing more begin."""
        self.opened.clear()
        self.closed.set()

    def open(self) -> None:
        """Lets everything go on."""
        self.closed.clear()
        self.opened.set()
