"""How requests and replies are told apart on the way, so that a line need not care which of the ways it is."""

from typing import Protocol

from ems_telemetry.connectors.modbus.endpoint import Endpoint
from ems_telemetry.connectors.modbus.mbap import Mbap
from ems_telemetry.connectors.modbus.pdu import Request
from ems_telemetry.connectors.modbus.rtu import Rtu


class Exchange(Protocol):
    """One request to one unit, and what counts as the reply to it."""

    @property
    def frame(self) -> bytes:
        """The bytes to send."""
        ...

    def read(self, received: bytes) -> bytes | None:
        """Takes the reply apart.

        Args:
            received: all that has come since the request was sent.

        Returns:
            The data of the reply; None as long as not all of it has come.

        Raises:
            ExceptionReplyError: the device said no.
            WrongReplyError: what has come is no reply to this request, or not that alone.
        """
        ...


class Framing(Protocol):
    """Makes exchanges. One for each line, kept across its connections."""

    @property
    def silence_s(self) -> float:
        """How long nothing may have been received before a request is sent."""
        ...

    @property
    def tells_replies_apart(self) -> bool:
        """True if the late reply to one request can never be taken for that to another."""
        ...

    def begin(self, unit_id: int, request: Request) -> Exchange:
        """Frames a request to a unit, 0 to 255."""
        ...


def make_framing(endpoint: Endpoint) -> Framing:
    """Makes the framing that an endpoint speaks."""
    if endpoint.scheme.is_rtu:
        return Rtu(None if endpoint.serial is None else endpoint.serial.baudrate)
    return Mbap()
