"""A line with one dead, one slow and one lying unit among ten, in figures; and what a hundred units over ten lines take.

Run it as `PYTHONPATH=tests:bench python bench/modbus_line.py [SECONDS]`.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop
from fakes import surroundings
from integration.modbus.crowded_line import DEAD, LYING, SLOW, Figures, run_crowded_line
from modbus import CountingSink, serve
from rich.console import Console
from rich.table import Table

from ems_telemetry.connectors.contract import Shared
from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.file import ModbusFile

LINES = 10
UNITS = range(1, 11)
POINTS = 20
END_S = 10.0


class Cost(NamedTuple):
    """The share of one core it took, and how many samples came of how many that were due."""

    cores: float
    samples: int
    due: int


def show_crowd(figures: Figures) -> None:
    """Prints a line for each unit."""
    columns = ("unit", "is", "ticks due", "samples", "wrong values", "longest pause, s")
    table = Table(*columns, title="Ten units on one line, every 1 s")
    kinds = {DEAD: "dead", SLOW: "slow", LYING: "lying"}
    for unit, told in figures.units.items():
        numbers = (told.ticks_due, told.samples, told.wrong, f"{told.longest_pause_s:.2f}")
        table.add_row(str(unit), kinds.get(unit, "well"), *map(str, numbers))
    console = Console()
    console.print(table)
    console.print(f"connections {figures.connections}; " + ", ".join(f"{k} {v}" for k, v in sorted(figures.counters.items())))


async def measure_many(ports: Sequence[int], seconds: float, folder: Path) -> Cost:
    """Runs ten connectors of ten units each, with twenty points at 1 s each, and takes the CPU time of it all."""
    shared, sink = Shared(), CountingSink()
    connectors = [
        CONNECTOR_TYPE.build(_file(port), surroundings(folder, sink=sink, shared=shared, name=f"line {port}")) for port in ports
    ]
    tasks = [asyncio.create_task(connector.run()) for connector in connectors]
    await asyncio.sleep(2.0)
    before, began_s, cpu_s = sink.samples, time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    took_s = time.perf_counter() - began_s
    cost = Cost((time.process_time() - cpu_s) / took_s, sink.samples - before, int(took_s * LINES * len(UNITS) * POINTS))
    for connector in connectors:
        connector.stop()
    await asyncio.wait_for(asyncio.gather(*tasks), END_S)
    return cost


def _file(port: int) -> ModbusFile:
    points = [
        {"id": f"p{n}", "register": "input", "address": 2 * n, "type": "float32", "quantity": "voltage", "unit": "V"}
        for n in range(POINTS)
    ]
    meters = [{"id": f"M{unit}", "unit_id": unit, "points": points} for unit in UNITS]
    written = {"type": "modbus", "endpoint": f"tcp://127.0.0.1:{port}", "site": "S", "interval": "1s", "meters": meters}
    return ModbusFile.model_validate(written)


@contextmanager
def plant() -> Iterator[int]:
    """Serves any register from a process of its own; gives its port."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        yield here.recv()
    finally:
        server.kill()
        server.join()


def main(seconds: float) -> None:
    """Measures both."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        show_crowd(uvloop.run(run_crowded_line(seconds, Path(folder))))
        ports = [stack.enter_context(plant()) for _ in range(LINES)]
        cost = uvloop.run(measure_many(ports, min(seconds, 30.0), Path(folder)))
    what = f"{LINES * len(UNITS)} units of {POINTS} points, every 1 s, over {LINES} lines"
    Console().print(f"{what}: {cost.cores:.1%} of one core, {cost.samples} of {cost.due} samples")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
