"""Plants to read from, run by a clock that goes faster than time so that every fault comes within seconds."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import pytest

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.simulator import PlantSimulator, Ports

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 2.0
MONDAY_MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

RunPlant = Callable[..., AbstractAsyncContextManager[Ports]]


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
async def _running(*, clock: Clock | None = None, rate: float = 1.0, faults: bool = False) -> AsyncIterator[Ports]:
    simulator = PlantSimulator(Ports(), clock=clock or FastClock(rate), faults=faults)
    started: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(simulator.run(started.set_result))
    try:
        done, _ = await asyncio.wait({running, started}, timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        assert started in done
        yield started.result()
    finally:
        simulator.stop()
        await asyncio.wait_for(running, STOP_TIMEOUT_S)


@pytest.fixture
def run_plant() -> RunPlant:
    """Runs a plant on free ports for the length of an `async with`; proves that it stops in time."""
    return _running
