"""Troubles that users of other collectors had with nodes, limits and values, each named after the thread that tells it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import ua
from fakes import apart, until
from integration.opcua.air_plant import air_file, of_point, running
from integration.opcua.limited_server import LimitedServer, point
from servers.metering import MeteringServer
from servers.node_opcua import PLANT, NodeOpcuaServer
from servers.process import serving

from ems_telemetry.model import Flag, Quality
from ems_telemetry.observe import LinkState

PROBE_AFTER_S = "ems_telemetry.connectors.opcua.monitoring.PROBE_AFTER_S"
EXTRA = 250


def extra_nodes(count: int) -> dict[str, str]:
    return {f"extra_{index}": f"Extra.{index}" for index in range(count)}


# https://github.com/influxdata/telegraf/issues/15074
async def test_telegraf_15074_nodes_are_found_again_after_the_server_restarts_with_other_namespace_indexes(
    tmp_path: Path,
) -> None:
    first = NodeOpcuaServer(tmp_path, namespaces=f"{PLANT},urn:plc:other")
    second = NodeOpcuaServer(tmp_path, port=first.port, namespaces=f"urn:plc:other,urn:plc:third,{PLANT}")
    nodes = {"flow": {"node": "Air.Flow"}, "total": {"path": f"/nsu={PLANT};Plant/nsu={PLANT};Air.Total"}}
    with serving(first):
        async with running(air_file(first.endpoint, nodes), tmp_path) as (sink, given):
            await until(lambda: len(of_point(sink, "flow")) > 2 and len(of_point(sink, "total")) > 2)
            first.kill()
            await until(lambda: given.report.status.state is LinkState.DOWN)
            before = len(sink.samples)
            with serving(second):
                await until(lambda: {sample.point for sample in sink.samples[before:]} == {"CA-01.flow", "CA-01.total"})
                assert all(sample.quality == Quality.GOOD for sample in sink.samples[before:])
                assert not sink.gaps


# https://github.com/influxdata/telegraf/issues/19186
async def test_telegraf_19186_a_stale_node_ends_no_session_and_keeps_one_gap_over_all_of_them(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROBE_AFTER_S, 0.5)
    nodes = {"stale": "Air.Stale", "flow": "Air.Flow"}
    async with running(air_file(own_opcua_server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: bool(sink.gaps) and len(of_point(sink, "flow")) > 3)
        (gap,) = sink.gaps.values()
        own_opcua_server.close_sessions()
        await until(lambda: given.report.status.counters.get("reconnects", 0) == 1)
        await until(lambda: sink.gaps[gap.id].end > gap.end)
        own_opcua_server.add("Air.Stale", "Double", 42.0)
        await until(lambda: bool(of_point(sink, "stale")))
        await until(lambda: sink.gaps[gap.id].end >= of_point(sink, "stale")[0].received_at - timedelta(seconds=2))
    assert list(sink.gaps) == [gap.id]
    assert (gap.cause, gap.refused, gap.start) == ("node_unknown", 0, sink.gaps[gap.id].start)


# https://github.com/influxdata/telegraf/issues/19609
async def test_telegraf_19609_reads_stay_within_the_nodes_a_server_takes_per_read(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    own_opcua_server.renew(nodes_per_read=20, extra_variables=EXTRA)
    file = air_file(own_opcua_server.endpoint, extra_nodes(EXTRA), polling="always")
    async with running(file, tmp_path) as (sink, given):
        await until(lambda: len({sample.point for sample in sink.samples}) == EXTRA)
        assert given.report.status.counters["nodes_refused"] == 0
        assert given.report.status.last_error is None


# https://github.com/influxdata/telegraf/issues/19662
async def test_telegraf_19662_paths_and_items_stay_within_what_a_server_takes_per_call(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    own_opcua_server.renew(paths_per_call=30, extra_variables=EXTRA)
    folder = f"/nsu={PLANT};Plant/nsu={PLANT};"
    nodes = {f"extra_{index}": {"path": f"{folder}Extra.{index}"} for index in range(EXTRA)}
    async with running(air_file(own_opcua_server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: len({sample.point for sample in sink.samples}) == EXTRA)
        assert given.report.status.counters["nodes_refused"] == 0


# https://github.com/FreeOpcUa/python-opcua/issues/1121
async def test_python_opcua_1121_a_server_full_of_items_keeps_those_it_has_and_the_rest_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {f"V{index}": float(index) for index in range(EXTRA)}
    async with LimitedServer(monkeypatch, **variables).with_items(most=100, per_call=30) as server:
        nodes = {name.lower(): point(name) for name in variables}
        async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, given):
            await until(lambda: len({sample.point for sample in sink.samples}) == 100)
            await until(lambda: len(sink.gaps) == EXTRA - 100)
            assert given.report.status.state is LinkState.UP
            assert "150 of 250 nodes are refused" in str(given.report.status.last_error)
            assert "BadTooManyMonitoredItems (the server monitors no more items" in str(given.report.status.last_error)
            assert given.report.status.counters.get("reconnects", 0) == 0
    assert {gap.cause for gap in sink.gaps.values()} == {"too_many_items"}


# https://github.com/thingsboard/thingsboard-gateway/pull/949
async def test_thingsboard_gateway_949_many_points_need_few_subscriptions_and_fewer_where_the_server_has_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {f"V{index}": float(index) for index in range(60)}
    intervals = ("100ms", "200ms", "300ms")
    nodes = {name.lower(): point(name, publishing_interval=intervals[index % 3]) for index, name in enumerate(variables)}
    limited = LimitedServer(monkeypatch, **variables).with_subscriptions(most=2)
    async with limited as server, running(air_file(server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: len({sample.point for sample in sink.samples}) == 60)
        assert len(server.server.iserver.subscription_service.subscriptions) == 2
        assert given.report.status.last_error is None


# https://github.com/influxdata/telegraf/issues/10849
async def test_telegraf_10849_a_last_good_value_sent_again_with_a_bad_status_is_no_value(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with running(air_file(own_opcua_server.endpoint, {"pressure": "Air.Pressure"}), tmp_path) as (sink, _):
        await until(lambda: bool(sink.samples) and sink.samples[-1].value == 7.5)
        own_opcua_server.set("Air.Pressure", "Double", 7.5, status="BadCommunicationError")
        await until(lambda: sink.samples[-1].status == 0x80050000)
    last = sink.samples[-1]
    assert (last.value, last.quality, last.flags) == (None, Quality.BAD, Flag.BAD_STATUS)
    assert not sink.gaps


# https://github.com/influxdata/telegraf/issues/8826
@pytest.mark.parametrize("status", [0x000000C0, apart(0x00960000), apart(0x00300000)])
async def test_telegraf_8826_a_status_whose_upper_bits_say_good_is_good(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path, status: int
) -> None:
    async with running(air_file(own_opcua_server.endpoint, {"pressure": "Air.Pressure"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        own_opcua_server.set("Air.Pressure", "Double", 8.5, status=status)
        await until(lambda: sink.samples[-1].value == 8.5)
    assert (sink.samples[-1].quality, sink.samples[-1].status) == (Quality.GOOD, status)


# https://github.com/influxdata/telegraf/issues/9011
async def test_telegraf_9011_the_time_is_the_source_s_and_the_time_of_receipt_is_kept_beside_it(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    at = datetime(2026, 3, 2, 9, 30, 0, 125_000, tzinfo=UTC)
    async with running(air_file(own_opcua_server.endpoint, {"pressure": "Air.Pressure"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        own_opcua_server.set("Air.Pressure", "Double", 6.25, time=at)
        await until(lambda: sink.samples[-1].value == 6.25)
    assert sink.samples[-1].time == at
    assert datetime.now(UTC) - sink.samples[-1].received_at < timedelta(minutes=1)


# https://github.com/thingsboard/thingsboard-gateway/issues/702
async def test_thingsboard_gateway_702_polled_values_have_the_source_s_time_too(
    own_opcua_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    at = datetime(2026, 3, 2, 9, 30, 0, 125_000, tzinfo=UTC)
    file = air_file(own_opcua_server.endpoint, {"pressure": "Air.Pressure"}, polling="always")
    async with running(file, tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        own_opcua_server.set("Air.Pressure", "Double", 6.25, time=at)
        await until(lambda: sink.samples[-1].value == 6.25)
    assert sink.samples[-1].time == at


async def test_an_array_the_server_does_not_cut_is_cut_by_ourselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LimitedServer(monkeypatch, Numbers=[10, 20, 30]) as server:
        nodes = {f"n{index}": point("Numbers", element=index) for index in (0, 1, 2, 7)}
        async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, _):
            await until(lambda: len(sink.samples) >= 4)
            await server.say("Numbers", ua.DataValue(ua.Variant([7])))
            await until(lambda: of_point(sink, "n0")[-1].value == 7 and of_point(sink, "n1")[-1].value is None)
    assert [of_point(sink, name)[0].value for name in nodes] == [10, 20, 30, None]
    assert of_point(sink, "n1")[-1].status == of_point(sink, "n7")[-1].status == 0x80370000


async def test_a_share_of_the_range_is_the_server_s_own_deadband(own_metering_server: MeteringServer, tmp_path: Path) -> None:
    nodes = {"analog": {"node": "Analog", "deadband": "2%"}}
    async with running(air_file(own_metering_server.endpoint, nodes), tmp_path) as (sink, given):
        await sink.wait_for_samples(1)
        own_metering_server.set_each("Analog", "Double", [10.5, 9.5, 12.0])
        await until(lambda: sink.samples[-1].value == 12.0)
        assert given.report.status.counters.get("deadbands_refused", 0) == 0
    assert [sample.value for sample in sink.samples] == [10.0, 12.0]


async def test_a_share_of_the_range_the_server_refuses_is_computed_from_its_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = LimitedServer(monkeypatch, Analog=10.0, Plain=1.0)
    async with limited.refusing(ua.DeadbandType.Percent) as server:
        await server.nodes["Analog"].add_property(ua.NodeId("Range", 2), "0:EURange", ua.Range(0.0, 50.0))  # type: ignore[arg-type]
        nodes = {"analog": point("Analog", deadband="2%"), "plain": point("Plain", deadband="2%")}
        async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, given):
            await sink.wait_for_samples(2)
            for value in (10.5, 9.5, 12.0):
                await server.say("Analog", ua.DataValue(ua.Variant(value)))
            await until(lambda: of_point(sink, "analog")[-1].value == 12.0)
            assert given.report.status.counters["deadbands_refused"] == 1
            assert "CA-01.plain" in str(given.report.status.last_error)
    assert [sample.value for sample in of_point(sink, "analog")] == [10.0, 12.0]


# https://github.com/influxdata/telegraf/issues/19609
@pytest.mark.parametrize(("told", "largest"), [(None, 100), (20, 20), apart(0, 250)])
async def test_telegraf_19609_no_read_is_larger_than_the_server_says_and_100_if_it_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: int | None, largest: int
) -> None:
    variables = {f"V{index}": float(index) for index in range(EXTRA)}
    async with LimitedServer(monkeypatch, **variables) as server:
        await server.tell_nodes_per_read(told)
        file = air_file(server.endpoint, {name.lower(): point(name) for name in variables}, polling="always")
        async with running(file, tmp_path) as (sink, _):
            await until(lambda: len({sample.point for sample in sink.samples}) == EXTRA)
    assert max(server.reads) == largest
