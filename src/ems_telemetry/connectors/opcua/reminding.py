"""Tells in good time that a certificate is about to end a link that works."""

from collections.abc import Callable, Sequence
from typing import NoReturn

from ems_telemetry.connectors.contract import Surroundings

REMIND_EVERY_S = 86_400.0


class Reminder:
    """Runs beside a session for as long as it lasts."""

    def __init__(self, warnings: Callable[[], Sequence[str]], surroundings: Surroundings) -> None:
        self._warnings = warnings
        self._surroundings = surroundings

    async def remind(self) -> NoReturn:
        """Notes what there is to warn of, at once and then each day; in one note, since only the last one is shown."""
        while True:
            if warnings := self._warnings():
                self._surroundings.report.note("; ".join(warnings))
            await self._surroundings.clock.sleep(REMIND_EVERY_S)
