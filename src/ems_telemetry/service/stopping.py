"""The wish to stop, known to all parts at once, and how the time that stopping may take is shared out among them."""

import asyncio
from typing import Final

from ems_telemetry.clock import Clock

CONNECTORS: Final = 0.5
"""The share of the time by whose end connectors have handed over what they hold, or are cancelled."""
DRAINING: Final = 0.8
"""The share by whose end the writer begins nothing more."""
WRITING: Final = 0.9
"""The share by whose end its last transaction is broken off. The rest is for requests under way, and for closing."""


class StopRequest:
    """Asked for once, by anybody; waited for by all."""

    def __init__(self, within_s: float, clock: Clock) -> None:
        self.within_s = within_s
        """How long stopping may take; counts when it is asked for."""
        self._clock = clock
        self._asked = asyncio.Event()
        self._asked_at_s = 0.0

    @property
    def event(self) -> asyncio.Event:
        """Set once it was asked for."""
        return self._asked

    def ask(self) -> None:
        """Asks everybody to stop. Never blocks; does no harm twice."""
        if not self._asked.is_set():
            self._asked_at_s = self._clock.monotonic()
            self._asked.set()

    def left_s(self, share: float) -> float:
        """Tells how much is left of a share of the time, in seconds, never less than 0."""
        return max(0.0, self._asked_at_s + share * self.within_s - self._clock.monotonic())
