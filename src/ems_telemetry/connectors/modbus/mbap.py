"""The framing of Modbus TCP: a header with transaction, protocol, length and unit before each PDU. Pure but for its counter."""

from struct import Struct

from ems_telemetry.connectors.modbus.errors import WrongReplyError
from ems_telemetry.connectors.modbus.pdu import LONGEST_PDU_BYTES, SHORTEST_REPLY_BYTES, Request

_HEADER = Struct(">HHHB")
"""Transaction id, protocol id, length of what follows these six bytes, unit id."""
LAST_TRANSACTION = 0xFFFF


class MbapExchange:
    """One request and the reply to it; `framing.Exchange` tells what its members promise."""

    __slots__ = ("_request", "_transaction", "_unit_id", "frame")

    def __init__(self, transaction: int, unit_id: int, request: Request) -> None:
        self.frame = _HEADER.pack(transaction, 0, len(request.pdu) + 1, unit_id) + request.pdu
        self._transaction = transaction
        self._unit_id = unit_id
        self._request = request

    def read(self, received: bytes) -> bytes | None:
        """Gives the data of the reply once all of it has come."""
        if len(received) < _HEADER.size:
            return None
        end = _HEADER.size + self._pdu_size_bytes(received)
        if len(received) < end:
            return None
        if len(received) > end:
            raise WrongReplyError(f"{len(received) - end} bytes came behind the reply")
        return self._request.read_reply(received[_HEADER.size :])

    def _pdu_size_bytes(self, received: bytes) -> int:
        transaction, protocol, length, unit_id = _HEADER.unpack_from(received)
        if protocol != 0:
            raise WrongReplyError(f"a reply of protocol {protocol} came; Modbus is 0")
        if transaction != self._transaction:
            raise WrongReplyError("the reply to another request came")
        if unit_id != self._unit_id:
            raise WrongReplyError(f"unit {unit_id} replied instead of unit {self._unit_id}")
        if not SHORTEST_REPLY_BYTES <= length - 1 <= LONGEST_PDU_BYTES:
            raise WrongReplyError(f"a reply of {length} bytes came, which none can have")
        size: int = length - 1
        return size


class Mbap:
    """Frames requests for tcp and tls; its transaction ids go on across connections, for gateways that mix up even those."""

    silence_s = 0.0
    tells_replies_apart = True

    def __init__(self) -> None:
        self._transaction = 0

    def begin(self, unit_id: int, request: Request) -> MbapExchange:
        """Frames a request under the next transaction id."""
        self._transaction = self._transaction % LAST_TRANSACTION + 1
        return MbapExchange(self._transaction, unit_id, request)
