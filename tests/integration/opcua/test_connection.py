"""What servers do to connections, and how the connector comes back."""

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from asyncua.client.client import Client
from fakes import RememberingSink, surroundings, until
from integration.opcua.air_plant import air_file, of_point, running
from servers.node_opcua import PLANT, NodeOpcuaServer
from servers.process import LOOPBACK, free_port, serving

from ems_telemetry.connectors.opcua.connector import OpcUaConnector
from ems_telemetry.model import DeadLetter, Sample
from ems_telemetry.observe import LinkState
from ems_telemetry.retry import Backoff

FLOW = {"flow": "Air.Flow"}


# https://github.com/FreeOpcUa/opcua-asyncio/issues/70
@pytest.mark.endurance  # `make test` proves it with paths too: telegraf_15074
async def test_opcua_asyncio_70_a_killed_server_is_found_again_with_its_namespaces_in_another_order(tmp_path: Path) -> None:
    first = NodeOpcuaServer(tmp_path, namespaces=f"{PLANT},urn:plc:other")
    second = NodeOpcuaServer(tmp_path, port=first.port, namespaces=f"urn:plc:other,urn:plc:third,{PLANT}")
    with serving(first):
        async with running(air_file(first.endpoint, {"total": "Air.Total", **FLOW}), tmp_path) as (sink, given):
            await sink.wait_for_samples(10)
            first.kill()
            await until(lambda: given.report.status.state is LinkState.DOWN)
            before = len(sink.samples)
            with serving(second):
                await sink.wait_for_samples(before + 10)
                assert given.report.status.state is LinkState.UP
                assert of_point(sink, "total")[-1].quality == 192


