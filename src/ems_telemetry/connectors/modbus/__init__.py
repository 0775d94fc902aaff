"""Modbus: meters polled by register, many units on one link. Reads only, never writes."""

from collections.abc import Sequence

from ems_telemetry.connectors.contract import Connector, ConnectorType, Refusal, Surroundings
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.model import Sample


def build(file: ModbusFile, surroundings: Surroundings) -> Connector:
    """Builds the connector of a checked file; connects nowhere yet."""
    from ems_telemetry.connectors.modbus.connector import ModbusConnector  # noqa: PLC0415  `check` must not load pymodbus

    return ModbusConnector(file, surroundings)


async def look(file: ModbusFile, surroundings: Surroundings) -> Sequence[Sample | Refusal]:
    """Reads each point of a checked file once; see `contract.Look`."""
    from ems_telemetry.connectors.modbus.looking import look as look_once  # noqa: PLC0415  `check` must not load pymodbus

    return await look_once(file, surroundings)


CONNECTOR_TYPE = ConnectorType("modbus", ModbusFile, build, look)
