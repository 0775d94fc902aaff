"""Outages filled from asyncua's own server, which cuts answers without saying so, and knows no operation limits."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.history import HistoryDict
from asyncua.server.server import Server
from fakes import RememberingSink, until
from integration.opcua.air_plant import air_file, running
from integration.opcua.kept_counters import backfilled
from servers.cable import cable_to
from servers.process import LOOPBACK, free_port

from ems_telemetry.observe import LinkState

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

URI = "urn:keeping"
PERIOD_S = 0.02


class KeepingServer:
    """A server with one counter, `nsu=urn:keeping;s=Count`, whose history it keeps; `counted` is what it really counted."""

    def __init__(self, largest_answer: int) -> None:
        self.port = free_port()
        self.counted: list[tuple[datetime, int]] = []
        self._server = Server()
        self._largest_answer = largest_answer
        self._node: Node

    async def __aenter__(self) -> Self:
        await self._server.init()
        self._server.set_endpoint(f"opc.tcp://{LOOPBACK}:{self.port}/keeping")
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await self._server.register_namespace(URI)
        objects = self._server.nodes.objects
        self._node = await objects.add_variable(ua.NodeId("Count", index), "Count", 0)  # type: ignore[arg-type]  # asyncua names its wire types
        self._server.iserver.history_manager.set_storage(HistoryDict(max_history_data_response_size=self._largest_answer))
        await self._server.start()
        await self._server.historize_node_data_change(self._node)
        self._counting = asyncio.create_task(self._count())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._counting.cancel()
        await self._server.stop()

    async def _count(self) -> None:
        while True:
            value = len(self.counted) + 1
            time = datetime.now(UTC)
            data = ua.DataValue(ua.Variant(value, ua.VariantType.Int64), SourceTimestamp=time, ServerTimestamp=time)  # type: ignore[arg-type]  # see above
            await self._server.write_attribute_value(self._node.nodeid, data)
            self.counted.append((time, value))
            await asyncio.sleep(PERIOD_S)


@pytest.fixture(params=[10_000, 30])
async def keeping(request: pytest.FixtureRequest) -> AsyncIterator[KeepingServer]:
    async with KeepingServer(request.param) as server:
        yield server


async def test_an_outage_is_filled_whether_the_server_cuts_its_answers_silently_or_with_a_way_on(
    keeping: KeepingServer, tmp_path: Path
) -> None:
    nodes = {"total": {"node": f"nsu={URI};s=Count", "queue_size": 1000}}
    async with cable_to(keeping.port) as cable:
        endpoint = f"opc.tcp://{LOOPBACK}:{cable.port}/keeping"
        file = air_file(endpoint, nodes, history={"delay": "300ms", "values_per_read": 40})
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(10)
            await cable.unplug()
            await until(lambda: given.report.status.state is LinkState.DOWN)
            await asyncio.sleep(4)
            await cable.plug_in()
            await until(lambda: given.report.status.counters.get("holes_closed", 0) == 1)
            await asyncio.sleep(0.2)
    assert len(backfilled(sink.samples)) > 100
    assert arrived(sink) == between(keeping.counted, arrived(sink))


def arrived(sink: RememberingSink) -> list[tuple[datetime, int]]:
    return sorted((sample.time, sample.value) for sample in sink.samples if sample.time and isinstance(sample.value, int))


def between(counted: list[tuple[datetime, int]], found: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    return [each for each in counted if found[0] <= each <= found[-1]]
