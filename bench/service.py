"""The whole service on 1,000 Modbus points at 1 s, and idle on the demo plant, against a bare loop of the same input.

The bare loop reads the same registers with pymodbus and upserts the same rows with psycopg's binary COPY: no spool, no units,
no quality, no API. Run it as `python bench/service.py --dsn postgresql://… [--seconds 30]` on an empty TimescaleDB database.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg
from modbus import serve
from pymodbus.client import AsyncModbusTcpClient
from rich.console import Console
from rich.table import Table

from ems_telemetry.cli.counting import count
from ems_telemetry.shipped import shipped

UNITS = range(1, 11)
POINTS = 100
BLOCKS = ((0, 124), (124, 76))
WARM_UP_S = 5.0
SERVICE = (sys.executable, "-m", "ems_telemetry.cli.main", "run")
MAKE_TABLE = """
    CREATE TABLE bare (time timestamptz NOT NULL, point_id integer NOT NULL, flags integer NOT NULL, value float8,
        received_at timestamptz NOT NULL, source_status bigint NOT NULL, quality smallint NOT NULL,
        PRIMARY KEY (point_id, time));
    SELECT create_hypertable('bare', by_range('time', interval '1 day'), create_default_indexes => false);
    CREATE TEMP TABLE staging (LIKE bare) ON COMMIT DELETE ROWS;
"""
COPY = "COPY staging FROM STDIN (FORMAT binary)"
TYPES = ("timestamptz", "int4", "int4", "float8", "timestamptz", "int8", "int2")


class Cost(NamedTuple):
    """What a process took over a stretch: share of one core, resident memory, and readings stored."""

    cores: float
    memory_mb: float
    readings: int


def main(dsn: str, seconds: float) -> None:
    """Measures one after the other and prints the table."""
    with plant() as port:
        ours = measure_service(dsn, port, seconds)
        bare = measure_bare(dsn, port, seconds)
    idle = measure_demo(dsn, seconds)
    table = Table("process", "share of one core", "RSS, MB", "readings/s", title="The whole service")
    for name, cost in (("1,000 points at 1 s", ours), ("bare loop of the same", bare), ("idle, demo plant", idle)):
        table.add_row(name, f"{cost.cores:.1%}", f"{cost.memory_mb:.0f}", f"{cost.readings / seconds:.0f}")
    Console().print(table)
    Console().print(f"CPU of the service / bare loop: {ours.cores / bare.cores:.2f}")


@contextmanager
def plant() -> Iterator[int]:
    """Serves any register from a process of its own; gives its port."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        yield here.recv()
    finally:
        server.terminate()
        server.join()


def measure_service(dsn: str, port: int, seconds: float) -> Cost:
    """Runs the real service on 1,000 points."""
    points = [
        {"id": f"p{n}", "register": "input", "address": 2 * n, "type": "float32", "quantity": "voltage", "unit": "V"}
        for n in range(POINTS)
    ]
    meters = [{"id": f"M{unit_id}", "unit_id": unit_id, "points": points} for unit_id in UNITS]
    connector = {"type": "modbus", "endpoint": f"tcp://127.0.0.1:{port}", "interval": "1s", "site": "S", "meters": meters}
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        (files / "bench.yaml").write_text(json.dumps(connector))
        (files / "plant.yaml").write_text(json.dumps({"sites": [{"id": "S", "name": "S", "timezone": "UTC"}]}))
        settings = {"connectors": "bench.yaml", "api": {"allow_anonymous": True}}
        (files / "ems-telemetry.yaml").write_text(json.dumps(settings))
        return measure_running(files / "ems-telemetry.yaml", files, dsn, seconds, {})


