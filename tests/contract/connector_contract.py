"""What every connector must do, whatever its protocol. Each protocol's test module subclasses `ConnectorContract`.

A subclass gives two fixtures, both functions from `Surroundings` to a connector that has not run:
`speaking` builds one whose real server answers and goes on producing samples (at least two a second),
`absent` builds one whose endpoint nobody listens on.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import RememberingSink, surroundings, until

from ems_telemetry.connectors.contract import Connector, Surroundings
from ems_telemetry.observe import LinkState

Build = Callable[[Surroundings], Connector]
END_S = 10.0


def state_of(given: Surroundings) -> LinkState:
    return given.report.status.state


class ConnectorContract:
    async def test_hands_over_samples_of_its_points(self, speaking: Build, tmp_path: Path) -> None:
        sink = RememberingSink()
        given = surroundings(tmp_path, sink=sink)
        connector = speaking(given)
        async with asyncio.TaskGroup() as group:
            group.create_task(connector.run())
            samples = await sink.wait_for_samples(3)
            assert state_of(given) is LinkState.UP
            connector.stop()
        assert all(sample.received_at.tzinfo is not None for sample in samples)
        assert all(sample.time is None or sample.time.tzinfo is not None for sample in samples)
        assert state_of(given) is LinkState.STOPPED

    async def test_building_one_does_nothing(self, speaking: Build, tmp_path: Path) -> None:
        given = surroundings(tmp_path / "state")
        before = asyncio.all_tasks()
        speaking(given)
        assert asyncio.all_tasks() == before
        assert not (tmp_path / "state").exists()
        assert state_of(given) is LinkState.STOPPED

    async def test_stop_before_run_makes_run_return_without_touching_the_endpoint(
        self, speaking: Build, tmp_path: Path
    ) -> None:
        sink = RememberingSink()
        given = surroundings(tmp_path, sink=sink)
        connector = speaking(given)
        connector.stop()
        await asyncio.wait_for(connector.run(), END_S)
        assert sink.samples == []
        assert given.report.status.counters.get("reconnects", 0) == 0

    async def test_stop_without_run_and_stop_twice_do_no_harm(self, speaking: Build, tmp_path: Path) -> None:
        sink = RememberingSink()
        connector = speaking(surroundings(tmp_path, sink=sink))
        running = asyncio.create_task(connector.run())
        await sink.wait_for_samples(1)
        connector.stop()
        connector.stop()
        await asyncio.wait_for(running, END_S)
        connector.stop()

        never_run = speaking(surroundings(tmp_path))
        never_run.stop()
        never_run.stop()

    async def test_cancelling_ends_it_and_the_cancellation_travels_on(self, speaking: Build, tmp_path: Path) -> None:
        sink = RememberingSink()
        given = surroundings(tmp_path, sink=sink)
        before = asyncio.all_tasks()
        running = asyncio.create_task(speaking(given).run())
        await sink.wait_for_samples(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, END_S)
        assert state_of(given) is LinkState.STOPPED
        await until(lambda: asyncio.all_tasks() == before)

    async def test_an_absent_endpoint_is_reported_and_tried_again_and_stop_still_ends_it(
        self, absent: Build, tmp_path: Path
    ) -> None:
        given = surroundings(tmp_path)
        connector = absent(given)
        running = asyncio.create_task(connector.run())
        await until(lambda: given.report.status.counters.get("reconnects", 0) >= 2)
        assert state_of(given) is LinkState.DOWN
        assert given.report.status.last_error
        connector.stop()
        await asyncio.wait_for(running, END_S)

    async def test_no_task_outlives_run(self, speaking: Build, tmp_path: Path) -> None:
        sink = RememberingSink()
        connector = speaking(surroundings(tmp_path, sink=sink))
        before = asyncio.all_tasks()
        running = asyncio.create_task(connector.run())
        await sink.wait_for_samples(1)
        connector.stop()
        await asyncio.wait_for(running, END_S)
        await until(lambda: asyncio.all_tasks() == before)
