import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from fakes import HandClock, until
from unit.service.test_pipeline import FakeSpool

from ems_telemetry.clock import SystemClock
from ems_telemetry.errors import SpoolFullError
from ems_telemetry.model import Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, LinkState, Metrics
from ems_telemetry.service.collecting import Collection, SupervisedConnector
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.stopping import StopRequest


class ScriptedConnector:
    """Fails as often as it is told to over all its lives, then runs until it is stopped."""

    def __init__(self, script: list[Exception], *, deaf: bool = False) -> None:
        self._script = script
        self._deaf = deaf
        self._stopping = asyncio.Event()
        self.running = False

    async def run(self) -> None:
        if self._script:
            raise self._script.pop(0)
        self.running = True
        try:
            await (asyncio.Event() if self._deaf else self._stopping).wait()
        finally:
            self.running = False

    def stop(self) -> None:
        self._stopping.set()


class Life:
    """A supervised connector with everything a test looks at."""

    def __init__(
        self, clock: HandClock, failures: list[Exception] | None = None, *, deaf: bool = False, name: str = "c"
    ) -> None:
        script = failures or []
        self.built: list[ScriptedConnector] = []
        self.spool = FakeSpool()
        self.report = ConnectorReport(name, "test", "test://", clock=clock, metrics=Metrics())

        def build() -> ScriptedConnector:
            self.built.append(ScriptedConnector(script, deaf=deaf))
            return self.built[-1]

        self.pipeline = Pipeline(Normalizer(name, []), self.spool, self.report, clock)
        self.supervised = SupervisedConnector(build, self.pipeline, self.report, clock)

    @property
    def is_running(self) -> bool:
        return self.built[-1].running


@asynccontextmanager
async def running(*lives: Life, within_s: float = 10.0) -> AsyncIterator[tuple[Collection, StopRequest]]:
    """Runs connectors for the length of a `with`, whose end asks them to stop."""
    collection, stopping = Collection(), StopRequest(within_s, SystemClock())
    collecting = asyncio.create_task(collection.run([life.supervised for life in lives], stopping))
    await asyncio.sleep(0)
    try:
        yield collection, stopping
    finally:
        stopping.ask()
        await asyncio.wait_for(collecting, 5)


async def in_time(condition: Callable[[], bool], clock: HandClock) -> None:
    for _ in range(200):
        if condition():
            return
        await clock.advance(1.0)
    raise AssertionError("it did not happen")


async def test_a_connector_that_fails_is_built_anew_and_the_others_do_not_notice() -> None:
    clock = HandClock()
    broken, sound = Life(clock, [RuntimeError("a bug"), KeyError("another")], name="broken"), Life(clock, name="sound")
    async with running(broken, sound):
        await until(lambda: bool(broken.report.status.last_error))
        assert broken.report.status.last_error == "internal error: RuntimeError: a bug"
        assert broken.report.status.state is LinkState.DOWN
        await in_time(lambda: broken.is_running, clock)
        assert len(broken.built) == 3
        assert len(sound.built) == 1
        assert sound.is_running


async def test_one_that_is_failing_when_it_is_time_to_stop_stops_at_once() -> None:
    broken = Life(HandClock(), [RuntimeError("a bug")] * 1000)
    async with running(broken):
        await until(lambda: bool(broken.report.status.last_error))
    assert len(broken.built) == 1


async def test_one_that_does_not_stop_in_time_is_cancelled_and_holds_up_no_other() -> None:
    deaf, sound = Life(HandClock(), deaf=True, name="deaf"), Life(HandClock(), name="sound")
    async with running(deaf, sound, within_s=0.1) as (_, stopping):
        await until(lambda: deaf.is_running and sound.is_running)
        stopping.ask()
        await until(lambda: not sound.is_running)
    assert not deaf.is_running


async def test_nothing_to_collect_waits_for_the_stop_all_the_same() -> None:
    async with running() as (collection, _):
        await collection.end(["unknown"], 1.0)


async def test_one_is_replaced_while_the_others_run_on() -> None:
    clock = HandClock()
    old, other, new = Life(clock, name="a"), Life(clock, name="b"), Life(clock, name="a")
    async with running(old, other) as (collection, _):
        await until(lambda: old.is_running and other.is_running)
        await collection.end(["a"], 5.0)
        assert (old.is_running, other.is_running) == (False, True)
        collection.start([new.supervised])
        await until(lambda: new.is_running)
    assert not new.is_running
    assert len(other.built) == 1


async def test_one_that_ends_writes_down_what_the_spool_had_refused() -> None:
    clock = HandClock()
    life = Life(clock)
    async with running(life) as (collection, _):
        life.spool.failure = SpoolFullError("full")
        await life.pipeline.offer([Sample("unknown", clock.now(), 1.0, clock.now())])
        life.spool.failure = None
        await collection.end(["c"], 5.0)
        assert [gap.refused for batch in life.spool.batches for gap in batch.gaps] == [1]


async def test_nothing_is_started_once_it_is_time_to_stop() -> None:
    late = Life(HandClock())
    async with running(Life(HandClock(), name="other")) as (collection, stopping):
        stopping.ask()
        await asyncio.sleep(0)
        collection.start([late.supervised])
    assert not late.is_running


@pytest.mark.parametrize("share", [0.5, 0.8])
async def test_the_time_to_stop_is_shared_out_from_when_it_was_asked_for(share: float) -> None:
    clock = HandClock()
    stopping = StopRequest(10.0, clock)
    await clock.advance(100)
    stopping.within_s = 20.0
    stopping.ask()
    await clock.advance(4)
    stopping.ask()
    assert stopping.left_s(share) == pytest.approx(20 * share - 4)
    await clock.advance(100)
    assert stopping.left_s(share) == 0
