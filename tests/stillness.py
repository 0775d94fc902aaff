"""A service to whose plant and database nobody answers, run in this process, and what it takes while it tries."""

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from servers.process import LOOPBACK, free_port

from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.service.service import Service

FILES = {
    "opcua": ("opc.tcp", "", "node: 'ns=2;s=Flow'"),
    "modbus": ("tcp", "unit_id: 1, ", "address: 1, type: uint16, register: holding"),
    "mqtt": ("mqtt", "topic: plant/mq01, ", "value: $.flow"),
}
"""The scheme of each protocol's endpoint, what a meter needs, and where a point stands."""


class Taken(NamedTuple):
    """What the process holds at one moment."""

    rss_bytes: int
    open_files: int
    tasks: int
    futures: int
    traced_bytes: int
    """What Python allocated since tracing began; 0 where it does not trace."""
    spool_bytes: int


def absent_plant(folder: Path) -> Configuration:
    """Writes and reads the files of a plant that is not there, with a database that is not there either."""
    for name in ("config", "connectors"):
        (folder / name).mkdir()
    (folder / "config/plant.yaml").write_text("sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin}]\n")
    (folder / "config/ems-telemetry.yaml").write_text(
        f"database: {{url: 'postgresql://nobody@{LOOPBACK}:{free_port()}/nowhere'}}\n"
        "spool: {directory: ../spool}\npki: {directory: ../pki}\napi: {port: 0}\nwatch_files: true\n"
    )
    for name, (scheme, meter, place) in FILES.items():
        point = f"{{id: flow, {place}, quantity: gas_flow, unit: Nm3/h}}"
        (folder / f"connectors/{name}.yaml").write_text(
            f"type: {name}\nendpoint: {scheme}://{LOOPBACK}:{free_port()}\nsite: BER1\n"
            f"meters: [{{id: {name}-1, {meter}points: [{point}]}}]\n"
        )
    types = find_file_models()
    return load(folder / "config/ems-telemetry.yaml", types, {})


@asynccontextmanager
async def running(configuration: Configuration, clock: Clock) -> AsyncIterator[Service]:
    """Runs the service for the length of a `with`."""
    service = Service(configuration, clock)
    task = asyncio.create_task(service.run(), name="service")
    try:
        yield service
    finally:
        service.stop()
        await asyncio.wait_for(task, 30)


def attempts(service: Service) -> Counter[str]:
    """Tells how often each connector tried to connect again."""
    assert service._reloader is not None
    reports = service._reloader._assembler.reports.values()
    return Counter({report.status.name: report.status.counters.get("reconnects", 0) for report in reports})


def take(service: Service) -> Taken:
    """Counts what the process holds, what can be collected not among it."""
    for _ in range(3):
        gc.collect()
    assert service._reloader is not None
    process = psutil.Process()
    return Taken(
        process.memory_info().rss,
        process.num_fds(),
        len(asyncio.all_tasks()),
        sum(isinstance(one, asyncio.Future) for one in gc.get_objects()),
        tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0,
        service._reloader._storing.spool.state().size_bytes,
    )
