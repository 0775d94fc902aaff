"""OPC UA: monitored items of one server, with their own times and status codes."""

from collections.abc import Callable, Sequence

from ems_telemetry.connectors.contract import Connector, ConnectorType, Refusal, Stretch, Surroundings
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.model import DeadLetter, Sample


def build(file: OpcUaFile, surroundings: Surroundings) -> Connector:
    """Builds the connector of a checked file; connects nowhere yet."""
    from ems_telemetry.connectors.opcua.connector import OpcUaConnector  # noqa: PLC0415  `check` must not load asyncua

    return OpcUaConnector(file, surroundings)


async def look(file: OpcUaFile, surroundings: Surroundings) -> Sequence[Sample | Refusal]:
    """Reads each point of a checked file once; see `contract.Look`."""
    from ems_telemetry.connectors.opcua.looking import look as look_once  # noqa: PLC0415  `check` must not load asyncua

    return await look_once(file, surroundings)


async def backfill(
    file: OpcUaFile, surroundings: Surroundings, stretch: Stretch, show: Callable[[float], None]
) -> Sequence[Refusal]:
    """Reads a stretch of the server's history; see `contract.Backfill`."""
    from ems_telemetry.connectors.opcua.backfilling import backfill as fill  # noqa: PLC0415  `check` must not load asyncua

    return await fill(file, surroundings, stretch, show)


def reread(file: OpcUaFile, letter: DeadLetter) -> Sequence[Sample]:
    """Says why it cannot be done; see `contract.Reread`. A value that is a plain text lies in its letter as a sample."""
    del file
    raise ValueError(
        f"the letter describes the value of {letter.source} (an array or a structure) and does not hold it; name its part with "
        "element: or field:, and read what was missed with `ems-telemetry backfill --connector`"
    )


CONNECTOR_TYPE = ConnectorType("opcua", OpcUaFile, build, look, backfill=backfill, reread=reread)
