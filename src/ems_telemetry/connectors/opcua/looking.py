"""`look` of the OPC UA connector: reads each point of a file once, and tells what it found or why it found nothing."""

from collections.abc import Sequence
from datetime import datetime

from asyncua import ua

from ems_telemetry.connectors.contract import Refusal, Surroundings
from ems_telemetry.connectors.opcua.errors import status_in_words
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.picking import pick
from ems_telemetry.connectors.opcua.plan import WantedItem, wanted_items
from ems_telemetry.connectors.opcua.reading import read_from_source, value_of
from ems_telemetry.connectors.opcua.refusals import Refusals
from ems_telemetry.connectors.opcua.resolving import Resolver, Target
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
    refusals = Refusals(items, surroundings)  # asked for its reasons alone: what is never told becomes no gap
    async with visiting(file, surroundings.pki_directory, name) as session:
        targets = await Resolver(session, items, refusals).resolve(range(len(items)))
        asked = [value_of(target.node_id, target.index_range) for target in targets.values()]
        answers = dict(zip(targets, await read_from_source(session, asked), strict=True))
        received_at = surroundings.clock.now()
    return [
        look_at_item(name, item, targets[handle], answers[handle], received_at)
        if handle in targets
        else Refusal(item.point, refusals.reason(handle) or "no answer")
        for handle, item in enumerate(items)
    ]


def look_at_item(
    connector: str, item: WantedItem, target: Target, data: ua.DataValue, received_at: datetime
) -> Sample | Refusal:
    """Reads one point out of a server's answer; a bad status or a value that is no number is a refusal in words."""
    picked = data if target.part is None else pick(data, target.part)
    read = read_data_value(connector, item, picked, received_at)
    if not isinstance(read, Sample):
        return Refusal(item.point, read.detail)
    if read.quality == Quality.BAD and read.status:
        return Refusal(item.point, status_in_words(read.status))
    return read
