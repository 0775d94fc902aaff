"""From wanted items to what is asked of the server in one session: the node each has now, and the part of its value.

Namespaces, browse paths and structures are looked up anew for each session, since none need be what it was before.
"""

from collections.abc import Sequence
from typing import NamedTuple

from asyncua import ua

from ems_telemetry.connectors.opcua.nodes import Step
from ems_telemetry.connectors.opcua.parts import find_parts
from ems_telemetry.connectors.opcua.paths import read_path_result, translate_paths
from ems_telemetry.connectors.opcua.picking import Part
from ems_telemetry.connectors.opcua.plan import WantedItem, browse_path, resolve
from ems_telemetry.connectors.opcua.reading import read_from_source, status_of, value_of
from ems_telemetry.connectors.opcua.refusals import Cause, Refusals, Refused, refused_with, refuses_node
from ems_telemetry.connectors.opcua.session import Session


class Target(NamedTuple):
    """Where a point is found in this session."""

    node_id: ua.NodeId
    part: Part | None = None
    """None where the whole value is the point's."""

    @property
    def index_range(self) -> str | None:
        """What the server is asked to cut out itself."""
        return None if self.part is None else self.part.index_range


class Resolver:
    """Finds the targets of one session's items; what is not found goes to the refusals, with its reason."""

    def __init__(self, session: Session, items: Sequence[WantedItem], refusals: Refusals) -> None:
        self._session = session
        self._items = items
        self._refusals = refusals

    async def resolve(self, handles: Sequence[int]) -> dict[int, Target]:
        """Finds the targets of these handles.

        A point that was refused until now is read first, since some servers monitor even what they do not have.

        Raises:
            ConnectionLostError: the session is lost; what cannot be found does not raise.
        """
        nodes = await self._find_nodes(handles)
        await self._read_doubtful(nodes)
        parts = await find_parts(self._session, {handle: (self._items[handle], node) for handle, node in nodes.items()})
        targets: dict[int, Target] = {}
        for handle, node in nodes.items():
            part = parts.get(handle)
            if isinstance(part, Refused):
                self._refusals.refuse(handle, part)
            else:
                targets[handle] = Target(node, part)
        return targets

    async def _find_nodes(self, handles: Sequence[int]) -> dict[int, ua.NodeId]:
        namespaces = await self._session.read_namespaces()
        nodes: dict[int, ua.NodeId] = {}
        paths: dict[int, ua.BrowsePath] = {}
        for handle in handles:
            address = self._items[handle].address
            if isinstance(address, tuple):
                path = browse_path(address, namespaces)
                if path is None:
                    self._refuse_namespace(handle, *_uris(address), namespaces=namespaces)
                else:
                    paths[handle] = path
            elif (node := resolve(address, namespaces)) is None:
                self._refuse_namespace(handle, str(address.namespace), namespaces=namespaces)
            else:
                nodes[handle] = node
        return nodes | await self._follow(paths)

    def _refuse_namespace(self, handle: int, *uris: str, namespaces: Sequence[str]) -> None:
        unknown = next(uri for uri in uris if uri not in namespaces)
        self._refusals.refuse(handle, Refused(Cause.NAMESPACE_UNKNOWN, f"the server has no namespace {unknown}"))

    async def _follow(self, paths: dict[int, ua.BrowsePath]) -> dict[int, ua.NodeId]:
        nodes: dict[int, ua.NodeId] = {}
        for handle, result in zip(paths, await translate_paths(self._session, tuple(paths.values())), strict=True):
            found = read_path_result(result)
            if isinstance(found, Refused):
                self._refusals.refuse(handle, found)
            else:
                nodes[handle] = found
        return nodes

    async def _read_doubtful(self, nodes: dict[int, ua.NodeId]) -> None:
        doubtful = [handle for handle in nodes if handle in self._refusals]
        values = await read_from_source(self._session, [value_of(nodes[handle]) for handle in doubtful])
        for handle, value in zip(doubtful, values, strict=True):
            if refuses_node(status_of(value)):
                self._refusals.refuse(handle, refused_with(status_of(value)))
                del nodes[handle]


def _uris(steps: Sequence[Step]) -> Sequence[str]:
    return [step.namespace for step in steps if isinstance(step.namespace, str)]
