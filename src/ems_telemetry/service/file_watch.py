"""Notices when files of the configuration were changed, came or went, by looking at them; asks when they have come to rest."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ems_telemetry.clock import Clock
from ems_telemetry.config.content import paths_of
from ems_telemetry.config.load import Configuration, connector_paths

EVERY_S = 1.0
SETTLED_AFTER_S = 2.0
"""An editor writes a file in steps, and several files are seldom saved at once: nothing may have moved for so long."""


class State(NamedTuple):
    """When a file was changed last, its size, and which file it is."""

    changed_ns: int
    size_bytes: int
    number: int


class FileWatch:
    """Looks at the files of the configuration that runs, as long as that says `watch_files`."""

    def __init__(self, running: Callable[[], Configuration], changed: Callable[[], None], clock: Clock) -> None:
        """Takes what tells the configuration, and what to call when it was changed."""
        self._running = running
        self._changed = changed
        self._clock = clock

    async def run(self) -> None:
        """Looks until cancelled."""
        known = await self._look()
        while True:
            await self._clock.sleep(EVERY_S)
            seen = await self._look()
            if known is not None and seen is not None and seen.differs_from(known):
                seen = await self._settled(seen)
                self._changed()
            known = seen

    async def _settled(self, seen: "_Look") -> "_Look | None":
        """Gives what is seen once it has not changed for a while."""
        while True:
            await self._clock.sleep(SETTLED_AFTER_S)
            again = await self._look()
            if again is None or not again.differs_from(seen):
                return again
            seen = again

    async def _look(self) -> "_Look | None":
        configuration = self._running()
        return await asyncio.to_thread(_look_at, configuration) if configuration.settings.watch_files else None


class _Look(NamedTuple):
    """What the files of a configuration looked like at one moment."""

    configuration: Configuration
    files: Mapping[Path, State]

    def differs_from(self, before: "_Look") -> bool:
        """Tells whether a file changed, came or went. That another configuration names others is none of that."""
        if any(self.files[path] != before.files[path] for path in self.files.keys() & before.files.keys()):
            return True
        named = set(paths_of(self.configuration.sources))
        gone, come = before.files.keys() - self.files.keys(), self.files.keys() - before.files.keys()
        return bool(gone & named or come - named or (come and self.configuration is before.configuration))


def _look_at(configuration: Configuration) -> _Look:
    found = connector_paths(configuration.path, configuration.settings)
    return _Look(configuration, dict(_stated((*paths_of(configuration.sources), *found))))


def _stated(paths: Iterable[Path]) -> Iterator[tuple[Path, State]]:
    for path in paths:
        with suppress(OSError):
            stat = path.stat()
            yield path, State(stat.st_mtime_ns, stat.st_size, stat.st_ino)