async def test_a_deaf_server_is_noticed_although_its_connection_stays(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with running(air_file(own_opcua_server.endpoint, FLOW), tmp_path) as (sink, given):
        await sink.wait_for_samples(3)
        own_opcua_server.send(signal.SIGSTOP)
        began_s = time.monotonic()
        await until(lambda: given.report.status.state is LinkState.DOWN)
        assert time.monotonic() - began_s < 12
        before = len(sink.samples)
        own_opcua_server.send(signal.SIGCONT)
        await sink.wait_for_samples(before + 5)
    await until(lambda: own_opcua_server.sessions().current == 0)


async def test_a_subscription_that_dies_alone_is_noticed_while_its_session_lives(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with running(air_file(own_opcua_server.endpoint, FLOW), tmp_path) as (sink, given):
        await sink.wait_for_samples(3)
        own_opcua_server.delete_subscriptions()
        await until(lambda: given.report.status.counters.get("reconnects", 0) == 1)
        before = len(sink.samples)
        await sink.wait_for_samples(before + 5)
        assert given.report.status.last_error


async def test_a_session_ended_by_the_server_is_opened_anew(own_opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(own_opcua_server.endpoint, FLOW), tmp_path) as (sink, given):
        await sink.wait_for_samples(3)
        own_opcua_server.close_sessions()
        await until(lambda: given.report.status.counters.get("reconnects", 0) == 1)
        before = len(sink.samples)
        await sink.wait_for_samples(before + 5)


# https://github.com/thingsboard/thingsboard-gateway/issues/1641
async def test_thingsboard_gateway_1641_a_server_that_shuts_down_is_left_and_found_again(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with running(air_file(own_opcua_server.endpoint, FLOW), tmp_path) as (sink, given):
        await sink.wait_for_samples(3)
        await asyncio.to_thread(own_opcua_server.stop)
        await until(lambda: given.report.status.state is LinkState.DOWN)
        before = len(sink.samples)
        await asyncio.to_thread(own_opcua_server.start)
        await sink.wait_for_samples(before + 5)


async def test_stopping_closes_the_session_on_the_server(own_opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(own_opcua_server.endpoint, FLOW), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        assert own_opcua_server.sessions().current == 1
    assert own_opcua_server.sessions().current == 0


async def test_an_unknown_node_does_not_hold_up_the_others_and_is_found_once_it_exists(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems_telemetry.connectors.opcua.monitoring.PROBE_AFTER_S", 0.5)
    nodes = {"later": "Air.Later", "nowhere": "nsu=urn:no:such;s=X", **FLOW}
    async with running(air_file(own_opcua_server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: len(of_point(sink, "flow")) > 3)
        counters, problem = given.report.status.counters, str(given.report.status.last_error)
        own_opcua_server.add("Air.Later", "Double", 42.0)
        await until(lambda: bool(of_point(sink, "later")))
    assert of_point(sink, "later")[0].value == 42.0
    assert counters["nodes_refused"] == 2
    assert "2 of 3 nodes are refused" in problem
    assert "CA-01.later (nsu=urn:plc:air;s=Air.Later): BadNodeIdUnknown" in problem
    assert "CA-01.nowhere (nsu=urn:no:such;s=X): the server has no namespace urn:no:such" in problem


async def test_a_server_that_refuses_the_user_sees_no_more_sessions_than_the_back_off_allows(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    user = {"name": "ems", "password": "wrong"}
    slow = Backoff(initial_s=0.5, cap_s=1.0, draw=lambda: 0.0)
    async with running(air_file(own_opcua_server.endpoint, FLOW, user=user), tmp_path, slow) as (_, given):
        began_s = time.monotonic()
        await until(lambda: own_opcua_server.sessions().opened >= 4)
        elapsed_s = time.monotonic() - began_s
        opened = own_opcua_server.sessions().opened
        assert "check user:" in str(given.report.status.last_error)
        assert "wrong" not in str(given.report.status.last_error)
    assert opened <= 2 + elapsed_s / 0.5
    assert own_opcua_server.sessions().current == 0


async def test_a_server_without_a_free_session_is_asked_again_until_it_has_one(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    own_opcua_server.renew(max_sessions=1)
    file = air_file(own_opcua_server.endpoint, FLOW)
    async with Client(own_opcua_server.endpoint), running(file, tmp_path) as (_, given):
        await until(lambda: "no session left" in str(given.report.status.last_error))
    async with running(file, tmp_path) as (sink, _):
        await sink.wait_for_samples(1)


async def test_points_share_a_subscription_per_publishing_interval_and_calls_stay_within_the_server_s_limit(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    own_opcua_server.renew(items_per_call=7, extra_variables=40)
    nodes = {
        f"extra_{index}": {"node": f"Extra.{index}", "publishing_interval": "100ms" if index % 4 else "300ms"}
        for index in range(40)
    }
    async with running(air_file(own_opcua_server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: {sample.point for sample in sink.samples} == {f"CA-01.{name}" for name in nodes})
        found = sorted((sub["publishing_ms"], sub["items"]) for sub in own_opcua_server.subscriptions())
        assert given.report.status.counters.get("nodes_refused", 0) == 0
    assert found == [(100, 30), (300, 10)]


async def test_a_peer_that_accepts_and_says_nothing_is_given_up_and_does_not_hold_up_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems_telemetry.connectors.opcua.session.REQUEST_TIMEOUT_S", 0.5)
    accepted: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: accepted.append(writer), LOOPBACK, free_port())
    endpoint = f"opc.tcp://{LOOPBACK}:{silent.sockets[0].getsockname()[1]}"
    async with running(air_file(endpoint, FLOW), tmp_path) as (_, given):
        await until(lambda: "no answer" in str(given.report.status.last_error))
        before = len(accepted)
        await until(lambda: len(accepted) > before)
    for writer in accepted:
        writer.close()
    silent.close()
    await silent.wait_closed()


async def test_cancelling_closes_the_session_on_the_server_too(own_opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    sink = RememberingSink()
    connector = OpcUaConnector(air_file(own_opcua_server.endpoint, FLOW), surroundings(tmp_path, sink=sink))
    task = asyncio.create_task(connector.run())
    await sink.wait_for_samples(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert own_opcua_server.sessions().current == 0


async def test_what_came_in_before_the_link_was_lost_still_reaches_the_sink(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    sink = SlowSink()
    given = surroundings(tmp_path, sink=sink)
    connector = OpcUaConnector(air_file(own_opcua_server.endpoint, {"total": "Air.Total"}), given)
    task = asyncio.create_task(connector.run())
    await sink.wait_for_samples(2)
    sink.durable.clear()
    kept = len(sink.samples)
    await until(lambda: connector._inbox._waiting.qsize() >= 3)
    own_opcua_server.kill()
    await until(lambda: given.report.status.state is LinkState.DOWN)
    connector.stop()
    sink.durable.set()
    await asyncio.wait_for(task, 10)
    values = [sample.value for sample in sink.samples]
    first = values[0]
    assert len(values) >= kept + 3
    assert isinstance(first, int)
    assert values == list(range(first, first + len(values)))


class SlowSink(RememberingSink):
    """Keeps nothing while its latch is closed."""

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        await self.durable.wait()
        return await super().offer(samples, dead_letters)
