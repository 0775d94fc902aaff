"""OPC UA: monitored items of one server, with their own times and status codes."""

from ems_telemetry.connectors.contract import Connector, ConnectorType, Surroundings
from ems_telemetry.connectors.opcua.file import OpcUaFile


def build(file: OpcUaFile, surroundings: Surroundings) -> Connector:
    """Builds the connector of a checked file; connects nowhere yet."""
    from ems_telemetry.connectors.opcua.connector import OpcUaConnector  # noqa: PLC0415  `check` must not load asyncua

    return OpcUaConnector(file, surroundings)


CONNECTOR_TYPE = ConnectorType("opcua", OpcUaFile, build)
