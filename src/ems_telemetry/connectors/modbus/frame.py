"""Requests and replies of Modbus TCP as bytes: pure functions. A reply passes only if it answers exactly this request."""

from dataclasses import dataclass
from struct import Struct

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from ems_telemetry.connectors.modbus.decode import data_size_bytes
from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, WrongReplyError
from ems_telemetry.connectors.modbus.registers import Table

_HEADER = Struct(">HHHB")
"""Transaction id, protocol id, length of what follows these six bytes, unit id."""
HEADER_BYTES = _HEADER.size
EXCEPTION_BIT = 0x80
_EXCEPTION_PDU_BYTES = 2
_LONGEST_PDU_BYTES = 253

_REQUESTS = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}
_FRAMER = FramerSocket(DecodePDU(is_server=False))


@dataclass(frozen=True, slots=True)
class Request:
    """One read: `count` registers, or bits, of a unit's table from the wire address `address` on."""

    transaction: int
    unit_id: int
    table: Table
    address: int
    count: int


def encode(request: Request) -> bytes:
    """Gives the bytes to send."""
    pdu = _REQUESTS[request.table](
        dev_id=request.unit_id, transaction_id=request.transaction, address=request.address, count=request.count
    )
    return _FRAMER.buildFrame(pdu)


def pdu_size_bytes(request: Request, header: bytes) -> int:
    """Checks the header of what came for a request.

    Returns:
        How many bytes follow the header.

    Raises:
        WrongReplyError: this is no reply to this request.
    """
    transaction, protocol, length, unit_id = _HEADER.unpack(header)
    if protocol != 0:
        raise WrongReplyError(f"a reply of protocol {protocol} came; Modbus is 0")
    if transaction != request.transaction:
        raise WrongReplyError("the reply to another request came")
    if unit_id != request.unit_id:
        raise WrongReplyError(f"unit {unit_id} replied instead of unit {request.unit_id}")
    if not _EXCEPTION_PDU_BYTES <= length - 1 <= _LONGEST_PDU_BYTES:
        raise WrongReplyError(f"a reply of {length} bytes came, which none can have")
    size: int = length - 1
    return size


def read_pdu(request: Request, pdu: bytes) -> bytes:
    """Checks what followed the header of a reply.

    Args:
        request: what was asked.
        pdu: at least two bytes: function code and what belongs to it.

    Returns:
        The data: two bytes for each register, or eight coils a byte.

    Raises:
        ExceptionReplyError: the device said no.
        WrongReplyError: this is no reply to this request.
    """
    function = pdu[0]
    if function == request.table.function | EXCEPTION_BIT and len(pdu) == _EXCEPTION_PDU_BYTES:
        raise ExceptionReplyError(pdu[1])
    if function != request.table.function:
        raise WrongReplyError(f"a reply to function {function} came instead of one to {request.table.function}")
    wanted = data_size_bytes(request.table, request.count)
    if pdu[1] != wanted or len(pdu) - 2 != wanted:
        raise WrongReplyError(f"{len(pdu) - 2} bytes of data came, said to be {pdu[1]}, where {wanted} were asked for")
    return pdu[2:]
