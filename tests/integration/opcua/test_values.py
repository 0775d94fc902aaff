"""What node-opcua says, and what of it arrives."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakes import until
from integration.opcua.air_plant import air_file, of_point, running
from servers.node_opcua import COUNTER_START, NodeOpcuaServer

from ems_telemetry.model import Flag, Quality


async def test_a_64_bit_counter_arrives_to_the_last_unit_without_a_hole(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(opcua_server.endpoint, {"total": "Air.Total"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(20)
    values = [sample.value for sample in sink.samples]
    first = values[0]
    assert isinstance(first, int)
    assert first >= COUNTER_START > 2**53
    assert values == list(range(first, first + len(values)))


async def test_every_plain_type_arrives_as_it_is(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    nodes = {"net": "Air.Net", "flow": "Air.Flow", "running": "Air.Running", "state": "Air.State", "mode": "Air.Mode"}
    async with running(air_file(opcua_server.endpoint, nodes), tmp_path) as (sink, _):
        await until(lambda: all(of_point(sink, name) for name in nodes))
    found = {name: of_point(sink, name)[0].value for name in nodes}
    assert found["net"] == -(2**62) - 1
    assert isinstance(found["flow"], float)
    assert isinstance(found["running"], bool)
    assert found["state"] == "stopped"
    assert found["mode"] == 1


async def test_times_are_the_source_s_own(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    at = datetime(2026, 3, 2, 9, 30, 0, 250_000, tzinfo=UTC)
    async with running(air_file(opcua_server.endpoint, {"pressure": "Air.Pressure"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        opcua_server.set("Air.Pressure", "Double", 6.25, time=at)
        await until(lambda: sink.samples[-1].value == 6.25)
    assert sink.samples[-1].time == at
    assert sink.samples[-1].flags == 0
    assert datetime.now(UTC) - sink.samples[-1].received_at < timedelta(minutes=1)


async def test_a_bad_status_takes_the_value_away_and_is_kept(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(opcua_server.endpoint, {"pressure": "Air.Pressure"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        opcua_server.set("Air.Pressure", "Double", 7.5, status="BadSensorFailure")
        await until(lambda: sink.samples[-1].status == 0x808C0000)
        opcua_server.set("Air.Pressure", "Double", 7.5)
    last = sink.samples[-1]
    assert (last.value, last.quality, last.flags) == (None, Quality.BAD, Flag.BAD_STATUS)


async def test_an_uncertain_status_keeps_the_value(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(opcua_server.endpoint, {"pressure": "Air.Pressure"}), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        opcua_server.set("Air.Pressure", "Double", 5.5, status="UncertainLastUsableValue")
        await until(lambda: sink.samples[-1].status == 0x40900000)
        opcua_server.set("Air.Pressure", "Double", 7.5)
    last = sink.samples[-1]
    assert (last.value, last.quality, last.flags) == (5.5, Quality.UNCERTAIN, Flag.UNCERTAIN_STATUS)


async def test_an_array_becomes_a_dead_letter_and_the_others_go_on(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    nodes = {"vector": "Air.Vector", "flow": "Air.Flow"}
    async with running(air_file(opcua_server.endpoint, nodes), tmp_path) as (sink, _):
        (letter, *_) = await sink.wait_for_dead_letters(1)
        await sink.wait_for_samples(3)
    assert (letter.reason, letter.point, letter.source) == ("unsupported_value", "CA-01.vector", "nsu=urn:plc:air;s=Air.Vector")
    assert letter.detail == "an array of Double is not a number, a Boolean or a text"
    assert b"[1.0, 2.0, 3.0]" in letter.payload


async def test_a_short_queue_that_runs_over_is_counted(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    nodes = {"pressure": {"node": "Air.Pressure", "queue_size": 2}}
    file = air_file(opcua_server.endpoint, nodes, publishing_interval="1s")
    async with running(file, tmp_path) as (sink, given):
        await sink.wait_for_samples(1)
        opcua_server.set_each("Air.Pressure", "Double", [1.0, 2.0, 3.0, 4.0, 5.0])
        await until(lambda: sink.samples[-1].value == 5.0)
    assert [sample.value for sample in sink.samples[-2:]] == [4.0, 5.0]
    assert given.report.status.counters["queue_overflows"] == 1


async def test_a_long_queue_keeps_every_change_between_two_publishings(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    changes = [float(value) for value in range(100, 150)]
    nodes = {"pressure": {"node": "Air.Pressure", "queue_size": 100}}
    async with running(air_file(opcua_server.endpoint, nodes, publishing_interval="1s"), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        opcua_server.set_each("Air.Pressure", "Double", changes)
        await until(lambda: sink.samples[-1].value == changes[-1])
    assert [sample.value for sample in sink.samples[-len(changes) :]] == changes


async def test_changes_within_the_deadband_stay_on_the_server(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    opcua_server.set("Air.Pressure", "Double", 10.0)
    nodes = {"pressure": {"node": "Air.Pressure", "deadband": 0.5}}
    async with running(air_file(opcua_server.endpoint, nodes), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        opcua_server.set_each("Air.Pressure", "Double", [10.2, 9.8, 11.0])
        await until(lambda: sink.samples[-1].value == 11.0)
    assert [sample.value for sample in sink.samples] == [10.0, 11.0]


async def test_a_refused_deadband_is_done_without(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    nodes = {"state": {"node": "Air.State", "deadband": 0.5}}
    async with running(air_file(opcua_server.endpoint, nodes), tmp_path) as (sink, given):
        await sink.wait_for_samples(1)
    assert sink.samples[0].value == "stopped"
    assert given.report.status.counters["deadbands_refused"] == 1
    assert "CA-01.state" in str(given.report.status.last_error)


async def test_values_refused_by_the_spool_do_not_end_the_session(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(opcua_server.endpoint, {"flow": "Air.Flow"}), tmp_path) as (sink, given):
        sink.refusing = True
        await until(lambda: len(sink.refused) >= 3)
        sink.refusing = False
        await sink.wait_for_samples(3)
    assert given.report.status.counters.get("reconnects", 0) == 0
