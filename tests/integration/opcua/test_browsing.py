"""Walking address spaces of real servers: node-opcua, and asyncua's own with types and ids of every kind."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from asyncua import ua
from asyncua.server.server import Server
from fakes import surroundings
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, free_port, serving

from ems_telemetry.connectors.contract import Refusal
from ems_telemetry.connectors.opcua import look
from ems_telemetry.connectors.opcua.address_space import FoundNode, ValueKind, every_node, write_path
from ems_telemetry.connectors.opcua.browsing import OBJECTS, Bounds, NodeNotFoundError, references
from ems_telemetry.connectors.opcua.commissioning import explore, read_nodes
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import resolve
from ems_telemetry.connectors.opcua.visiting import visiting
from ems_telemetry.model import Sample

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

EXTRA = 2500


def file_of(endpoint: str) -> OpcUaFile:
    return OpcUaFile.model_validate({"type": "opcua", "endpoint": endpoint, "site": "BER1"})


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    server = NodeOpcuaServer(tmp_path_factory.mktemp("works"), furniture="extra,works", extra_variables=EXTRA)
    with serving(server):
        yield server


async def test_a_node_with_thousands_of_references_is_followed_to_its_end(works: NodeOpcuaServer, tmp_path: Path) -> None:
    explored = await explore(file_of(works.endpoint), tmp_path, "/Plant")
    assert len(explored.top.children) == EXTRA
    assert len({node.node for node in explored.top.children}) == EXTRA
    assert explored.cut_at is None


async def test_a_server_short_of_continuation_points_is_asked_again(works: NodeOpcuaServer, tmp_path: Path) -> None:
    explored = await explore(file_of(works.endpoint), tmp_path, "/Works")
    objects = [node for node in every_node(explored.top) if node.facts is None and len(node.children) > 1] * 4
    assert len(objects) > 20  # the server keeps ten unfinished answers
    async with visiting(file_of(works.endpoint), tmp_path) as session:
        namespaces = await session.read_namespaces()
        nodes = [resolve(parse_node(node.node), namespaces) or OBJECTS for node in objects]
        whole = await references(session, nodes)
        assert await references(session, nodes, per_piece=1) == whole


async def test_a_circle_of_references_ends_and_each_node_is_seen_once(works: NodeOpcuaServer, tmp_path: Path) -> None:
    explored = await explore(file_of(works.endpoint), tmp_path, "/Works", Bounds(depth=1000))
    nodes = [node.node for node in every_node(explored.top)]
    assert len(nodes) == len(set(nodes))
    assert "i=85" in nodes  # the circle leads back to the Objects folder, and no further


async def test_the_bounds_of_a_walk_are_kept_and_told(works: NodeOpcuaServer, tmp_path: Path) -> None:
    shallow = await explore(file_of(works.endpoint), tmp_path, bounds=Bounds(depth=1))
    assert max(len(node.names) for node in every_node(shallow.top)) == 1
    assert "depth of 1" in str(shallow.cut_at)
    small = await explore(file_of(works.endpoint), tmp_path, bounds=Bounds(nodes=50))
    assert len(list(every_node(small.top))) == 50
    assert "more than 50 nodes" in str(small.cut_at)


async def test_the_servers_own_objects_are_left_out_unless_asked_for(works: NodeOpcuaServer, tmp_path: Path) -> None:
    async def names(bounds: Bounds) -> set[str]:
        return {node.name for node in (await explore(file_of(works.endpoint), tmp_path, bounds=bounds)).top.children}

    assert await names(Bounds(depth=1)) == {"Plant", "Works"}
    assert "Server" in await names(Bounds(depth=1, with_server=True))


async def test_a_start_that_is_not_there_is_told_with_its_place(works: NodeOpcuaServer, tmp_path: Path) -> None:
    with pytest.raises(NodeNotFoundError, match='there is no "Kessel" below Works'):
        await explore(file_of(works.endpoint), tmp_path, "/Works/Kessel")
    with pytest.raises(NodeNotFoundError, match="BadNodeIdUnknown"):
        await explore(file_of(works.endpoint), tmp_path, "ns=1;s=nothing")
    with pytest.raises(NodeNotFoundError, match="no such namespace"):
        await explore(file_of(works.endpoint), tmp_path, "nsu=urn:nobody;s=nothing")


async def test_a_look_reads_elements_and_paths_and_refuses_in_words(works: NodeOpcuaServer, tmp_path: Path) -> None:
    point = {"quantity": "count", "unit": "1"}
    profile = "nsu=urn:plc:air;s=Works.Press.Profile"
    points = [
        {"id": "element", "node": profile, "element": 1, **point},
        {"id": "beyond", "node": profile, "element": 7, **point},
        {"id": "path", "path": "/2:Works/2:Press/2:Strokes", **point},
        {"id": "gone", "path": "/2:Works/2:Press/2:Gone", **point},
        {"id": "whole", "node": profile, **point},
    ]
    keys = {"type": "opcua", "endpoint": works.endpoint, "site": "BER1", "meters": [{"id": "M", "points": points}]}
    answers = await look(OpcUaFile.model_validate(keys), surroundings(tmp_path))
    read = {answer.point: answer.value for answer in answers if isinstance(answer, Sample)}
    refused = {answer.point: answer.reason for answer in answers if isinstance(answer, Refusal)}
    assert read == {"M.element": 2.0, "M.path": 12345}
    assert "BadIndexRange" in refused["M.beyond"]
    assert "BadNoMatch" in refused["M.gone"]
    assert "array" in refused["M.whole"]


async def test_names_with_slashes_are_found_by_their_path(works: NodeOpcuaServer, tmp_path: Path) -> None:
    path = write_path(("Works", "Halle 2/Süd & West", "Wasser & Zähler"))
    explored = await explore(file_of(works.endpoint), tmp_path, path, with_values=True)
    assert explored.top.node == "nsu=urn:plc:air;s=Works.Halle 2/Süd & West.Wasser & Zähler"
    assert explored.top.names == ("Works", "Halle 2/Süd & West", "Wasser & Zähler")


async def test_commands_leave_no_session_behind(works: NodeOpcuaServer, tmp_path: Path) -> None:
    await explore(file_of(works.endpoint), tmp_path, "/Works")
    await read_nodes(file_of(works.endpoint), tmp_path, ["/Works/Boiler/Pressure"])
    with pytest.raises(NodeNotFoundError):
        await explore(file_of(works.endpoint), tmp_path, "/Nothing")
    assert works.sessions().current == 0


@asynccontextmanager
async def own_server() -> AsyncIterator[tuple[str, Server, int]]:
    server = Server()
    await server.init()
    endpoint = f"opc.tcp://{LOOPBACK}:{free_port()}"
    server.set_endpoint(endpoint)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    namespace = await server.register_namespace("urn:odd;namespace%")
    async with server:
        yield endpoint, server, namespace


async def test_every_kind_of_id_and_type_of_asyncuas_server_is_described(tmp_path: Path) -> None:
    async with own_server() as (endpoint, server, namespace):
        folder = await server.nodes.objects.add_folder(namespace, "Odd")
        guid = UUID("09087e75-8e5e-499b-954f-f2a9603db28a")
        for identifier, name, value in ((guid, "ByGuid", 1.5), (b"\x00\xff", "ByBytes", True)):
            node_id = ua.NodeId(identifier, namespace)  # type: ignore[arg-type]  # asyncua names its wire types, and takes plain ones
            await folder.add_variable(node_id, ua.QualifiedName(name, namespace), value)
        enumeration = await server.nodes.enum_data_type.add_data_type(namespace, "Mode")
        names = [ua.LocalizedText("off"), ua.LocalizedText("on")]
        await enumeration.add_property(0, "EnumStrings", names)
        await folder.add_variable(namespace, "Mode", 1, ua.VariantType.Int32, enumeration.nodeid)
        await folder.add_variable(namespace, "Started", ua.Variant(ua.DateTime(2026, 1, 1), ua.VariantType.DateTime))
        explored = await explore(file_of(endpoint), tmp_path, "/Odd", with_values=True)
        by_name = {node.name: node for node in explored.top.children}
        assert by_name["ByGuid"].node == f"nsu=urn:odd%3Bnamespace%25;g={guid}"
        assert by_name["ByBytes"].node == "nsu=urn:odd%3Bnamespace%25;b=AP8="
        assert kinds(by_name) == {
            "ByGuid": ValueKind.NUMBER,
            "ByBytes": ValueKind.BOOLEAN,
            "Mode": ValueKind.ENUMERATION,
            "Started": ValueKind.TIME,
        }
        facts = by_name["Mode"].facts
        assert facts is not None
        assert (facts.type_name, dict(facts.states)) == ("Mode", {"off": 0, "on": 1})
        asked = [node.node for node in by_name.values()]
        read = await read_nodes(file_of(endpoint), tmp_path, asked)
        assert all(one.found is not None and one.problem is None for one in read.nodes)
        assert read.clock_ahead_s is not None
        assert abs(read.clock_ahead_s) < 5


def kinds(nodes: dict[str, FoundNode]) -> dict[str, ValueKind]:
    return {name: node.facts.kind for name, node in nodes.items() if node.facts is not None}
