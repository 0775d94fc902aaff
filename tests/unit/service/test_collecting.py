import asyncio
from collections.abc import Callable

import pytest
from fakes import HandClock, until
from unit.service.test_pipeline import FakeSpool

from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, LinkState, Metrics
from ems_telemetry.service import collecting
from ems_telemetry.service.collecting import SupervisedConnector, collect
from ems_telemetry.service.pipeline import Pipeline


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

    def __init__(self, clock: HandClock, failures: list[Exception] | None = None, *, deaf: bool = False) -> None:
        script = failures or []
        self.built: list[ScriptedConnector] = []
        self.spool = FakeSpool()
        self.report = ConnectorReport("c", "test", "test://", clock=clock, metrics=Metrics())

        def build() -> ScriptedConnector:
            self.built.append(ScriptedConnector(script, deaf=deaf))
            return self.built[-1]

        pipeline = Pipeline(Normalizer("c", []), self.spool, self.report, clock)
        self.supervised = SupervisedConnector(build, pipeline, self.report, clock)


async def in_time(condition: Callable[[], bool], clock: HandClock) -> None:
    for _ in range(200):
        if condition():
            return
        await clock.advance(1.0)
    raise AssertionError("it did not happen")


async def test_a_connector_that_fails_is_built_anew_and_the_others_do_not_notice() -> None:
    clock, stopping = HandClock(), asyncio.Event()
    broken, sound = Life(clock, [RuntimeError("a bug"), KeyError("another")]), Life(clock)
    collected = asyncio.create_task(collect([broken.supervised, sound.supervised], stopping))
    await until(lambda: bool(broken.report.status.last_error))
    assert broken.report.status.last_error == "internal error: RuntimeError: a bug"
    assert broken.report.status.state is LinkState.DOWN
    await in_time(lambda: broken.built[-1].running, clock)
    assert len(broken.built) == 3
    assert len(sound.built) == 1
    assert sound.built[0].running
    stopping.set()
    await asyncio.wait_for(collected, 5)


async def test_one_that_is_failing_when_it_is_time_to_stop_stops_too() -> None:
    clock, stopping = HandClock(), asyncio.Event()
    broken = Life(clock, [RuntimeError("a bug")] * 1000)
    collected = asyncio.create_task(collect([broken.supervised], stopping))
    await until(lambda: bool(broken.report.status.last_error))
    stopping.set()
    for _ in range(100):
        await clock.advance(1.0)
    await asyncio.wait_for(collected, 5)


async def test_one_that_does_not_stop_in_time_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "STOP_WITHIN_S", 0.05)
    stopping = asyncio.Event()
    deaf = Life(HandClock(), deaf=True)
    collected = asyncio.create_task(collect([deaf.supervised], stopping))
    await until(lambda: deaf.built[0].running)
    stopping.set()
    await asyncio.wait_for(collected, 5)
    assert not deaf.built[0].running


async def test_nothing_to_collect_waits_for_the_stop_all_the_same() -> None:
    stopping = asyncio.Event()
    collected = asyncio.create_task(collect([], stopping))
    await asyncio.sleep(0.01)
    assert not collected.done()
    stopping.set()
    await asyncio.wait_for(collected, 5)
