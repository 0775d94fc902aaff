"""What a server's history holds, read by hand: all of a stretch and nothing else, and what cannot be had told in words."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

import pytest
from fakes import RememberingSink, surroundings
from integration.opcua.air_plant import air_file, of_point
from integration.opcua.kept_counters import counted_by, refuse_history
from servers.node_opcua import PLANT, NodeOpcuaServer
from servers.process import LOOPBACK, free_port, serving

from ems_telemetry.config.load import load
from ems_telemetry.connectors.contract import Refusal, Stretch, find_file_models
from ems_telemetry.connectors.opcua import CONNECTOR_TYPE
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.errors import ConnectionLostError
from ems_telemetry.model import Flag
from ems_telemetry.service.backfilling import Progress
from ems_telemetry.service.history import backfill_connector
from ems_telemetry.service.running_import import BroughtBy
from ems_telemetry.storage.audit import Actor

BY = BroughtBy(Actor("command:test", "test"))
FIRST, SECOND, NOWHERE = "CA-01.first", "CA-01.second", "CA-01.nowhere"
NODES = {"first": "Kept.0", "second": "Kept.1", "nowhere": "No.Such.Node", "unkept": "Kept.Nowhere"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    server = NodeOpcuaServer(tmp_path_factory.mktemp("server"), furniture="history", history_variables=5)
    with serving(server):
        sleep(4)
        yield server


async def read(file: OpcUaFile, folder: Path, stretch: Stretch) -> tuple[RememberingSink, Sequence[Refusal], list[float]]:
    sink = RememberingSink()
    shown: list[float] = []
    assert CONNECTOR_TYPE.backfill is not None
    refused = await CONNECTOR_TYPE.backfill(file, surroundings(folder, sink=sink), stretch, shown.append)
    return sink, refused, shown


async def test_a_stretch_is_read_whole_and_nothing_beside_it(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    counted = counted_by(kept)
    start, end = counted[5].time, counted[-5].time
    file = air_file(kept.endpoint, NODES, history={"slice": "1s", "values_per_read": 3})
    sink, refused, shown = await read(file, tmp_path, Stretch({FIRST, SECOND}, start, end))
    expected = [tuple(count) for count in counted if start <= count.time < end]
    assert [(sample.time, sample.value) for sample in of_point(sink, "first")] == expected
    assert len(of_point(sink, "second")) > 10
    assert of_point(sink, "nowhere") == []
    assert all(sample.flags & Flag.BACKFILLED for sample in sink.samples)
    assert (refused, sink.gaps) == ([], {})
    assert shown == sorted(shown)
    assert shown[-1] > 0.5


async def test_a_node_that_is_not_there_is_told_and_the_others_are_read(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    counted = counted_by(kept)
    stretch = Stretch({FIRST, NOWHERE}, counted[0].time, counted[10].time)
    sink, refused, _ = await read(air_file(kept.endpoint, NODES), tmp_path, stretch)
    assert len(of_point(sink, "first")) == 10
    assert [(refusal.point, "BadNodeIdUnknown" in refusal.reason) for refusal in refused] == [(NOWHERE, True)]
    assert sink.gaps == {}


async def test_what_the_server_does_not_let_us_read_is_told(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    counted = counted_by(kept)
    refuse_history(kept, "BadUserAccessDenied")
    sink, refused, _ = await read(air_file(kept.endpoint, NODES), tmp_path, Stretch({FIRST}, counted[0].time, counted[10].time))
    assert (sink.samples, [refusal.point for refusal in refused]) == ([], [FIRST])
    assert "does not let us read it" in refused[0].reason


async def test_a_node_of_which_no_history_is_kept_is_told(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    counted = counted_by(kept)
    stretch = Stretch({"CA-01.unkept"}, counted[0].time, counted[10].time)
    _, refused, _ = await read(air_file(kept.endpoint, NODES), tmp_path, stretch)
    assert [(refusal.point, "the server keeps no history of it" in refusal.reason) for refusal in refused] == [
        ("CA-01.unkept", True)
    ]


async def test_an_answer_that_fails_once_is_asked_for_again(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    counted = counted_by(kept)
    refuse_history(kept, "BadTimeout")
    sink, refused, _ = await read(air_file(kept.endpoint, NODES), tmp_path, Stretch({FIRST}, counted[0].time, counted[10].time))
    assert (len(sink.samples), refused) == (10, [])


async def test_a_server_that_is_away_is_told_at_once(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    file = air_file(f"opc.tcp://{LOOPBACK}:{free_port()}", NODES)
    with pytest.raises(ConnectionLostError):
        await read(file, tmp_path, Stretch({FIRST}, now - timedelta(hours=1), now))


async def test_a_stretch_goes_through_spool_and_writer_and_twice_changes_nothing(
    kept: NodeOpcuaServer, plain_url: str, tmp_path: Path
) -> None:
    (tmp_path / "connectors").mkdir()
    node = f"nsu={PLANT};s=Kept.0"
    point = f'{{id: first, node: "{node}", quantity: gas_volume, unit: Nm3}}'
    (tmp_path / "connectors" / "plc.yaml").write_text(
        f"type: opcua\nendpoint: {kept.endpoint}\nsite: BER1\nmeters: [{{id: CA-01, points: [{point}]}}]\n"
    )
    (tmp_path / "plant.yaml").write_text("sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin}]")
    service = tmp_path / "ems.yaml"
    service.write_text(f'database: {{url: "{plain_url}"}}\nspool: {{directory: spool}}\nconnectors: connectors/*.yaml\n')
    configuration = load(service, find_file_models())
    counted = counted_by(kept)
    span = counted[0].time, counted[20].time
    shown: list[Progress] = []
    first = await backfill_connector(configuration, "plc", (), span, shown.append, BY)
    again = await backfill_connector(configuration, "plc", (FIRST,), span, shown.append, BY)
    assert (first.readings, first.fed.inserted, first.refused) == (20, 20, [])
    assert (again.readings, again.fed.inserted, again.fed.duplicates) == (20, 0, 20)
    assert shown[-1].share == 1.0
