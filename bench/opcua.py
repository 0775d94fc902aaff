"""Notifications through connector, normalize and spool against bare asyncua subscriptions of the same nodes, one by one.

Run as `PYTHONPATH=tests .venv/bin/python bench/opcua.py`. The server is node-opcua in its own process. What counts is the CPU
time of the receiving process per notification, because the server sets the rate; each way runs in a fresh process, so that its
memory is its own. A second table tells how long connecting and creating many monitored items takes.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import psutil
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif, Subscription
from fakes import until
from servers.node_opcua import PLANT, NodeOpcuaServer
from servers.process import serving

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.check import ConfiguredPoint, check_connectors
from ems_telemetry.config.document import Document
from ems_telemetry.config.plant import Plant, Site
from ems_telemetry.config.service import WhenFull
from ems_telemetry.connectors.contract import Shared, Sink, Surroundings
from ems_telemetry.connectors.opcua.connector import OpcUaConnector
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, LinkState, Metrics, configure_logging
from ems_telemetry.retry import Backoff
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.spool.sqlite import SqliteSpool

PUBLISHING_MS = 500
QUEUE_SIZE = 20
WARM_UP_S = 3.0
SPOOL_BYTES = 2**32
ITEMS_PER_CALL = 500
MEGABYTE = 1e6


class Counter:
    """Counts what arrives: as a sink of the connector, and as a handler of asyncua."""

    def __init__(self) -> None:
        self.count = 0

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        """Counts what comes from the server's history."""
        del receipts
        self.count += len(samples) + len(dead_letters)

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        """Counts what the connector hands over."""
        self.count += len(samples) + len(dead_letters)
        return True

    async def record(self, gaps: Sequence[Gap]) -> None:
        """Never called: nothing is missing here."""
        raise NotImplementedError

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        """Never called: every point stands in the file."""
        raise NotImplementedError

    async def is_durable(self, receipt: Receipt) -> bool:
        """Never called: OPC UA has no receipts."""
        raise NotImplementedError

    def datachange_notification(self, node: Node, value: object, data: DataChangeNotif) -> None:
        """Counts what asyncua tells its handler."""
        del node, value, data
        self.count += 1


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way of receiving did in the time. `ready_s` is how long connecting and creating the items took."""

    notifications: int
    elapsed_s: float
    cpu_s: float
    ready_s: float
    memory_mb: float

    @property
    def rate(self) -> float:
        """Notifications per second of wall time."""
        return self.notifications / self.elapsed_s

    @property
    def cpu_us(self) -> float:
        """CPU time of this process per notification, in microseconds."""
        return self.cpu_s / max(1, self.notifications) * 1e6


Way: TypeAlias = Callable[[str, int, float], Coroutine[Any, Any, Measured]]


async def measure(count: Callable[[], int], began_s: float, duration_s: float) -> Measured:
    """Measures for that long; all items exist, and their first values are let pass."""
    ready_s = time.monotonic() - began_s
    await asyncio.sleep(WARM_UP_S)
    from_s, cpu_s, before = time.monotonic(), time.process_time(), count()
    await asyncio.sleep(duration_s)
    spent_s, elapsed_s = time.process_time() - cpu_s, time.monotonic() - from_s
    return Measured(count() - before, elapsed_s, spent_s, ready_s, psutil.Process().memory_info().rss / MEGABYTE)


async def through_handler(endpoint: str, nodes: int, duration_s: float) -> Measured:
    """A bare asyncua subscription whose handler is called for each notification."""
    counter, began_s = Counter(), time.monotonic()
    async with Client(endpoint) as client:
        await subscribe_bare(client, await client.create_subscription(PUBLISHING_MS, counter), nodes)
        return await measure(lambda: counter.count, began_s, duration_s)


async def through_iterator(endpoint: str, nodes: int, duration_s: float) -> Measured:
    """A bare asyncua subscription that is iterated over."""
    counter, began_s = Counter(), time.monotonic()
    async with Client(endpoint) as client:
        subscription = await client.create_subscription(PUBLISHING_MS, queue_maxsize=10 * nodes)
        await subscribe_bare(client, subscription, nodes)
        counting = asyncio.create_task(count_events(subscription, counter), name="iterator")
        try:
            return await measure(lambda: counter.count, began_s, duration_s)
        finally:
            counting.cancel()


async def subscribe_bare(client: Client, subscription: Subscription, nodes: int) -> None:
    """Creates the items as asyncua's users do."""
    index = await client.get_namespace_index(PLANT)
    wanted = [client.get_node(f"ns={index};s=Extra.{number}") for number in range(nodes)]
    for start in range(0, nodes, ITEMS_PER_CALL):
        await subscription.subscribe_data_change(wanted[start : start + ITEMS_PER_CALL], queuesize=QUEUE_SIZE)


async def count_events(subscription: Subscription, counter: Counter) -> None:
    """Counts what an iterated subscription gives."""
    async for _ in subscription:
        counter.count += 1


