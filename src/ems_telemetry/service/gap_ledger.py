"""Keeps the ledger of gaps while the service collects: asks the watches every second, and gives a sign of life every few.

Starts before the connectors, so that the time the service was away is told first, and ends after them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from ems_telemetry.clock import Clock
from ems_telemetry.model import Gap
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.service.heartbeat import Heartbeat
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.silence import MOST_AT_ONCE, SilenceWatch
from ems_telemetry.waiting import first_of

EVERY_S = 1.0
BEAT_EVERY_S = 5.0


class Watched(NamedTuple):
    """One connector: the watch over its points, and the way its gaps take."""

    name: str
    watch: SilenceWatch
    pipeline: Pipeline


class GapLedger:
    """The watches of all connectors and the heartbeat they share. `kept` is entered once; the others are called at any time."""

    def __init__(
        self, heartbeat: Heartbeat, *, metrics: Metrics, clock: Clock, is_read: Callable[[], bool] = lambda: True
    ) -> None:
        """Takes what it works with; `is_read` tells whether the database takes what is spooled, so that leases are renewed."""
        self._watched: dict[str, Watched] = {}
        self._left: list[tuple[Pipeline, Sequence[Gap]]] = []
        self._heartbeat = heartbeat
        self._is_read = is_read
        self._metrics = metrics
        self._clock = clock
        self._beat_s = -BEAT_EVERY_S
        self._shown: set[tuple[str, str]] = set()
        self._is_failing = False
        self._log = get_logger("ems_telemetry.service")

    def watch(self, watched: Watched) -> None:
        """Watches a connector from now on; one that takes the place of another goes on with what that knew."""
        before = self._watched.get(watched.name)
        if before is not None and before.watch is not watched.watch:
            watched.watch.succeed(before.watch)
        self._watched[watched.name] = watched

    def keep_only(self, names: Collection[str]) -> None:
        """Ends the watch over all connectors but these, and their gaps: nothing of them is expected any more."""
        for name in self._watched.keys() - names:
            gone = self._watched.pop(name)
            self._left.append((gone.pipeline, gone.watch.retire()))

    @asynccontextmanager
    async def kept(self, stopping: asyncio.Event) -> AsyncIterator[None]:
        """Keeps the ledger for the length of an `async with`.

        Once `stopping` is set nothing is judged any more: connectors that are being stopped are no silence.
        """
        await self._begin()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep(stopping), name="gap-ledger")
            try:
                yield
            finally:
                keeping.cancel()
        await self._end()

    async def _begin(self) -> None:
        last = await asyncio.to_thread(self._heartbeat.read)
        if last is not None:
            self._log.info(
                "the service before ended", event_code="last_heartbeat", at=last.at, readable=last.memories is not None
            )
            for name, watch, _ in self._watched.values():
                memory = None if last.memories is None else last.memories.get(name)
                if memory is not None or last.memories is None:
                    watch.restore(memory, last.at)
        await self._look()

    async def _keep(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await first_of(self._clock.sleep(EVERY_S), stopping.wait())
            if not stopping.is_set():
                await self._look()

    async def _look(self) -> None:
        """Tells what has changed; a watch with many changes is asked again and again, so that nobody waits for long.

        What was told is remembered at once: a gap that has ended must not seem open after a crash.
        """
        is_news = False
        for pipeline, ended in self._left:
            is_news = True
            for gaps in _chunks(ended):
                await pipeline.write_down(gaps)
        self._left.clear()
        for _, watch, pipeline in list(self._watched.values()):
            while gaps := watch.check(renew=self._is_read()):
                is_news = True
                await pipeline.write_down(gaps)
                if len(gaps) < MOST_AT_ONCE:
                    break
        self._show()
        if is_news or self._clock.monotonic() - self._beat_s >= BEAT_EVERY_S:
            await self._beat()

    async def _end(self) -> None:
        for _, watch, pipeline in self._watched.values():
            for gaps in _chunks(watch.farewell()):
                await pipeline.write_down(gaps)
        await self._beat()

    async def _beat(self) -> None:
        self._beat_s = self._clock.monotonic()
        memories = {name: watch.memory() for name, watch, _ in self._watched.values()}
        try:
            await asyncio.to_thread(self._heartbeat.beat, self._clock.now(), memories)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                self._log.warning(
                    "no sign of life can be written; after a crash the outage will seem longer",
                    event_code="heartbeat_failed",
                    reason=str(error),
                )
            self._is_failing = True

    def _show(self) -> None:
        counted = {
            (name, cause): count for name, watch, _ in self._watched.values() for cause, count in watch.open_causes().items()
        }
        for labels in self._shown - counted.keys():
            self._metrics.gaps_open.labels(*labels).set(0)
        for labels, count in counted.items():
            self._metrics.gaps_open.labels(*labels).set(count)
        self._shown |= counted.keys()


def _chunks(gaps: Sequence[Gap]) -> Iterable[Sequence[Gap]]:
    return (gaps[start : start + MOST_AT_ONCE] for start in range(0, len(gaps), MOST_AT_ONCE))
