"""Starts the plant's three servers, keeps their values moving, and stops them again: one owner for every task."""

import asyncio
from collections.abc import Callable

from ems_telemetry.connectors.simulator.live import LivePlant
from ems_telemetry.connectors.simulator.loopback import usable_port
from ems_telemetry.connectors.simulator.modbus_server import modbus_server
from ems_telemetry.connectors.simulator.mqtt_broker import Broker
from ems_telemetry.connectors.simulator.opcua_server import build_opcua_server
from ems_telemetry.connectors.simulator.ports import Ports
from ems_telemetry.connectors.simulator.telemetry import TOPICS, keep_publishing


async def serve(
    switch_on: Callable[[], LivePlant], ports: Ports, started: Callable[[Ports], None], stopping: asyncio.Event
) -> None:
    """Serves a plant until `stopping` is set, and switches it on only when the servers are built; see `PlantSimulator.run`."""
    chosen = Ports(
        opcua=usable_port(ports.opcua, "OPC UA"),
        modbus=usable_port(ports.modbus, "Modbus"),
        mqtt=usable_port(ports.mqtt, "MQTT"),
    )
    opcua = await build_opcua_server(chosen.opcua)
    plant = switch_on()
    async with opcua.listening(plant), modbus_server(plant, chosen.modbus), asyncio.TaskGroup() as group:
        broker = Broker(group)
        async with broker.listening(chosen.mqtt):
            moving = [group.create_task(opcua.keep_writing(plant), name="simulator opcua values")]
            for topic in TOPICS:
                publishing = keep_publishing(topic, plant, broker)
                moving.append(group.create_task(publishing, name=f"simulator mqtt {topic.name}"))
            started(chosen)
            await stopping.wait()
            for task in moving:
                task.cancel()
