"""Browse paths, elements of arrays and fields of structures, as node-opcua has them."""

import asyncio
from pathlib import Path

import pytest
from asyncua import ua
from fakes import until
from integration.opcua.air_plant import air_file, of_point, running
from integration.opcua.limited_server import LimitedServer, point
from servers.metering import MeteringServer
from servers.node_opcua import PLANT

from ems_telemetry.model import Flag, Quality

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

DEEP = f"/nsu={PLANT};Plant/nsu={PLANT};Hall 1/nsu={PLANT};Compressors&/Dryers/nsu={PLANT};R&&D"


async def test_a_path_is_followed_through_deep_folders_and_names_with_slashes(
    metering_server: MeteringServer, tmp_path: Path
) -> None:
    path = f"{DEEP}/nsu={PLANT};Level 4/nsu={PLANT};Level 5/nsu={PLANT};Flow"
    async with running(air_file(metering_server.endpoint, {"flow": {"path": path}}), tmp_path) as (sink, _):
        (sample,) = await sink.wait_for_samples(1)
    assert sample.value == 4.25


async def test_wrong_paths_are_refused_each_in_its_words_and_hold_up_no_other(
    metering_server: MeteringServer, tmp_path: Path
) -> None:
    nodes: dict[str, dict[str, object]] = {
        "nowhere": {"path": f"/nsu={PLANT};Plant/nsu={PLANT};Nowhere"},
        "twin": {"path": f"/nsu={PLANT};Plant/nsu={PLANT};Twin"},
        "stranger": {"path": "/nsu=urn:no:such;Plant"},
        "flow": {"node": "Air.Flow"},
    }
    async with running(air_file(metering_server.endpoint, nodes), tmp_path) as (sink, given):
        await sink.wait_for_samples(1)
        await until(lambda: len(sink.gaps) == 3)
        problem = str(given.report.status.last_error)
    assert "3 of 4 nodes are refused" in problem
    assert "Nowhere): the server knows no node on this path (BadNoMatch)" in problem
    assert "Twin): the path leads to 2 nodes" in problem
    assert "the server has no namespace urn:no:such" in problem
    causes = {str(gap.point): gap.cause for gap in sink.gaps.values()}
    assert causes == {
        "CA-01.nowhere": "node_unknown",
        "CA-01.twin": "path_ambiguous",
        "CA-01.stranger": "namespace_unknown",
    }


async def test_elements_and_fields_arrive_as_values_of_their_own(metering_server: MeteringServer, tmp_path: Path) -> None:
    nodes: dict[str, dict[str, object]] = {
        "second": {"node": "Numbers", "element": 1},
        "total": {"node": "Meter", "field": "Total"},
        "name": {"node": "Meter", "field": "Name"},
        "mode": {"node": "Meter", "field": "Mode"},
        "running": {"node": "Meter", "field": "Running"},
        "first": {"node": "Meter", "field": "First.Current"},
        "limit": {"node": "Meter", "field": "Limits.High"},
        "phase": {"node": "Meter", "field": "Phases.1.Current"},
        "volt": {"node": "Phases", "element": 1, "field": "Voltage"},
        "corrected": {"node": "Audit", "field": "Corrected"},
        "by": {"node": "Audit", "field": "By"},
        "chosen": {"node": "Choice", "field": "Flow"},
        "word": {"node": "Choice", "field": "Word"},
    }
    async with running(air_file(metering_server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: all(of_point(sink, name) for name in nodes))
        assert not sink.gaps
    found = {name: of_point(sink, name)[0].value for name in nodes}
    assert found == {
        "second": 20,
        "total": 4711,
        "name": "M1",
        "mode": 2,
        "running": True,
        "first": 9.5,
        "limit": 50.0,
        "phase": 2.5,
        "volt": 231.0,
        "corrected": 7.25,
        "by": None,
        "chosen": 3.5,
        "word": None,
    }
    absent = of_point(sink, "by")[0]
    assert (absent.quality, absent.flags) == (Quality.BAD, Flag.INVALID_VALUE)
    assert given.report.status.counters["nodes_refused"] == 0


async def test_a_field_follows_the_changes_of_its_structure(own_metering_server: MeteringServer, tmp_path: Path) -> None:
    server = own_metering_server
    nodes: dict[str, dict[str, object]] = {
        "volt": {"node": "Phases", "element": 1, "field": "Voltage"},
        "chosen": {"node": "Choice", "field": "Flow"},
    }
    async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, _):
        await until(lambda: len(sink.samples) >= 2)
        server.set_structure("Phases", [{"voltage": 1}, {"voltage": 235}])
        await until(lambda: of_point(sink, "volt")[-1].value == 235.0)
        server.set_structure("Choice", {"word": "none"})
        await until(lambda: of_point(sink, "chosen")[-1].value is None)


