"""Time as a thing that is given, so that tests turn the hands themselves."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
MOST_AHEAD: Final = timedelta(minutes=5)


def is_plausible(time: datetime, received_at: datetime) -> bool:
    """Tells whether a device's clock can be believed; a reading with another time is given that of its reception."""
    return time >= EARLIEST and time - received_at <= MOST_AHEAD


class Clock(Protocol):
    """Wall time for what is stored, monotonic time for what is awaited."""

    def now(self) -> datetime:
        """Tells the wall time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Tells seconds on a clock that never steps; only differences mean anything."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Waits that long; zero or less only yields."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Tells the wall time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Tells seconds on a clock that never steps."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Waits that long; zero or less only yields."""
        await asyncio.sleep(delay_s)
