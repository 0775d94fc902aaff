"""What node-opcua cannot do, with asyncua's own server: values without a source time, and no operation limits."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server
from fakes import until
from integration.opcua.air_plant import air_file, running
from servers.process import LOOPBACK, free_port

from ems_telemetry.model import Flag

URI = "urn:sparse"


class SparseServer:
    """A server with one variable, `nsu=urn:sparse;s=Level`."""

    def __init__(self) -> None:
        self.endpoint = f"opc.tcp://{LOOPBACK}:{free_port()}/sparse"
        self.server = Server()
        self.level: Node

    async def __aenter__(self) -> Self:
        await self.server.init()
        self.server.set_endpoint(self.endpoint)
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await self.server.register_namespace(URI)
        objects = self.server.nodes.objects
        self.level = await objects.add_variable(ua.NodeId("Level", index), "Level", 1.0)  # type: ignore[arg-type]
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()


@pytest.fixture
async def sparse() -> AsyncIterator[SparseServer]:
    async with SparseServer() as server:
        yield server


async def test_a_value_without_a_source_time_gets_the_server_s_with_a_flag(sparse: SparseServer, tmp_path: Path) -> None:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    async with running(air_file(sparse.endpoint, {"level": f"nsu={URI};s=Level"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        told = ua.DataValue(ua.Variant(2.0), ServerTimestamp=at)  # type: ignore[arg-type]  # asyncua names its wire type
        await sparse.server.write_attribute_value(sparse.level.nodeid, told)
        await until(lambda: sink.samples[-1].value == 2.0)
    assert sink.samples[-1].time == at
    assert sink.samples[-1].flags == Flag.SERVER_TIME


async def test_a_value_without_any_time_has_none(sparse: SparseServer, tmp_path: Path) -> None:
    async with running(air_file(sparse.endpoint, {"level": f"nsu={URI};s=Level"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        await sparse.server.write_attribute_value(sparse.level.nodeid, ua.DataValue(ua.Variant(3.0)))
        await until(lambda: sink.samples[-1].value == 3.0)
    assert sink.samples[-1].time is None
    assert datetime.now(UTC) - sink.samples[-1].received_at < timedelta(minutes=1)
