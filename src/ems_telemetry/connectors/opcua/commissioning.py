"""What `opcua browse` and `opcua read` ask of a server: one session, a bounded number of calls, nothing left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from asyncua import ua

from ems_telemetry.connectors.opcua.address_space import OBJECTS_PATHS, FoundNode
from ems_telemetry.connectors.opcua.browsing import OBJECTS, Bounds, NodeNotFoundError, SeenNode, walk
from ems_telemetry.connectors.opcua.describing import describe
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.following import follow_path
from ems_telemetry.connectors.opcua.nodes import parse_node, parse_path
from ems_telemetry.connectors.opcua.plan import resolve
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.visiting import visiting
from ems_telemetry.errors import EndpointRefusedError

Names: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explored:
    """What was found, and why it is not everything, if so."""

    top: FoundNode
    cut_at: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One node that was asked for, and what it is; `problem` if it is nothing."""

    text: str
    found: FoundNode | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ReadOut:
    """What was read, and how far the server's clock is ahead of ours, in seconds; None if it does not tell the time."""

    nodes: tuple[Asked, ...]
    clock_ahead_s: float | None


async def explore(
    file: OpcUaFile, pki_directory: Path, start: str | None = None, bounds: Bounds | None = None, *, with_values: bool = False
) -> Explored:
    """Walks a server's address space.

    Args:
        file: the server and how to speak to it.
        pki_directory: the folder of certificates.
        start: where to begin: a path, a node id, or None for the Objects folder.
        bounds: how far to go.
        with_values: also read the variables' values.

    Raises:
        NodeNotFoundError: the server has no such start.
        ConnectionLostError, EndpointRefusedError: it is out of reach, or refuses us.
    """
    async with visiting(file, pki_directory) as session:
        node, names = await _find(session, start)
        seen = await walk(session, node, bounds or Bounds())
        return Explored(await describe(session, seen.top, names or _own_name(seen.top), with_values=with_values), seen.cut_at)


async def read_nodes(file: OpcUaFile, pki_directory: Path, nodes: Sequence[str]) -> ReadOut:
    """Reads nodes by their ids or paths, with all that is known of them; one that is missing does not hold up the others.

    Raises:
        ConnectionLostError, EndpointRefusedError: the server is out of reach, or refuses us.
    """
    async with visiting(file, pki_directory) as session:
        return ReadOut(tuple([await _read_one(session, text) for text in nodes]), await session.read_clock())


async def _read_one(session: Session, text: str) -> Asked:
    try:
        node, names = await _find(session, text)
        seen = await walk(session, node, Bounds(depth=0, with_server=True))
    except (NodeNotFoundError, EndpointRefusedError) as error:
        return Asked(text, None, str(error))
    return Asked(text, await describe(session, seen.top, names or _own_name(seen.top), with_values=True))


async def _find(session: Session, start: str | None) -> tuple[ua.NodeId, Names]:
    """Gives a node's id in this session, and the names on the way to it if it was found by them."""
    if start is None or start in OBJECTS_PATHS:
        return OBJECTS, ()
    if start.startswith("/"):
        steps = parse_path(start)
        return await follow_path(session, steps, await session.read_namespaces()), tuple(step.name for step in steps)
    node = resolve(parse_node(start), await session.read_namespaces())
    if node is None:
        raise NodeNotFoundError(f"{start}: the server has no such namespace")
    return node, ()


def _own_name(seen: SeenNode) -> Names:
    return () if seen.node_id == OBJECTS else (str(seen.browse_name.Name or seen.display_name),)