async def through_connector(endpoint: str, nodes: int, duration_s: float) -> Measured:
    """The connector, as far as its sink."""
    counter, began_s = Counter(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with running(file_of(endpoint, nodes), counter, new_report(endpoint), Path(folder)):
            return await measure(lambda: counter.count, began_s, duration_s)


async def through_spool(endpoint: str, nodes: int, duration_s: float) -> Measured:
    """The connector, normalize, and the durable spool."""
    file, report = file_of(endpoint, nodes), new_report(endpoint)
    normalizer = normalizer_of(file)
    with tempfile.TemporaryDirectory() as folder:
        spool = SqliteSpool(Path(folder), max_size_bytes=SPOOL_BYTES, when_full=WhenFull.REFUSE)
        await spool.open()
        try:
            began_s = time.monotonic()
            pipeline = Pipeline(normalizer, spool, report, SystemClock())
            async with running(file, pipeline, report, Path(folder)):
                return await measure(lambda: report.status.counters.get("samples_stored", 0), began_s, duration_s)
        finally:
            await spool.close()


@asynccontextmanager
async def running(file: OpcUaFile, sink: Sink, report: ConnectorReport, folder: Path) -> AsyncIterator[None]:
    """Runs the connector for the length of a `with` that begins when all its items exist."""
    connector = OpcUaConnector(file, Surroundings(sink, report, SystemClock(), Backoff(), folder, folder, Shared()))
    task = asyncio.create_task(connector.run(), name="connector")
    try:
        await until(lambda: report.status.state is LinkState.UP)
        yield
    finally:
        connector.stop()
        await task


def new_report(endpoint: str) -> ConnectorReport:
    """Makes a report on metrics of its own."""
    return ConnectorReport("bench", "opcua", endpoint, clock=SystemClock(), metrics=Metrics())


def normalizer_of(file: OpcUaFile) -> Normalizer:
    """Gives the points of the file their meaning, as the service does."""
    plant = Plant(sites=(Site(id="BER1", name="Berlin works", timezone="Europe/Berlin"),))
    return Normalizer("bench", check_connectors(plant, [(Document(Path("bench.yaml"), {}, {}), file)], []))


def file_of(endpoint: str, nodes: int) -> OpcUaFile:
    """Makes a connector file of as many points."""
    point = {"quantity": "gas_volume", "unit": "Nm3", "queue_size": QUEUE_SIZE}
    points = [{**point, "id": f"p{number}", "node": f"nsu={PLANT};s=Extra.{number}"} for number in range(nodes)]
    return OpcUaFile.model_validate(
        {
            "type": "opcua",
            "endpoint": endpoint,
            "site": "BER1",
            "publishing_interval": f"{PUBLISHING_MS}ms",
            "meters": [{"id": "CA-01", "points": points}],
        }
    )


WAYS: Mapping[str, Way] = {
    "asyncua, handler": through_handler,
    "asyncua, iterator": through_iterator,
    "connector": through_connector,
    "connector to spool": through_spool,
}


def run_apart(name: str, endpoint: str, nodes: int, duration_s: float) -> Measured:
    """Runs one way in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, name, endpoint, nodes, duration_s).result()


def _run(name: str, endpoint: str, nodes: int, duration_s: float) -> Measured:
    configure_logging("error")
    return asyncio.run(WAYS[name](endpoint, nodes, duration_s))


def print_rates(results: Mapping[str, Measured]) -> None:
    """Prints what each notification costs."""
    handler, iterator = results["asyncua, handler"], results["asyncua, iterator"]
    print(f"{'':20} {'per second':>12} {'CPU':>7} {'CPU each':>10} {'to handler':>11} {'to iterator':>12}")
    for name, measured in results.items():
        load = measured.cpu_s / measured.elapsed_s
        ratios = f"{handler.cpu_us / measured.cpu_us:10.2f}x {iterator.cpu_us / measured.cpu_us:11.2f}x"
        print(f"{name:20} {measured.rate:12,.0f} {load:7.1%} {measured.cpu_us:7.1f} us {ratios}")


def print_many(nodes: int, results: Mapping[str, Measured]) -> None:
    """Prints how long many items take to create, and what they weigh."""
    print(f"\n{nodes:,} items {'':8} {'connect and create':>20} {'memory':>10}")
    for name, measured in results.items():
        print(f"{name:20} {measured.ready_s:18.2f} s {measured.memory_mb:7.0f} MB")


def compare(nodes: int, period_ms: int, duration_s: float, names: Sequence[str]) -> dict[str, Measured]:
    """Measures several ways against one server."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"extra_variables": nodes, "extra_period_ms": period_ms, "max_items_per_call": ITEMS_PER_CALL}
        server = NodeOpcuaServer(Path(folder), **settings)
        with serving(server):
            return {name: run_apart(name, server.endpoint, nodes, duration_s) for name in names}


def main() -> None:
    """Measures and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--period-ms", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--many", type=int, default=10_000)
    given = parser.parse_args()
    print_rates(compare(given.nodes, given.period_ms, given.seconds, tuple(WAYS)))
    print_many(given.many, compare(given.many, 10_000, 2.0, ("asyncua, handler", "connector to spool")))


if __name__ == "__main__":
    main()
