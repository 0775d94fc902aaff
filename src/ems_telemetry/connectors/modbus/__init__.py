"""Modbus TCP: meters polled by register, many units on one link. Reads only, never writes."""

from ems_telemetry.connectors.contract import Connector, ConnectorType, Surroundings
from ems_telemetry.connectors.modbus.file import ModbusFile


def build(file: ModbusFile, surroundings: Surroundings) -> Connector:
    """Builds the connector of a checked file; connects nowhere yet."""
    from ems_telemetry.connectors.modbus.connector import ModbusConnector  # noqa: PLC0415  `check` must not load pymodbus

    return ModbusConnector(file, surroundings)


CONNECTOR_TYPE = ConnectorType("modbus", ModbusFile, build)
