"""Measures a server's clock for as long as a session lasts, and tells when it is far off."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.server_clock import TOLD_FROM_S, clock_in_words

MEASURE_EVERY_S = 60.0


class ClockWatch:
    """Runs beside a session."""

    def __init__(self, read_clock: Callable[[], Awaitable[float | None]], surroundings: Surroundings) -> None:
        self._read_clock = read_clock
        self._surroundings = surroundings

    async def watch_clock(self) -> NoReturn:
        """Reports how far the clock is ahead, and notes once when it gets too far; raises when the session is lost."""
        report, told = self._surroundings.report, False
        while True:
            ahead_s = await self._read_clock()
            if ahead_s is not None:
                report.clock(ahead_s)
                is_far = abs(ahead_s) >= TOLD_FROM_S
                if is_far and not told:
                    report.note(f"{clock_in_words(ahead_s)}; the times of its readings are off by as much: set it, best by NTP")
                told = is_far
            await self._surroundings.clock.sleep(MEASURE_EVERY_S)