async def test_wrong_parts_are_refused_in_words(metering_server: MeteringServer, tmp_path: Path) -> None:
    nodes: dict[str, dict[str, object]] = {
        "no_array": {"node": "Air.Flow", "element": 0},
        "no_structure": {"node": "Air.Pressure", "field": "Value"},
        "no_field": {"node": "Meter", "field": "Totals"},
        "no_element": {"node": "Phases", "field": "Voltage"},
        "too_short": {"node": "Meter", "field": "First"},
    }
    async with running(air_file(metering_server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: len(sink.gaps) == 5)
        problem = str(given.report.status.last_error)
    assert {gap.cause for gap in sink.gaps.values()} == {"part_unknown"}
    assert "its value is no array; element: takes one of an array of one dimension" in problem
    assert "float is no structure; leave out field:" in problem
    assert 'there is no field "Totals"; the structure has Name, Total, Mode, Phases, First, Limits, Running' in problem
    assert "its value is an array of structures; say which with element:" in problem
    assert "is a structure itself; name one of its fields: Current, Voltage" in problem


async def test_an_element_beyond_the_array_is_a_bad_reading_until_the_array_grows(
    own_metering_server: MeteringServer, tmp_path: Path
) -> None:
    server = own_metering_server
    nodes: dict[str, dict[str, object]] = {
        "sixth": {"node": "Numbers", "element": 5},
        "second": {"node": "Numbers", "element": 1},
    }
    async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, _):
        await until(lambda: len(sink.samples) >= 2)
        assert (of_point(sink, "sixth")[0].value, of_point(sink, "sixth")[0].quality) == (None, Quality.BAD)
        assert of_point(sink, "sixth")[0].status == 0x80370000
        server.set("Numbers", "Int32", [1, 2, 3, 4, 5, 6])
        await until(lambda: of_point(sink, "sixth")[-1].value == 6)
        server.set("Numbers", "Int32", [9])
        await until(lambda: of_point(sink, "second")[-1].status == 0x80370000)


async def test_an_array_that_becomes_a_matrix_is_a_dead_letter_and_not_a_wrong_number(
    own_metering_server: MeteringServer, tmp_path: Path
) -> None:
    server = own_metering_server
    nodes: dict[str, dict[str, object]] = {"sixth": {"node": "Numbers", "element": 5}}
    async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
        server.set_matrix("Numbers", [2, 3], [1, 2, 3, 4, 5, 6])
        (letter, *_) = await sink.wait_for_dead_letters(1)
    assert letter.detail == "an array of 2 dimensions has no single element 5"


async def test_a_denied_node_is_a_gap_until_the_right_is_granted(
    own_metering_server: MeteringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems_telemetry.connectors.opcua.monitoring.PROBE_AFTER_S", 0.3)
    server = own_metering_server
    nodes = {"denied": "Denied", "unreadable": "Unreadable", "flow": "Air.Flow"}
    async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, given):
        await until(lambda: len(sink.gaps) == 2)
        first = {gap.point: gap for gap in sink.gaps.values()}
        assert {gap.cause for gap in first.values()} == {"node_denied"}
        await until(lambda: all(gap.end > first[gap.point].end for gap in sink.gaps.values()))
        assert len(sink.gaps) == 2
        assert "give the user of this connector the right to read it" in str(given.report.status.last_error)
        server.grant("Denied")
        await until(lambda: any(sample.value == 5 for sample in of_point(sink, "denied")))
        closed = next(gap for gap in sink.gaps.values() if gap.point == "CA-01.denied")
        await asyncio.sleep(1)
        assert sink.gaps[closed.id] == closed
        assert closed.end > closed.start
    assert len(of_point(sink, "flow")) > 3


async def test_a_node_deleted_while_it_is_monitored_is_a_gap_and_found_again_when_it_is_back(
    own_metering_server: MeteringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems_telemetry.connectors.opcua.monitoring.PROBE_AFTER_S", 0.3)
    server = own_metering_server
    async with running(air_file(server.endpoint, {"pressure": "Air.Pressure", "flow": "Air.Flow"}), tmp_path) as (sink, _):
        await until(lambda: bool(of_point(sink, "pressure")))
        server.remove("Air.Pressure")
        await until(lambda: bool(sink.gaps))
        (gap,) = sink.gaps.values()
        assert (gap.point, gap.cause) == ("CA-01.pressure", "node_unknown")
        server.add("Air.Pressure", "Double", 3.5)
        await until(lambda: of_point(sink, "pressure")[-1].value == 3.5)
        assert len(sink.gaps) == 1


async def test_a_structure_the_server_does_not_define_is_refused_and_one_of_the_standard_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = ua.ExtensionObject(TypeId=ua.NodeId(ua.Int32(4711), ua.Int16(2)), Body=b"\x01")  # type: ignore[arg-type]  # asyncua names its wire type
    nodes = {"secret": point("Secret", field="Total"), "high": point("Limits", field="High")}
    limited = LimitedServer(monkeypatch, Secret=secret, Limits=ua.Range(0.0, 50.0))
    async with limited as server, running(air_file(server.endpoint, nodes), tmp_path) as (sink, given):
        (sample,) = await sink.wait_for_samples(1)
        await until(lambda: bool(sink.gaps))
        problem = str(given.report.status.last_error)
    assert sample.value == 50.0
    assert "the server tells no definition of the structure ns=2;i=4711, so its fields cannot be told apart" in problem
    assert "name the node of the field instead" in problem
