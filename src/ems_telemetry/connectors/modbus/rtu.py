"""The framing of serial lines: unit, PDU and a checksum, with silence between the frames. Pure.

Nothing in a frame tells to which request it replies, only from which unit it is: who uses it must see to it that no reply to an
earlier request of that unit can still be on its way.
"""

from pymodbus.framer import FramerRTU

from ems_telemetry.connectors.modbus.endpoint import SHORTEST_SILENCE_S, silence_between_frames_s
from ems_telemetry.connectors.modbus.errors import WrongReplyError
from ems_telemetry.connectors.modbus.pdu import LONGEST_PDU_BYTES, Request

_CHECKSUM_BYTES = 2


def checksum(data: bytes) -> bytes:
    """Gives the CRC-16 of a frame as it is sent, the low byte first."""
    return FramerRTU.compute_CRC(data).to_bytes(_CHECKSUM_BYTES, "big")


class RtuExchange:
    """One request and the reply to it; `framing.Exchange` tells what its members promise.

    Two-wire adapters may give back what we send. One exact echo of the request is passed over; and since some echoes begin
    with what would be a whole reply, nothing that may be an echo on its way is taken for one.
    """

    __slots__ = ("_request", "_unit_id", "frame")

    def __init__(self, unit_id: int, request: Request) -> None:
        body = bytes([unit_id]) + request.pdu
        self.frame = body + checksum(body)
        self._unit_id = unit_id
        self._request = request

    def read(self, received: bytes) -> bytes | None:
        """Gives the data of the reply once all of it has come."""
        if self.frame.startswith(received):
            return None
        reply = received.removeprefix(self.frame)
        if reply[0] != self._unit_id:
            raise WrongReplyError(f"unit {reply[0]} replied instead of unit {self._unit_id}, or the line is disturbed")
        size = self._request.reply_size_bytes(reply[1:])
        if max(size or 0, len(reply) - 1 - _CHECKSUM_BYTES) > LONGEST_PDU_BYTES:
            raise WrongReplyError(f"a reply of {max(size or 0, len(reply))} bytes came, which none can have")
        return None if size is None else self._read_frame(reply, 1 + size)

    def _read_frame(self, reply: bytes, body_bytes: int) -> bytes | None:
        end = body_bytes + _CHECKSUM_BYTES
        if len(reply) < end:
            return None
        if checksum(reply[:body_bytes]) != reply[body_bytes:end]:
            raise WrongReplyError(
                "the checksum of the reply is wrong; the line may be disturbed, or two units have the same id"
            )
        if len(reply) > end:
            raise WrongReplyError(f"{len(reply) - end} bytes came behind the reply")
        return self._request.read_reply(reply[1:body_bytes])


class Rtu:
    """Frames requests for serial lines."""

    tells_replies_apart = False

    def __init__(self, baudrate: int | None = None) -> None:
        """Takes the line's baud rate; None for a line behind a server, which keeps the line's own silence."""
        self.silence_s = SHORTEST_SILENCE_S if baudrate is None else silence_between_frames_s(baudrate)

    def begin(self, unit_id: int, request: Request) -> RtuExchange:
        """Frames a request."""
        return RtuExchange(unit_id, request)
