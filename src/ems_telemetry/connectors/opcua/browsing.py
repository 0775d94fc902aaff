"""Walks a server's address space: which nodes there are, level by level, each once, in bounded calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.opcua.errors import status_in_words, status_name
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.errors import EndpointRefusedError

OBJECTS = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
_STANDARD_OBJECTS = frozenset(
    ua.NodeId(ua.Int32(identifier))
    for identifier in (ObjectIds.Server, ObjectIds.Aliases, ObjectIds.Locations, ObjectIds.Resources)
)
_PROPERTY_TYPE = ua.NodeId(ua.Int32(ObjectIds.PropertyType))
_HAS_PROPERTY = ua.NodeId(ua.Int32(ObjectIds.HasProperty))
_OUT_OF_CONTINUATION_POINTS = StatusCodes.BadNoContinuationPoints
REFERENCES_PER_PIECE = 1000
"""So many references of one node come in one piece: no answer is larger than what clients and servers take."""
MOST_CONTINUATIONS = 10_000
"""A server that gives ever more pieces of one node's references is not asked for ever."""


class NodeNotFoundError(EndpointRefusedError):
    """The server has no such node, or does not show it to us."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a walk goes."""

    depth: int = 10
    """Levels below the start."""
    nodes: int = 10_000
    """Nodes in all."""
    with_server: bool = False
    """Also into the standard's own objects, which tell about the server and not about the plant."""


