"""The OPC UA server, read with a real client."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node

from ems_telemetry.connectors.simulator import Ports
from ems_telemetry.connectors.simulator.opcua_server import NAMESPACE, VARIABLES
from ems_telemetry.connectors.simulator.values import STATES

RunPlant = Callable[..., AbstractAsyncContextManager[Ports]]
FAULT_TIMEOUT_S = 15.0


def endpoint(ports: Ports) -> str:
    return f"opc.tcp://127.0.0.1:{ports.opcua}"


async def node(client: Client, identifier: str) -> Node:
    return client.get_node(f"ns={await client.get_namespace_index(NAMESPACE)};s={identifier}")


async def test_every_variable_has_a_good_value_with_a_source_time(run_plant: RunPlant) -> None:
    async with run_plant() as ports, Client(endpoint(ports)) as client:
        nodes = [await node(client, variable.identifier) for variable in VARIABLES]
        values = {variable.identifier: await found.read_data_value() for variable, found in zip(VARIABLES, nodes, strict=True)}
    assert all(value.StatusCode is not None and value.StatusCode.is_good() for value in values.values())
    assert len({value.SourceTimestamp for value in values.values()}) == 1
    state = values.pop("Compressor.State").Value
    assert state is not None
    assert state.Value in STATES
    assert all(value.Value is not None and value.Value.Value > 0 for value in values.values())


async def test_numbers_say_their_engineering_unit(run_plant: RunPlant) -> None:
    async with run_plant() as ports, Client(endpoint(ports)) as client:
        power = await node(client, "Compressor.Power")
        information = await (await power.get_child("0:EngineeringUnits")).read_value()
    assert information.DisplayName.Text == "kW"
    assert information.UnitId == int.from_bytes(b"KWT", "big")


async def test_the_air_volume_grows_as_fast_as_the_flow_says(run_plant: RunPlant) -> None:
    async with run_plant(rate=20) as ports, Client(endpoint(ports)) as client:
        volume, flow = await node(client, "Compressor.AirVolume"), await node(client, "Compressor.AirFlow")
        before, flowing = await volume.read_data_value(), await flow.read_value()
        await asyncio.sleep(1)
        after = await volume.read_data_value()
    assert before.Value is not None
    assert after.Value is not None
    assert before.SourceTimestamp is not None
    assert after.SourceTimestamp is not None
    hours = (after.SourceTimestamp - before.SourceTimestamp) / timedelta(hours=1)
    assert after.Value.Value - before.Value.Value == pytest.approx(flowing * hours, rel=0.25)


class StatusCollector:
    """Remembers every status a subscription brings."""

    def __init__(self, expected: set[str]) -> None:
        self.missing = expected
        self.complete = asyncio.Event()

    def datachange_notification(self, _node: Node, _value: object, data: object) -> None:
        status: ua.StatusCode = data.monitored_item.Value.StatusCode  # type: ignore[attr-defined] # typed as Any by nobody
        self.missing.discard(status.name)
        if not self.missing:
            self.complete.set()


async def test_the_dust_analyser_checks_its_zero_and_settles_again(run_plant: RunPlant) -> None:
    seen = StatusCollector({"Good", "BadOutOfService", "UncertainSensorNotAccurate"})
    async with run_plant(rate=20, faults=True) as ports, Client(endpoint(ports)) as client:
        subscription = await client.create_subscription(50, seen)
        await subscription.subscribe_data_change(await node(client, "Stack.Dust"))
        async with asyncio.timeout(FAULT_TIMEOUT_S):
            await seen.complete.wait()
        await subscription.delete()
    assert seen.missing == set()


async def test_a_client_still_connected_does_not_hold_up_the_stop(run_plant: RunPlant) -> None:
    async with run_plant() as ports:
        client = Client(endpoint(ports), timeout=1)
        await client.connect()
    client.disconnect_socket()
