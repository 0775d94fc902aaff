"""`simulate`: a small plant on this machine that speaks OPC UA, Modbus TCP and MQTT, for trying things out."""

import asyncio
import signal
from typing import Annotated

import typer

from ems_telemetry.cli.output import JsonOption, print_json, say
from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.simulator import PlantSimulator, Ports


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("simulate")(simulate)


def simulate(
    opcua_port: Annotated[int, typer.Option(help="Port of the OPC UA server; 0 for a free one.")] = 4840,
    modbus_port: Annotated[int, typer.Option(help="Port of the Modbus TCP server; 0 for a free one.")] = 5020,
    mqtt_port: Annotated[int, typer.Option(help="Port of the MQTT broker; 0 for a free one.")] = 1883,
    faults: Annotated[bool, typer.Option(help="Let instruments fail now and then.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Serve a simulated plant on this machine until Ctrl-C."""

    def started(ports: Ports) -> None:
        if as_json:
            print_json({"opcua": ports.opcua, "modbus": ports.modbus, "mqtt": ports.mqtt})
            return
        say(f"OPC UA  opc.tcp://127.0.0.1:{ports.opcua}")
        say(f"Modbus  tcp://127.0.0.1:{ports.modbus}")
        say(f"MQTT    mqtt://127.0.0.1:{ports.mqtt}")

    async def running() -> None:
        simulator = PlantSimulator(Ports(opcua_port, modbus_port, mqtt_port), clock=SystemClock(), faults=faults)
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_, simulator.stop)
        await simulator.run(started)

    asyncio.run(running())
