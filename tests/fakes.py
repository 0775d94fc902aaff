"""Fakes of the ports: a sink that remembers, a clock turned by hand, surroundings made of both."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from _pytest.mark import ParameterSet

from ems_telemetry.clock import Clock, SystemClock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.connectors.contract import Shared, Sink, Surroundings
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.retry import Backoff


def apart(*values: object) -> ParameterSet:
    """Gives values to a test that `make endurance` runs with them too: one more server to start says little more."""
    return pytest.param(*values, marks=pytest.mark.endurance)


class HandClock:
    """A clock that stands still until `advance` is called; sleepers wake when their time has come."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, delay_s: float) -> None:
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed_s + delay_s, waking))
        await waking

    @property
    def is_slept_by(self) -> bool:
        """True while somebody waits for it."""
        return any(not waking.done() for _, waking in self._sleepers)

    def turn(self, delay_s: float) -> None:
        """Turns the hands and wakes nobody."""
        self._elapsed_s += delay_s
        self._now += timedelta(seconds=delay_s)

    async def advance(self, delay_s: float) -> None:
        """Turns the hands and lets everybody who woke up run."""
        self.turn(delay_s)
        due = [waking for at_s, waking in self._sleepers if at_s <= self._elapsed_s]
        self._sleepers = [(at_s, waking) for at_s, waking in self._sleepers if at_s > self._elapsed_s]
        for waking in due:
            if not waking.done():
                waking.set_result(None)
        for _ in range(10):
            await asyncio.sleep(0)


class QuickClock(SystemClock):
    """The machine's clock, but waits are over that many times sooner: a minute of back-off in a moment."""

    def __init__(self, times: float) -> None:
        self._times = times

    def monotonic(self) -> float:
        return super().monotonic() * self._times

    async def sleep(self, delay_s: float) -> None:
        await super().sleep(delay_s / self._times)


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Waits until the condition holds; for what no event tells."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


class RememberingSink:
    """A sink that keeps everything in lists. `durable` is the latch: while it is cleared, nothing becomes durable."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.dead_letters: list[DeadLetter] = []
        self.receipts: set[Receipt] = set()
        self.gaps: dict[UUID, Gap] = {}
        self.declared: dict[str, ConfiguredPoint] = {}
        self.waiting = 0
        self.refusing = False
        self.refused: list[Sample] = []
        self.durable = asyncio.Event()
        self.durable.set()
        self._changed = asyncio.Condition()

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        self.waiting += 1
        try:
            await self.durable.wait()
        finally:
            self.waiting -= 1
        await self._keep(samples, dead_letters, receipts)

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        if self.refusing:
            self.refused.extend(samples)
            return False
        await self._keep(samples, dead_letters, ())
        return True

    async def record(self, gaps: Sequence[Gap]) -> None:
        async with self._changed:
            self.gaps.update((gap.id, gap) for gap in gaps)
            self._changed.notify_all()

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        self.declared.update((point.key, point) for point in points)

    async def is_durable(self, receipt: Receipt) -> bool:
        return receipt in self.receipts

    async def wait_for_samples(self, count: int, timeout_s: float = 20.0) -> list[Sample]:
        """Waits until that many samples have arrived, and gives all that have."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.samples) >= count)
        return self.samples

    async def wait_for_dead_letters(self, count: int, timeout_s: float = 20.0) -> list[DeadLetter]:
        """Waits until that many dead letters have arrived, and gives all that have."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.dead_letters) >= count)
        return self.dead_letters

    async def _keep(self, samples: Sequence[Sample], letters: Sequence[DeadLetter], receipts: Sequence[Receipt]) -> None:
        async with self._changed:
            self.samples.extend(samples)
            self.dead_letters.extend(letters)
            taken = {(receipt.source, receipt.packet_id) for receipt in receipts}
            self.receipts = {each for each in self.receipts if (each.source, each.packet_id) not in taken} | set(receipts)
            self._changed.notify_all()


def surroundings(
    state_directory: Path,
    *,
    sink: Sink | None = None,
    clock: Clock | None = None,
    backoff: Backoff | None = None,
    name: str = "under-test",
    shared: Shared | None = None,
) -> Surroundings:
    """Everything a connector needs, quick to retry, so that tests of reconnecting need not wait."""
    chosen = clock or SystemClock()
    return Surroundings(
        sink=sink or RememberingSink(),
        report=ConnectorReport(name, "test", "test://", clock=chosen, metrics=Metrics()),
        clock=chosen,
        backoff=backoff or Backoff(initial_s=0.1, cap_s=0.5),
        state_directory=state_directory,
        pki_directory=state_directory / "pki",
        shared=shared or Shared(),
    )
