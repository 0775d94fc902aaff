"""`look` of the OPC UA connector: reads each point of a file once, and tells what it found or why it found nothing."""

from collections.abc import Sequence
from datetime import datetime

from asyncua import ua

from ems_telemetry.connectors.contract import Refusal, Surroundings
from ems_telemetry.connectors.opcua.browsing import NodeNotFoundError
from ems_telemetry.connectors.opcua.describing import read_answers
from ems_telemetry.connectors.opcua.errors import status_in_words
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.following import follow_path
from ems_telemetry.connectors.opcua.nodes import NodeAddress
from ems_telemetry.connectors.opcua.plan import WantedItem, resolve, wanted_items
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.values import read_data_value
from ems_telemetry.connectors.opcua.visiting import visiting
from ems_telemetry.model import Quality, Sample


async def look(file: OpcUaFile, surroundings: Surroundings) -> Sequence[Sample | Refusal]:
    """Opens a session, reads every point once in calls as large as the server allows, and closes it.

    Raises:
        ConnectionLostError: nobody there, or nobody answers.
        EndpointRefusedError: the server refuses us.
    """
    items = wanted_items(file)
    name = surroundings.report.status.name
    async with visiting(file, surroundings.pki_directory, name) as session:
        nodes = await _nodes_of(session, items)
        known = [node for node in nodes if isinstance(node, ua.NodeId)]
        answers = iter(await read_answers(session, known))
        received_at = surroundings.clock.now()
        return [
            Refusal(item.point, node) if isinstance(node, str) else look_at_item(name, item, next(answers), received_at)
            for item, node in zip(items, nodes, strict=True)
        ]


def look_at_item(connector: str, item: WantedItem, data: ua.DataValue, received_at: datetime) -> Sample | Refusal:
    """Reads one point out of a server's answer; a bad status or a value that is no number is a refusal in words."""
    read = read_data_value(connector, item, data, received_at)
    if not isinstance(read, Sample):
        return Refusal(item.point, read.detail)
    if read.quality == Quality.BAD and read.status:
        return Refusal(item.point, status_in_words(read.status))
    return read


async def _nodes_of(session: Session, items: Sequence[WantedItem]) -> list[ua.NodeId | str]:
    """Finds each point's node in this session, or says why there is none."""
    namespaces = await session.read_namespaces()
    return [await _node_of(session, item, namespaces) for item in items]


async def _node_of(session: Session, item: WantedItem, namespaces: Sequence[str]) -> ua.NodeId | str:
    if isinstance(item.address, NodeAddress):
        node = resolve(item.address, namespaces)
        return f"the server has no namespace {item.address.namespace}" if node is None else node
    try:
        return await follow_path(session, item.address, namespaces)
    except NodeNotFoundError as error:
        return str(error)
