"""Notifications through the connector against a bare asyncua subscription of the same nodes, one after the other.

Run as `PYTHONPATH=tests .venv/bin/python bench/opcua.py`. The server is node-opcua in its own process; what counts is this
process's CPU time per notification, because the server sets the rate.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif, Subscription
from servers.node_opcua import PLANT, NodeOpcuaServer
from servers.process import serving

from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.connector import OpcUaConnector
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.retry import Backoff

PUBLISHING_MS = 500
QUEUE_SIZE = 20
WARM_UP_S = 3.0


class Counter:
    """Counts what arrives: as a sink of the connector, and as a handler of asyncua."""

    def __init__(self) -> None:
        self.count = 0

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        """Never called: OPC UA offers."""
        raise NotImplementedError

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        """Counts what the connector hands over."""
        self.count += len(samples) + len(dead_letters)
        return True

    async def record(self, gaps: Sequence[Gap]) -> None:
        """Never called: nothing is missing here."""
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
    """What one way of receiving did in the time."""

    notifications: int
    elapsed_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Notifications per second of wall time."""
        return self.notifications / self.elapsed_s

    @property
    def cpu_us(self) -> float:
        """CPU time of this process per notification, in microseconds."""
        return self.cpu_s / max(1, self.notifications) * 1e6


async def measure(counter: Counter, duration_s: float) -> Measured:
    await asyncio.sleep(WARM_UP_S)
    began_s, cpu_s, before = time.monotonic(), time.process_time(), counter.count
    await asyncio.sleep(duration_s)
    return Measured(counter.count - before, time.monotonic() - began_s, time.process_time() - cpu_s)


async def through_handler(endpoint: str, nodes: int, duration_s: float) -> Measured:
    counter = Counter()
    async with Client(endpoint) as client:
        await subscribe_bare(client, await client.create_subscription(PUBLISHING_MS, counter), nodes)
        return await measure(counter, duration_s)


async def through_iterator(endpoint: str, nodes: int, duration_s: float) -> Measured:
    counter = Counter()
    async with Client(endpoint) as client:
        subscription = await client.create_subscription(PUBLISHING_MS, queue_maxsize=10 * nodes)
        await subscribe_bare(client, subscription, nodes)
        counting = asyncio.create_task(count_events(subscription, counter), name="iterator")
        try:
            return await measure(counter, duration_s)
        finally:
            counting.cancel()


async def subscribe_bare(client: Client, subscription: Subscription, nodes: int) -> None:
    index = await client.get_namespace_index(PLANT)
    wanted = [client.get_node(f"ns={index};s=Extra.{number}") for number in range(nodes)]
    for start in range(0, nodes, 500):
        await subscription.subscribe_data_change(wanted[start : start + 500], queuesize=QUEUE_SIZE)


async def count_events(subscription: Subscription, counter: Counter) -> None:
    async for _ in subscription:
        counter.count += 1


async def through_connector(endpoint: str, nodes: int, duration_s: float) -> Measured:
    counter = Counter()
    clock = SystemClock()
    report = ConnectorReport("bench", "opcua", endpoint, clock=clock, metrics=Metrics())
    connector = OpcUaConnector(
        file_of(endpoint, nodes), Surroundings(counter, report, clock, Backoff(), Path("unused"), Path("unused"))
    )
    running = asyncio.create_task(connector.run(), name="connector")
    try:
        return await measure(counter, duration_s)
    finally:
        connector.stop()
        await running


def file_of(endpoint: str, nodes: int) -> OpcUaFile:
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


def print_table(results: Mapping[str, Measured]) -> None:
    print(f"{'':20} {'per second':>12} {'CPU':>7} {'CPU per notification':>22} {'per CPU second':>15}")
    bare = results["asyncua, iterator"]
    for name, measured in results.items():
        load = measured.cpu_s / measured.elapsed_s
        ratio = bare.cpu_us / measured.cpu_us
        print(f"{name:20} {measured.rate:12,.0f} {load:7.1%} {measured.cpu_us:19.1f} us {ratio:14.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--period-ms", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"extra_variables": given.nodes, "extra_period_ms": given.period_ms, "max_items_per_call": 500}
        server = NodeOpcuaServer(Path(folder), **settings)
        with serving(server):
            results = {
                name: asyncio.run(way(server.endpoint, given.nodes, given.seconds))
                for name, way in (
                    ("asyncua, handler", through_handler),
                    ("asyncua, iterator", through_iterator),
                    ("connector", through_connector),
                )
            }
    print_table(results)


if __name__ == "__main__":
    main()