def measure_demo(dsn: str, seconds: float) -> Cost:
    """Runs the real service on the simulated plant, which runs beside it."""
    command = (sys.executable, "-m", "ems_telemetry.cli.main", "simulate", "--json")
    ports = ("--opcua-port=0", "--modbus-port=0", "--mqtt-port=0")
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen([*command, *ports], stdout=subprocess.PIPE) as simulator:
        try:
            assert simulator.stdout is not None
            told = json.loads(b"".join(iter(simulator.stdout.readline, b"}\n")) + b"}")
            environment = {f"EMS_DEMO_{name.upper()}_PORT": str(port) for name, port in told.items()}
            config = shipped("config") / "demo" / "ems-telemetry.yaml"
            return measure_running(config, Path(folder), dsn, seconds, environment)
        finally:
            simulator.terminate()


def measure_running(config: Path, folder: Path, dsn: str, seconds: float, environment: Mapping[str, str]) -> Cost:
    """Runs the service, lets it warm up, and measures its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "EMS_TELEMETRY__DATABASE__URL": dsn,
        "EMS_TELEMETRY__SPOOL__DIRECTORY": str(folder / "spool"),
        "EMS_TELEMETRY__API__PORT": str(port),
        "EMS_TELEMETRY__LOG__LEVEL": "error",
    }
    with subprocess.Popen([*SERVICE, "--config", str(config)], env={**os.environ, **environment, **settings}) as process:
        try:
            time.sleep(WARM_UP_S)
            address = f"http://127.0.0.1:{port}"
            before = stored(address)
            return watch(process.pid, seconds, lambda: stored(address) - before)
        finally:
            process.terminate()


def measure_bare(dsn: str, port: int, seconds: float) -> Cost:
    """Runs the bare loop in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=lambda: asyncio.run(run_bare(dsn, port, there)), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        time.sleep(WARM_UP_S)
        while here.poll():
            here.recv()
        cost = watch(process.pid, seconds, lambda: 0)
        readings = 0
        while here.poll():
            readings += here.recv()
        return cost._replace(readings=readings)
    finally:
        process.terminate()
        process.join()


async def run_bare(dsn: str, port: int, told: Any) -> None:  # noqa: ANN401 - a pipe has no public type
    """Reads all registers each second and stores them; tells how many."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("DROP TABLE IF EXISTS bare")
        await connection.execute(MAKE_TABLE.encode())
        await connection.commit()
        due_s = time.monotonic()
        while True:
            rows: list[tuple[object, ...]] = []
            for unit_id in UNITS:
                rows += await read_unit(client, unit_id)
            async with connection.cursor() as cursor:
                async with cursor.copy(COPY) as copy:
                    copy.set_types(TYPES)
                    for row in rows:
                        await copy.write_row(row)
                await cursor.execute("INSERT INTO bare SELECT * FROM staging ON CONFLICT (point_id, time) DO NOTHING")
            await connection.commit()
            told.send(len(rows))
            due_s += 1.0
            await asyncio.sleep(due_s - time.monotonic())


async def read_unit(client: AsyncModbusTcpClient, unit_id: int) -> list[tuple[object, ...]]:
    """Reads the points of one unit as rows."""
    registers: list[int] = []
    for address, size in BLOCKS:
        registers += (await client.read_input_registers(address, count=size, device_id=unit_id)).registers
    now = datetime.now(UTC)
    values = struct.unpack(f">{POINTS}f", struct.pack(f">{2 * POINTS}H", *registers))
    return [(now, unit_id * POINTS + n, 0, value, now, 0, 192) for n, value in enumerate(values)]


def watch(pid: int, seconds: float, readings: Any) -> Cost:  # noqa: ANN401 - a function without arguments
    """Measures a process over a stretch."""
    process = psutil.Process(pid)
    began = process.cpu_times()
    began_s = time.perf_counter()
    time.sleep(seconds)
    ended = process.cpu_times()
    took_s = time.perf_counter() - began_s
    busy_s = ended.user + ended.system - began.user - began.system
    return Cost(busy_s / took_s, process.memory_info().rss / 1e6, readings())


def stored(address: str) -> int:
    """Asks the service how many rows it has stored."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:  # noqa: S310 - our own server
        return count([], answer.read().decode()).rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    main(arguments.dsn, arguments.seconds)