@dataclass(slots=True)
class SeenNode:
    """A node the walk came by. Its properties are not walked into; `children` are the other nodes below it."""

    node_id: ua.NodeId
    browse_name: ua.QualifiedName
    display_name: str
    is_variable: bool
    properties: dict[tuple[int, str], ua.NodeId] = field(default_factory=dict)
    """By namespace index and name."""
    children: list["SeenNode"] = field(default_factory=list)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk saw, and whether it stopped at one of its bounds."""

    top: SeenNode
    cut_at: str | None


async def walk(session: Session, start: ua.NodeId, bounds: Bounds) -> Walk:
    """Follows hierarchical references forward from a node; what can be reached on several ways is seen on the shortest.

    Raises:
        NodeNotFoundError: there is no such start.
        ConnectionLostError, EndpointRefusedError: the session, not a node; a node that may not be looked into says so itself.
    """
    top = await _look_at(session, start)
    seen = {start}
    level, cut_at = [top], None
    for depth in range(bounds.depth + 1):
        found = await references(session, [node.node_id for node in level])
        below: list[SeenNode] = []
        for node, answer in zip(level, found, strict=True):
            if isinstance(answer, str):
                node.problem = answer
                continue
            for reference in answer:
                child_id = _local(reference)
                if child_id is None or child_id in seen or (not bounds.with_server and child_id in _STANDARD_OBJECTS):
                    continue
                if _is_property(reference):
                    node.properties[reference.BrowseName.NamespaceIndex, str(reference.BrowseName.Name)] = child_id
                elif depth == bounds.depth:
                    cut_at = f"there is more below a depth of {bounds.depth}"
                elif len(seen) >= bounds.nodes:
                    cut_at = f"there are more than {bounds.nodes} nodes"
                else:
                    seen.add(child_id)
                    below.append(_seen(child_id, reference))
                    node.children.append(below[-1])
        level = below
        if not level:
            break
    return Walk(top, cut_at)


async def references(
    session: Session, nodes: Sequence[ua.NodeId], per_piece: int = REFERENCES_PER_PIECE
) -> list[list[ua.ReferenceDescription] | str]:
    """Asks for the objects and variables below each node, in as many calls and pieces as the server makes necessary.

    Args:
        session: an open session.
        nodes: whose references are wanted.
        per_piece: how many references of one node are asked for at a time.

    Returns:
        For each node its references in the server's order, or why the server does not tell them.
    """
    asked = [_question(node) for node in nodes]
    browse = partial(_browse_to_the_end, per_piece)
    answers = await session.ask(browse, asked, session.limits.browse)
    again = [place for place, answer in enumerate(answers) if answer == status_name(_OUT_OF_CONTINUATION_POINTS)]
    for place in again:  # the server keeps few unfinished answers at a time: these one by one
        (answers[place],) = await session.ask(browse, [asked[place]], 1)
    return answers


async def _browse_to_the_end(
    per_piece: int, services: UaSession, asked: Sequence[ua.BrowseDescription]
) -> list[list[ua.ReferenceDescription] | str]:
    results = await services.browse(ua.BrowseParameters(RequestedMaxReferencesPerNode=per_piece, NodesToBrowse=list(asked)))
    answers: list[list[ua.ReferenceDescription] | str] = [
        list(result.References or ()) if result.StatusCode.is_good() else status_name(int(result.StatusCode.value))
        for result in results
    ]
    unfinished = {place: result.ContinuationPoint for place, result in enumerate(results) if result.ContinuationPoint}
    for _ in range(MOST_CONTINUATIONS):
        if not unfinished:
            break
        unfinished = await _continue(services, unfinished, answers)
    return answers


async def _continue(
    services: UaSession, unfinished: dict[int, bytes], answers: list[list[ua.ReferenceDescription] | str]
) -> dict[int, bytes]:
    places = list(unfinished)
    parameters = ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=[unfinished[p] for p in places])
    more: dict[int, bytes] = {}
    for place, result in zip(places, await services.browse_next(parameters), strict=True):
        answer = answers[place]
        if not result.StatusCode.is_good():
            answers[place] = status_name(int(result.StatusCode.value))
        elif isinstance(answer, list):
            answer += result.References or ()
            if result.ContinuationPoint:
                more[place] = result.ContinuationPoint
    return more


def _question(node: ua.NodeId) -> ua.BrowseDescription:
    return ua.BrowseDescription(
        NodeId=node,
        BrowseDirection=ua.BrowseDirection.Forward,
        ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
        IncludeSubtypes=True,
        NodeClassMask=ua.NodeClass.Object | ua.NodeClass.Variable,
        ResultMask=ua.BrowseResultMask.All,
    )


async def _look_at(session: Session, node: ua.NodeId) -> SeenNode:
    (node_class,) = await session.read_attributes([node], AttributeIds.NodeClass)
    if node_class.StatusCode is not None and not node_class.StatusCode.is_good():
        raise NodeNotFoundError(status_in_words(int(node_class.StatusCode.value)))
    name = await _attribute(session, node, AttributeIds.BrowseName)
    shown = await _attribute(session, node, AttributeIds.DisplayName)
    browse_name = name if isinstance(name, ua.QualifiedName) else ua.QualifiedName("")
    display_name = str(shown.Text or "") if isinstance(shown, ua.LocalizedText) else ""
    is_variable = node_class.Value is not None and node_class.Value.Value == ua.NodeClass.Variable
    return SeenNode(node, browse_name, display_name, is_variable)


async def _attribute(session: Session, node: ua.NodeId, attribute: AttributeIds) -> object:
    (answer,) = await session.read_attributes([node], attribute)
    return None if answer.Value is None else answer.Value.Value


def _seen(node: ua.NodeId, reference: ua.ReferenceDescription) -> SeenNode:
    shown = str(reference.DisplayName.Text or "")
    return SeenNode(node, reference.BrowseName, shown, reference.NodeClass == ua.NodeClass.Variable)


def _local(reference: ua.ReferenceDescription) -> ua.NodeId | None:
    """Gives the id of a node of this server; a reference may lead to another one."""
    target = reference.NodeId
    if getattr(target, "ServerIndex", 0):
        return None
    return ua.NodeId(target.Identifier, target.NamespaceIndex, target.NodeIdType)


def _is_property(reference: ua.ReferenceDescription) -> bool:
    return bool(reference.ReferenceTypeId == _HAS_PROPERTY or reference.TypeDefinition == _PROPERTY_TYPE)
