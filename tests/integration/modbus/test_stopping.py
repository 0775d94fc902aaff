"""What was read before a stop is stored or accounted for."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fakes import RememberingSink, surroundings
from modbus_files import modbus_file, point
from servers.modbus import PLANT, modbus_tk

from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.connector import ModbusConnector
from ems_telemetry.model import DeadLetter, Sample


class SlowSink(RememberingSink):
    """A sink whose disk takes its time over an offer."""

    def __init__(self) -> None:
        super().__init__()
        self.offered = asyncio.Event()
        self.written = asyncio.Event()

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        self.offered.set()
        await self.written.wait()
        return await super().offer(samples, dead_letters)


def stopped(connector: ModbusConnector, _task: "asyncio.Task[None]") -> None:
    connector.stop()


def cancelled(_connector: ModbusConnector, task: "asyncio.Task[None]") -> None:
    task.cancel()


@pytest.mark.parametrize("end", [stopped, cancelled])
async def test_samples_being_stored_are_stored_before_it_ends(
    end: Callable[[ModbusConnector, "asyncio.Task[None]"], None], tmp_path: Path
) -> None:
    sink = SlowSink()
    with modbus_tk(PLANT) as server:
        connector = CONNECTOR_TYPE.build(modbus_file(server.port, {1: [point("a", 5)]}), surroundings(tmp_path, sink=sink))
        assert isinstance(connector, ModbusConnector)
        task = asyncio.create_task(connector.run())
        await asyncio.wait_for(sink.offered.wait(), 10)
        end(connector, task)
        await asyncio.sleep(0)
        assert not task.done()
        sink.written.set()
        await asyncio.wait((task,), timeout=10)
    assert task.done()
    assert [sample.value for sample in sink.samples] == [1005]
