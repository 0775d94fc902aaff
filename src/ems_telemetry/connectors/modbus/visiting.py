"""One visit to an endpoint by a command: a line for its length, bounded requests, nothing left behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, UnitFailedError
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.pdu import ReadRequest
from ems_telemetry.connectors.modbus.registers import Table
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.retry import Backoff


@asynccontextmanager
async def visiting(file: ModbusFile) -> AsyncIterator[Line]:
    """Gives an open line to the endpoint of a file.

    Raises:
        ConnectionLostError: it is out of reach.
    """
    line = Line(file.where, SystemClock(), Backoff(), file.certificates)
    async with line.in_use(file.pauses):
        await line.open()
        yield line


async def read_once(
    line: Line, unit_id: int, table: Table, address: int, count: int, timeout_s: float
) -> bytes | EmsTelemetryError:
    """Reads registers or bits once; gives what went wrong instead if the unit does not give them.

    Raises:
        ConnectionLostError: the endpoint is out of reach.
    """
    try:
        return await line.ask(unit_id, ReadRequest(table, address, count), timeout_s)
    except (ExceptionReplyError, UnitFailedError) as error:
        return error
