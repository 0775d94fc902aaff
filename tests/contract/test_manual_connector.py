"""What of the connector contract holds for points without an endpoint: everything but samples and reconnecting."""

import asyncio
from pathlib import Path

import pytest
from fakes import RememberingSink, surroundings, until

from ems_telemetry.connectors.contract import Connector, Surroundings
from ems_telemetry.connectors.manual import CONNECTOR_TYPE, ManualFile
from ems_telemetry.observe import LinkState

END_S = 5.0


def build(given: Surroundings) -> Connector:
    point = {"id": "volume", "quantity": "gas_volume", "unit": "Nm3", "kind": "counter"}
    meters = [{"id": "GM-01", "medium": "gas", "points": [point]}]
    return CONNECTOR_TYPE.build(ManualFile.model_validate({"type": "manual", "site": "BER1", "meters": meters}), given)


async def test_it_is_up_while_it_runs_and_hands_over_nothing(tmp_path: Path) -> None:
    sink = RememberingSink()
    given = surroundings(tmp_path / "state", sink=sink)
    connector = build(given)
    assert given.report.status.state is LinkState.STOPPED
    running = asyncio.create_task(connector.run())
    await until(lambda: given.report.status.state is LinkState.UP)
    connector.stop()
    connector.stop()
    await asyncio.wait_for(running, END_S)
    connector.stop()
    assert given.report.status.state is LinkState.STOPPED
    assert sink.samples == []
    assert not (tmp_path / "state").exists()


async def test_stop_before_run_makes_run_return(tmp_path: Path) -> None:
    connector = build(surroundings(tmp_path))
    connector.stop()
    await asyncio.wait_for(connector.run(), END_S)


async def test_cancelling_ends_it_and_the_cancellation_travels_on(tmp_path: Path) -> None:
    given = surroundings(tmp_path)
    before = asyncio.all_tasks()
    running = asyncio.create_task(build(given).run())
    await until(lambda: given.report.status.state is LinkState.UP)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert given.report.status.state is LinkState.STOPPED
    assert asyncio.all_tasks() == before
