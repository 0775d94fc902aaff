"""Which connectors share a line: all that speak to one endpoint, whatever file they stand in."""

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.contract import Shared, Surroundings
from ems_telemetry.connectors.modbus.endpoint import Endpoint
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.tls import TlsSettings
from ems_telemetry.retry import Backoff


def shared_line(shared: Shared, endpoint: Endpoint, tls: TlsSettings | None, clock: Clock, backoff: Backoff) -> Line:
    """Gives the line to an endpoint, the same to all who ask; connects nowhere yet.

    Args:
        shared: what the connectors of one service have in common.
        endpoint: where to, and how.
        tls: the certificates of a tls:// endpoint, None for others; other certificates make it another line.
        clock: tells pauses and how long to wait after a failure.
        backoff: how failures to connect are spread over time; that of the first to ask counts.
    """
    return shared.once((Line, endpoint, tls), lambda: Line(endpoint, clock, backoff, tls))


def line_of(file: ModbusFile, surroundings: Surroundings) -> Line:
    """Gives the line that a file's connector shares with all others of its endpoint; connects nowhere yet."""
    return shared_line(surroundings.shared, file.where, file.certificates, surroundings.clock, surroundings.backoff)
