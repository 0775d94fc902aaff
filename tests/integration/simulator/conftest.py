"""Plants to read from, run by a clock that goes faster than time so that every fault comes within seconds."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import pytest

from ems_telemetry.connectors.simulator import PlantSimulator, Ports
from ems_telemetry.connectors.simulator.live import LivePlant

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 15.0
MONDAY_MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

RunPlant = Callable[..., AbstractAsyncContextManager[Ports]]
SwitchOn = Callable[..., LivePlant]


class FastClock:
    """A clock that shows Monday morning at first and then goes `rate` times as fast as time."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._began_s = time.monotonic()

    def now(self) -> datetime:
        return MONDAY_MORNING + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began_s) * self._rate

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s / self._rate)


@contextlib.asynccontextmanager
async def _running(*, rate: float = 1.0, faults: bool = False) -> AsyncIterator[Ports]:
    simulator = PlantSimulator(Ports(), clock=FastClock(rate), faults=faults)
    started: asyncio.Queue[Ports] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(simulator.run(started.put_nowait))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                ports = await started.get()
            yield ports
        finally:
            simulator.stop()
            await asyncio.wait_for(running, STOP_TIMEOUT_S)


@pytest.fixture
def run_plant() -> RunPlant:
    """Runs a whole plant on free ports for the length of an `async with`; proves that it stops in time."""
    return _running


@pytest.fixture
def switch_on() -> SwitchOn:
    """Switches on a plant that nobody serves yet."""

    def build(*, rate: float = 1.0, faults: bool = False) -> LivePlant:
        return LivePlant(FastClock(rate), seed=1, faults=faults, speed=1.0)

    return build
