"""Finds nodes by the names on the way to them, as a person writes them: a name without a namespace is right in any."""

from collections.abc import Sequence

from asyncua import ua

from ems_telemetry.connectors.opcua.browsing import OBJECTS, NodeNotFoundError, references
from ems_telemetry.connectors.opcua.nodes import Step
from ems_telemetry.connectors.opcua.session import Session


async def follow_path(session: Session, steps: Sequence[Step], namespaces: Sequence[str]) -> ua.NodeId:
    """Follows browse names from the Objects folder.

    Raises:
        NodeNotFoundError: a name is not there; says which, and below what.
    """
    node = OBJECTS
    for place, step in enumerate(steps):
        (below,) = await references(session, [node])
        fitting = [item for item in below if isinstance(item, ua.ReferenceDescription) and _is_step(item, step, namespaces)]
        if not fitting:
            before = "/".join(passed.name for passed in steps[:place]) or "the Objects folder"
            raise NodeNotFoundError(f'there is no "{step.name}" below {before}')
        target = fitting[0].NodeId
        node = ua.NodeId(target.Identifier, target.NamespaceIndex, target.NodeIdType)
    return node


def _is_step(item: ua.ReferenceDescription, step: Step, namespaces: Sequence[str]) -> bool:
    index = item.BrowseName.NamespaceIndex
    uri = namespaces[index] if index < len(namespaces) else ""
    return item.BrowseName.Name == step.name and step.namespace in {0, index, uri}
