"""Troubles that users of other systems reported with sessions and subscriptions, each with where it was reported."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asyncua.client.client import Client
from fakes import QuickClock, surroundings, until
from integration.opcua.air_plant import END_S, air_file, of_point, running
from servers.cable import Cable, cable_to
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, free_port

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.connector import OpcUaConnector
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.observe import LinkState
from ems_telemetry.retry import Backoff

FLOW = {"flow": "Air.Flow"}
TIMES = 20.0
MOST_IN_A_MINUTE = 8
"""Waits of at least 0.5, 1, 2, 4, 8, 16 and 30 s, and the attempt before the first."""


@asynccontextmanager
async def running_a_minute(file: OpcUaFile, folder: Path) -> AsyncIterator[Surroundings]:
    """Runs a connector with the service's own back-off through a minute that takes three seconds, and then the body."""
    given = surroundings(folder, clock=QuickClock(TIMES), backoff=Backoff())
    connector = OpcUaConnector(file, given)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(connector.run())
        await asyncio.sleep(60 / TIMES)
        try:
            yield given
        finally:
            connector.stop()
            await asyncio.wait_for(asyncio.shield(task), END_S)


# https://github.com/influxdata/telegraf/issues/18787
async def test_telegraf_18787_a_server_that_is_away_is_not_asked_more_often_than_the_back_off_allows(tmp_path: Path) -> None:
    attempts = 0

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.transport.abort()

    file = air_file(f"opc.tcp://{LOOPBACK}:{(port := free_port())}", FLOW)
    async with await asyncio.start_server(hang_up, LOOPBACK, port), running_a_minute(file, tmp_path) as given:
        assert given.report.status.state is LinkState.DOWN
        seen = attempts
    assert 3 <= seen <= MOST_IN_A_MINUTE


# https://github.com/influxdata/telegraf/pull/18813
async def test_telegraf_18813_a_server_without_a_free_session_is_not_flooded_with_requests_for_one(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    own_opcua_server.renew(max_sessions=1)
    async with (
        Client(own_opcua_server.endpoint),
        cable_to(own_opcua_server.port) as cable,
        running_a_minute(air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", FLOW), tmp_path) as given,
    ):
        assert "no session left" in str(given.report.status.last_error)
        asked = cable.connections
    assert 3 <= asked <= MOST_IN_A_MINUTE


# https://github.com/thingsboard/thingsboard-gateway/issues/2093
async def test_thingsboard_gateway_2093_a_subscription_that_is_kept_alive_and_sends_nothing_is_noticed(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    file = air_file(own_opcua_server.endpoint, {**FLOW, "pressure": "Air.Pressure"}, proof_interval="1s", polling="never")
    async with running(file, tmp_path) as (sink, given):
        await sink.wait_for_samples(5)
        own_opcua_server.mute()
        await until(lambda: given.report.status.counters.get("reconnects", 0) == 1)
        assert "sends keep-alives, and no changes any more of CA-01.flow" in str(given.report.status.last_error)
        before = len(of_point(sink, "flow"))
        await until(lambda: len(of_point(sink, "flow")) > before + 5)


# https://github.com/thingsboard/thingsboard-gateway/issues/2093
async def test_thingsboard_gateway_2093_one_item_that_falls_silent_is_asked_for_anew_while_the_others_go_on(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    nodes = {**FLOW, "total": "Air.Total", "pressure": "Air.Pressure"}
    async with running(air_file(own_opcua_server.endpoint, nodes, proof_interval="1s"), tmp_path) as (sink, given):
        await sink.wait_for_samples(5)
        own_opcua_server.mute("Air.Flow")
        await until(lambda: given.report.status.counters.get("items_asked_anew", 0) == 1)
        before = len(of_point(sink, "flow"))
        await until(lambda: len(of_point(sink, "flow")) > before + 5)
        assert given.report.status.counters.get("reconnects", 0) == 0
        assert own_opcua_server.subscriptions() == [{"publishing_ms": 100, "items": 3}]


async def test_a_server_whose_subscriptions_go_deaf_again_and_again_is_polled(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    file = air_file(own_opcua_server.endpoint, FLOW, proof_interval="1s")
    async with running(file, tmp_path) as (sink, given):
        for reconnects in (1, 2):
            await until(lambda: bool(own_opcua_server.subscriptions()) and given.report.status.state is LinkState.UP)
            own_opcua_server.mute()
            await until(lambda: given.report.status.counters.get("reconnects", 0) == reconnects)  # noqa: B023  awaited here
        before = len(sink.samples)
        await sink.wait_for_samples(before + 5)
        assert own_opcua_server.subscriptions() == []


# https://github.com/FreeOpcUa/opcua-asyncio/issues/2020
async def test_opcua_asyncio_2020_items_made_while_the_answer_is_lost_are_not_there_twice_afterwards(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems_telemetry.connectors.opcua.session.REQUEST_TIMEOUT_S", 1.0)
    cable = DeafAfterItems(own_opcua_server.port)
    await cable.plug_in()
    try:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", {**FLOW, "total": "Air.Total"})
        async with running(file, tmp_path) as (sink, given):
            await until(lambda: given.report.status.counters.get("reconnects", 0) >= 1)
            await sink.wait_for_samples(20)
            await until(lambda: own_opcua_server.subscriptions() == [{"publishing_ms": 100, "items": 2}])
    finally:
        await cable.unplug()
    assert cable.swallowed == 1
    keys = [(sample.point, sample.time) for sample in sink.samples]
    assert len(keys) == len(set(keys))


class DeafAfterItems(Cable):
    """A cable that loses the answer to the first CreateMonitoredItems, and whatever comes back after it on that connection."""

    RESPONSE = bytes([0x01, 0x00]) + (754).to_bytes(2, "little")
    """Node id of CreateMonitoredItemsResponse (i=754), as the binary encoding writes it (OPC 10000-6, 5.2.2.9)."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.swallowed = 0
        self._deaf: set[asyncio.StreamReader] = set()

    def carry(self, reader: asyncio.StreamReader, data: bytes) -> bytes:
        if reader in self._deaf:
            return b""
        if not self.swallowed and self.RESPONSE in data:
            self.swallowed += 1
            self._deaf.add(reader)
            return b""
        return data


async def test_the_clock_of_the_server_is_measured(own_opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(own_opcua_server.endpoint, FLOW), tmp_path) as (_, given):
        await until(lambda: given.report.status.clock_ahead_s is not None)
        ahead_s = given.report.status.clock_ahead_s
    assert ahead_s is not None
    assert abs(ahead_s) < 5
