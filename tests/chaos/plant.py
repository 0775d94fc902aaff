"""Everything real, each in a process of its own on loopback: the service, what it collects from, and the links between them."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

from acceptance.product import Product
from chaos.chronicle import Chronicle
from chaos.disk import SmallDisk
from chaos.false_clock import FalseClock
from chaos.link import Link
from chaos.publisher import CHANNELS, NumberingPublisher
from psycopg import conninfo
from servers.database import temporary_server
from servers.mosquitto import Mosquitto
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, ServerProcess, free_port
from timescaledb import Server, install

MODBUS_INTERVAL_S = 1
COUNTER_PERIOD_MS = 200
MESSAGES_PER_S = 40.0
COUNTER, METER = "CA-1.total", "WM-1.volume"
MOST_STARTS = 20
"""So often a service that does not stay up is started again, as a supervisor would; a full disk may be the reason."""
TESTS = Path(__file__).parent.parent
SETTINGS = "log: {level: info}\n"


def _broker_file(qos: int, port: int) -> str:
    lines = [
        "type: mqtt",
        f"endpoint: mqtt://{LOOPBACK}:{port}",
        f"qos: {qos}",
        "keepalive: 5s",
        "site: BER1",
        "meters:",
    ]
    for channel in CHANNELS:
        if channel.qos == qos:
            place = "value: $.n, " if channel.is_timed else ""
            lines += [
                f"  - id: {channel.point.partition('.')[0]}",
                f"    topic: {channel.topic}",
                "    time: $.ts" if channel.is_timed else "    payload: scalar",
                f'    points: [{{id: number, {place}quantity: count, unit: "1", expected_interval: 1s}}]',
            ]
    return "\n".join(lines) + "\n"


def _opcua_file(port: int) -> str:
    return f"""
        type: opcua
        endpoint: opc.tcp://{LOOPBACK}:{port}
        publishing_interval: 500ms
        session_timeout: 10s
        history: {{delay: 500ms}}
        site: BER1
        meters:
          - id: CA-1
            points:
              - id: total
                node: "nsu=urn:plc:air;s=Numbered.Total"
                quantity: count
                unit: "1"
                kind: counter
                expected_interval: 1s
        """


def _modbus_file(port: int) -> str:
    return f"""
        type: modbus
        endpoint: tcp://{LOOPBACK}:{port}
        interval: {MODBUS_INTERVAL_S}s
        site: BER1
        meters:
          - id: WM-1
            unit_id: 1
            points:
              - {{id: volume, register: holding, address: 0, type: uint32, quantity: count, unit: "1"}}
        """


@dataclass(frozen=True, slots=True)
class Plant:
    """The parts, each of which a hand may touch."""

    folder: Path
    database: Server
    broker: Mosquitto
    opcua: NodeOpcuaServer
    modbus: ServerProcess
    links: Mapping[str, Link]
    disk: SmallDisk
    clock: FalseClock
    product: Product
    publisher: NumberingPublisher
    chronicle: Chronicle

    @property
    def opcua_file(self) -> Path:
        """Which numbers the OPC UA counter gave out, and when."""
        return self.folder / "opcua-numbers"

    @property
    def modbus_file(self) -> Path:
        """Which numbers the Modbus meter handed out, and when."""
        return self.folder / "modbus-numbers"

    async def start_service(self) -> None:
        """Starts it; if it ends by itself, again, as a supervisor would."""
        for attempt in range(MOST_STARTS):
            try:
                await asyncio.to_thread(self.product.start)
            except RuntimeError as error:
                self.chronicle.tell(f"the service does not start: {str(error).strip().splitlines()[-1][-200:]}")
                await asyncio.sleep(min(0.5 * (attempt + 1), 3.0))
            else:
                return
        raise RuntimeError("the service did not start any more")

    @property
    def service_pid(self) -> int | None:
        """The service's process, if it runs."""
        process = self.product.process.process
        return None if process is None or process.poll() is not None else process.pid

    async def status(self) -> Mapping[str, Any] | None:
        """How the service says it stands; None if it does not answer."""
        try:
            return dict(await asyncio.to_thread(self.product.get, "/api/v1/status"))
        except (URLError, OSError, ValueError, KeyError):
            return None


@contextlib.asynccontextmanager
async def running_plant(folder: Path, chronicle: Chronicle) -> AsyncIterator[Plant]:
    """Builds it, starts everything but the service, and in the end ends everything."""
    async with contextlib.AsyncExitStack() as stack:
        database = stack.enter_context(temporary_server(install(), fast=False))
        broker = Mosquitto(folder / "broker", settings=["log_type all"])
        opcua = NodeOpcuaServer(
            folder, furniture="numbered", numbered_file=folder / "opcua-numbers", numbered_period_ms=COUNTER_PERIOD_MS
        )
        modbus = _numbered_meter(folder)
        for server in (broker, opcua, modbus):
            stack.callback(server.stop)
            await asyncio.to_thread(server.start)
        ports = {"broker": broker.port, "opcua": opcua.port, "modbus": modbus.port, "database": _port_of(database.dsn)}
        links = {name: Link(port) for name, port in ports.items()}
        for link in links.values():
            await link.plug_in()
            stack.push_async_callback(link.unplug)
        disk = SmallDisk(folder / "plant" / "var" / "spool")
        stack.callback(disk.close)
        product = _product(folder, links, database)
        clock = FalseClock(folder / "clock")
        clock.turn(0)
        _put_before(product, disk, clock)
        stack.callback(product.kill)
        publisher = NumberingPublisher(broker.port, MESSAGES_PER_S)
        yield Plant(folder, database, broker, opcua, modbus, links, disk, clock, product, publisher, chronicle)


def _numbered_meter(folder: Path) -> ServerProcess:
    port, program = free_port(), TESTS / "chaos" / "numbered_meter.py"
    command = [sys.executable, str(program), str(port), str(folder / "modbus-numbers")]
    return ServerProcess(command, port, folder / "modbus.log", {"PYTHONPATH": str(TESTS)})


def _product(folder: Path, links: Mapping[str, Link], database: Server) -> Product:
    files = {
        "broker-1": _broker_file(1, links["broker"].port),
        "broker-2": _broker_file(2, links["broker"].port),
        "plc": _opcua_file(links["opcua"].port),
        "gateway": _modbus_file(links["modbus"].port),
    }
    through_link = conninfo.conninfo_to_dict(database.dsn)
    url = (
        f"postgresql://{through_link['user']}:{through_link['password']}@{LOOPBACK}:{links['database'].port}"
        f"/{through_link['dbname']}"
    )
    return Product(folder / "plant", url, files, SETTINGS)


def _put_before(product: Product, disk: SmallDisk, clock: FalseClock) -> None:
    """Lets the service see its own disk and its own clock."""
    program = [sys.executable, "-m", "chaos.false_clock", str(clock.file)]
    command = [*disk.prefix, *program, "run", "--config", str(product.config)]
    product.process = ServerProcess(command, product.port, product.folder / "service.log", {"PYTHONPATH": str(TESTS)})


def _port_of(dsn: str) -> int:
    return int(str(conninfo.conninfo_to_dict(dsn)["port"]))
