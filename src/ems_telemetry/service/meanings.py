"""Whether stored readings keep their meaning under a new configuration, those too that still wait in the spool."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration
from ems_telemetry.errors import ConfigurationError, EmsTelemetryError, Problem
from ems_telemetry.service.plant_rows import plant_rows
from ems_telemetry.service.storing import Storing
from ems_telemetry.storage.meaning import check_meanings

ASK_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.05


class Meanings:
    """Asks the database, which alone knows what has readings."""

    def __init__(self, storing: Storing, clock: Clock) -> None:
        self._storing = storing
        self._clock = clock

    async def check(self, running: Configuration, wanted: Configuration) -> None:
        """Refuses a configuration that would give readings another unit or kind.

        While the database does not answer, one is refused that changes the unit or kind of any point there is now: it cannot be
        known whether that has readings.

        Raises:
            ConfigurationError: names each such point.
        """
        changed = find_changes(running, wanted)
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                if changed:
                    await self._until_written()
                await check_meanings(self._storing.database, plant_rows(wanted).points)
        except ConfigurationError:
            raise
        except (EmsTelemetryError, TimeoutError) as error:
            if changed:
                raise ConfigurationError(_unknown(changed, str(error) or "the spool is not written yet")) from error

    async def _until_written(self) -> None:
        """Returns when everything that is in the spool now has been written."""
        asked_at = self._clock.now()
        while not self._is_written(asked_at):  # noqa: ASYNC110 - a state of another thread, no event
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _is_written(self, until: datetime) -> bool:
        oldest_at = self._storing.spool.state().oldest_at
        return oldest_at is None or oldest_at > until


def find_changes(running: Configuration, wanted: Configuration) -> Mapping[str, tuple[str, str]]:
    """Finds the points whose unit or kind is another one, with both in words, by their keys."""
    before = {row.key: f"{row.unit}, {row.kind}" for row in plant_rows(running).points}
    after = {row.key: f"{row.unit}, {row.kind}" for row in plant_rows(wanted).points}
    return {key: (before[key], after[key]) for key in after if before.get(key, after[key]) != after[key]}


def _unknown(changed: Mapping[str, tuple[str, str]], reason: str) -> Sequence[Problem]:
    return [
        Problem(
            None,
            None,
            f'point {key}: it is "{before}" and would be "{after}", which is possible only while it has no readings, and '
            f"whether it has any cannot be known now ({reason}); try again later, or give the point a new id",
        )
        for key, (before, after) in changed.items()
    ]
