"""Registers per second through plan, link, decode and a sink, against a bare pymodbus loop reading the same blocks.

Run it as `python bench/modbus.py [SECONDS]`. The server is a process of its own; the ratio is taken at equal CPU time, turn
and turn about, because the wall time is mostly the server's.
"""

import asyncio
import multiprocessing
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from pymodbus.client import AsyncModbusTcpClient

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.connectors.contract import Shared, Surroundings
from ems_telemetry.connectors.modbus.asking import Asker
from ems_telemetry.connectors.modbus.cadence import Cadence
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.lines import line_of
from ems_telemetry.connectors.modbus.plan import plan_polls
from ems_telemetry.connectors.modbus.polling import Poller
from ems_telemetry.connectors.modbus.unit import Unit
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.retry import Backoff

UNITS = range(1, 6)
POINTS = 50
TURNS = 5


class Turn(NamedTuple):
    """What one turn read, in registers, and what it cost, in seconds."""

    registers: int
    wall_s: float
    cpu_s: float


class CountingSink:
    """A sink that only counts."""

    def __init__(self) -> None:
        self.samples = 0

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        """Counts."""
        del dead_letters, receipts
        self.samples += len(samples)

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        """Counts."""
        del dead_letters
        self.samples += len(samples)
        return True

    async def record(self, gaps: Sequence[Gap]) -> None:
        """Never called: nothing is missing here."""
        raise NotImplementedError

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        """Never called: every point stands in the file."""
        raise NotImplementedError

    async def is_durable(self, receipt: Receipt) -> bool:
        """Never asked."""
        del receipt
        return False


class Meter(asyncio.Protocol):
    """Serves any register of any unit, as quickly as it can."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the connection."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers one request."""
        transaction, _, _, unit_id, function, _, count = struct.unpack(">HHHBBHH", data)
        pdu = struct.pack(">BB", function, count * 2) + bytes(range(200))[: count * 2].ljust(count * 2, b"\x01")
        if isinstance(self.transport, asyncio.Transport):
            self.transport.write(struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit_id) + pdu)


def serve(told: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Meter, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def modbus_file(port: int) -> ModbusFile:
    points = [
        {"id": f"p{n}", "register": "input", "address": 2 * n, "type": "float32", "quantity": "voltage", "unit": "V"}
        for n in range(POINTS)
    ]
    meters = [{"id": f"M{unit_id}", "unit_id": unit_id, "points": points} for unit_id in UNITS]
    written = {"type": "modbus", "endpoint": f"tcp://127.0.0.1:{port}", "site": "S", "meters": meters}
    return ModbusFile.model_validate(written)


async def timed(seconds: float, read_all: Callable[[], Awaitable[int]]) -> Turn:
    registers, began_s, cpu_began_s = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began_s < seconds:
        registers += await read_all()
    return Turn(registers, time.perf_counter() - began_s, time.process_time() - cpu_began_s)


async def measure_ours(file: ModbusFile, seconds: float) -> Turn:
    clock, sink = SystemClock(), CountingSink()
    with tempfile.TemporaryDirectory() as folder:
        report = ConnectorReport("bench", "modbus", "", clock=clock, metrics=Metrics())
        given = Surroundings(sink, report, clock, Backoff(), Path(folder), Path(folder), Shared())
    line = line_of(file, given)
    poller = Poller(Asker(line, report, clock), given)
    units = [Unit(poll, Cadence(1.0), clock) for poll in plan_polls(file)]
    registers = sum(block.count for poll in plan_polls(file) for block in poll.blocks)

    async def read_all() -> int:
        for unit in units:
            await sink.offer((await poller.read(unit)).samples)
        return registers

    async with line.in_use():
        turn = await timed(seconds, read_all)
    if sink.samples * 2 != turn.registers:
        raise SystemExit(f"{sink.samples} samples came of {turn.registers} registers")
    return turn


async def measure_bare(file: ModbusFile, seconds: float) -> Turn:
    client = AsyncModbusTcpClient(file.where.host, port=file.where.port, retries=0, reconnect_delay=0)
    await client.connect()
    blocks = [(poll.unit_id, block) for poll in plan_polls(file) for block in poll.blocks]

    async def read_all() -> int:
        registers = 0
        for unit_id, block in blocks:
            reply = await client.read_input_registers(block.address, count=block.count, device_id=unit_id)
            registers += len(reply.registers)
        return registers

    try:
        return await timed(seconds, read_all)
    finally:
        client.close()


def show(name: str, turns: Sequence[Turn]) -> float:
    """Prints one line; gives registers per second of CPU."""
    registers = sum(turn.registers for turn in turns)
    wall, cpu = registers / sum(turn.wall_s for turn in turns), registers / sum(turn.cpu_s for turn in turns)
    print(f"{name:<24}{wall:>14,.0f}{cpu:>18,.0f}")
    return cpu


def main(seconds: float) -> None:
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe()
    server = context.Process(target=serve, args=(tell,), daemon=True)
    server.start()
    try:
        file = modbus_file(told.recv())
        ours, bare = [], []
        for _ in range(TURNS):
            bare.append(asyncio.run(measure_bare(file, seconds / TURNS / 2)))
            ours.append(asyncio.run(measure_ours(file, seconds / TURNS / 2)))
    finally:
        server.kill()
        server.join()
    print(f"{'modbus':<24}{'registers/s':>14}{'registers/CPU s':>18}")
    ratio = show("ems-telemetry", ours) / show("pymodbus, not decoded", bare)
    print(f"ratio at equal CPU: {ratio:.2f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
