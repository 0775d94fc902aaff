"""Starting and stopping the whole plant."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import psutil
import pytest
from fakes import until

from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.simulator import PlantSimulator, Ports
from ems_telemetry.errors import ConfigurationError

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

RunPlant = Callable[..., AbstractAsyncContextManager[Ports]]
LOOPBACK = "127.0.0.1"


def listening_sockets() -> set[tuple[str, int]]:
    connections = psutil.Process().net_connections()
    return {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}


async def test_all_three_servers_listen_on_this_machine_alone(run_plant: RunPlant) -> None:
    before = listening_sockets()
    async with run_plant() as ports:
        opened = listening_sockets() - before
        assert opened == {(LOOPBACK, port) for port in (ports.opcua, ports.modbus, ports.mqtt)}


async def test_stop_leaves_no_task_and_no_socket_behind_and_is_quick(run_plant: RunPlant) -> None:
    tasks, sockets = asyncio.all_tasks(), len(psutil.Process().net_connections())
    async with run_plant():
        stopping_s = time.monotonic()
    assert time.monotonic() - stopping_s < 2
    assert asyncio.all_tasks() == tasks
    assert len(psutil.Process().net_connections()) == sockets


async def test_cancelling_stops_it_as_well() -> None:
    tasks, sockets = asyncio.all_tasks(), len(psutil.Process().net_connections())
    started: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(PlantSimulator(Ports(), clock=SystemClock()).run(started.set_result))
    await started
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == tasks
    await until(lambda: len(psutil.Process().net_connections()) == sockets)


async def test_cancelling_it_while_it_starts_leaves_nothing_either() -> None:
    tasks, sockets = asyncio.all_tasks(), len(psutil.Process().net_connections())
    running = asyncio.create_task(PlantSimulator(Ports(), clock=SystemClock()).run(lambda _: None))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == tasks
    assert len(psutil.Process().net_connections()) == sockets


async def test_it_starts_again_on_the_same_ports(run_plant: RunPlant) -> None:
    async with run_plant() as ports:
        pass
    simulator = PlantSimulator(ports, clock=SystemClock())
    started: list[Ports] = []

    def stop_at_once(found: Ports) -> None:
        started.append(found)
        simulator.stop()

    await asyncio.wait_for(simulator.run(stop_at_once), 30)
    assert started == [ports]


async def test_a_taken_port_is_named_with_the_server_that_wanted_it() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Modbus server cannot listen on {LOOPBACK}:{port}"):
            await PlantSimulator(Ports(modbus=port), clock=SystemClock()).run(lambda _: None)


@pytest.mark.parametrize("port", [70_000, -1])
async def test_a_number_that_is_no_port_is_refused_in_words(port: int) -> None:
    with pytest.raises(ConfigurationError, match="choose another port"):
        await PlantSimulator(Ports(mqtt=port), clock=SystemClock()).run(lambda _: None)
