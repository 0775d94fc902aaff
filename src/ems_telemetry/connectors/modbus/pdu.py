"""What can be asked of a unit, as bytes without their framing: pure. Every request here reads; none that writes can be made.

pymodbus spells the requests. A reply passes only if it is one to exactly this request: its function, its byte count and, where
it has one, its kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.other_message import ReportDeviceIdRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from ems_telemetry.connectors.modbus.decode import data_size_bytes
from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, WrongReplyError
from ems_telemetry.connectors.modbus.registers import ADDRESSES, Table

EXCEPTION_BIT = 0x80
SHORTEST_REPLY_BYTES = 2
LONGEST_PDU_BYTES = 253

_EXCEPTION_BYTES = 2
_COUNTED_FROM = 2
"""Function and byte count stand before the data."""
_OBJECTS_FROM = 7
"""Function, kind, code, conformity, whether more follows, the next object and the number of objects stand before them."""

_READS: Mapping[Table, type[ModbusPDU]] = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Reads `count` registers, or bits, of a table from the wire address `address` on: functions 1 to 4."""

    table: Table
    address: int
    count: int
    pdu: bytes = field(init=False, repr=False, compare=False)
    """The bytes to send, without their framing."""
    _data_bytes: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Spells it once, since it is asked again and again.

        Raises:
            ValueError: there are no such addresses, or more than one request may ask for.
        """
        if self.address + self.count > ADDRESSES:
            message = f"{self.count} addresses from {self.address} on go beyond the last, {ADDRESSES - 1}"
            raise ValueError(message)
        _keep(self, "pdu", _spell(_READS[self.table](address=self.address, count=self.count)))
        _keep(self, "_data_bytes", data_size_bytes(self.table, self.count))

    def reply_size_bytes(self, received: bytes) -> int | None:
        """Tells how long the reply is, given its first bytes; see `Request`."""
        return _counted_size_bytes(self.pdu[0], received)

    def read_reply(self, pdu: bytes) -> bytes:
        """Gives the data of its reply, two bytes for each register or eight bits a byte; see `Request`."""
        _check_function(self.pdu[0], pdu)
        wanted = self._data_bytes
        if pdu[1] != wanted or len(pdu) - _COUNTED_FROM != wanted:
            came = len(pdu) - _COUNTED_FROM
            raise WrongReplyError(f"{came} bytes of data came, said to be {pdu[1]}, where {wanted} were asked for")
        return pdu[_COUNTED_FROM:]


@dataclass(frozen=True, slots=True)
class ReportServerId:
    """Asks a unit of a serial line what it is, in its maker's own form: function 17."""

    pdu: bytes = field(init=False, repr=False, compare=False, default=b"")
    """The bytes to send, without their framing."""

    def __post_init__(self) -> None:
        """Spells it."""
        _keep(self, "pdu", _spell(ReportDeviceIdRequest()))

    def reply_size_bytes(self, received: bytes) -> int | None:
        """Tells how long the reply is, given its first bytes; see `Request`."""
        return _counted_size_bytes(self.pdu[0], received)

    def read_reply(self, pdu: bytes) -> bytes:
        """Gives what the unit says of itself, without the byte count; see `Request`."""
        _check_function(self.pdu[0], pdu)
        if len(pdu) - _COUNTED_FROM != pdu[1]:
            raise WrongReplyError(f"{len(pdu) - _COUNTED_FROM} bytes of data came, said to be {pdu[1]}")
        return pdu[_COUNTED_FROM:]


class IdentificationCode(IntEnum):
    """How much of its identification a device is asked for."""

    BASIC = 1
    REGULAR = 2
    EXTENDED = 3
    SPECIFIC = 4
    """One object alone."""


@dataclass(frozen=True, slots=True)
class ReadDeviceIdentification:
    """Asks a device for its maker, product and version as text: function 43, kind 14."""

    code: IdentificationCode = IdentificationCode.BASIC
    object_id: int = 0
    """Where to begin; with SPECIFIC the only object asked for. 0 to 255."""
    pdu: bytes = field(init=False, repr=False, compare=False)
    """The bytes to send, without their framing."""

    def __post_init__(self) -> None:
        """Spells it.

        Raises:
            ValueError: there is no such code or object.
        """
        if not 0 <= self.object_id <= 0xFF:  # noqa: PLR2004 - one byte
            message = f"object {self.object_id} does not exist; they go from 0 to 255"
            raise ValueError(message)
        code = IdentificationCode(self.code)
        _keep(self, "pdu", _spell(ReadDeviceInformationRequest(read_code=code, object_id=self.object_id)))

    def reply_size_bytes(self, received: bytes) -> int | None:
        """Tells how long the reply is, given its first bytes; see `Request`."""
        size = _announced_size_bytes(self.pdu[0], received)
        return _objects_end(received) if size is None else size

    def read_reply(self, pdu: bytes) -> bytes:
        """Gives what follows the code, which `identification.read_objects` takes apart; see `Request`."""
        _check_function(self.pdu[0], pdu)
        if pdu[:3] != self.pdu[:3]:
            raise WrongReplyError(
                f"a reply of kind {pdu[1]}, code {pdu[2:3].hex() or 'none'} came instead of {self.pdu[1:3].hex()}"
            )
        if _objects_end(pdu) != len(pdu):
            raise WrongReplyError(f"an identification of {len(pdu)} bytes came whose objects have another length")
        return pdu[3:]


Request: TypeAlias = ReadRequest | ReportServerId | ReadDeviceIdentification
"""All that can be asked. Each of them has

- `pdu`, the bytes to send;
- `reply_size_bytes(received)`, which tells from the first bytes of a reply how many it will have, None as long as that cannot
  be told, and raises a `WrongReplyError` if they begin no reply to it;
- `read_reply(pdu)`, which gives the data of a whole reply, and raises an `ExceptionReplyError` if the device says no and a
  `WrongReplyError` if it is no reply to exactly this request.
"""


def _spell(pdu: ModbusPDU) -> bytes:
    return bytes([pdu.function_code]) + pdu.encode()


def _keep(request: Request, name: str, value: object) -> None:
    """Sets a field of a frozen request while it is made."""
    object.__setattr__(request, name, value)


def _check_function(function: int, pdu: bytes) -> None:
    if len(pdu) < SHORTEST_REPLY_BYTES:
        raise WrongReplyError(f"a reply of {len(pdu)} bytes came, which none can have")
    if pdu[0] == function | EXCEPTION_BIT and len(pdu) == _EXCEPTION_BYTES:
        raise ExceptionReplyError(pdu[1])
    if pdu[0] != function:
        raise WrongReplyError(f"a reply to function {pdu[0]} came instead of one to {function}")


def _announced_size_bytes(function: int, received: bytes) -> int | None:
    """Tells the size of an exception; None for a reply to that function, whose further bytes tell."""
    if not received or received[0] == function:
        return None
    if received[0] == function | EXCEPTION_BIT:
        return _EXCEPTION_BYTES
    raise WrongReplyError(f"a reply to function {received[0]} came instead of one to {function}")


def _counted_size_bytes(function: int, received: bytes) -> int | None:
    size = _announced_size_bytes(function, received)
    if size is None and len(received) >= _COUNTED_FROM:
        return _COUNTED_FROM + received[1]
    return size


def _objects_end(received: bytes) -> int | None:
    """Tells where the objects of an identification end; None as long as that has not come."""
    if len(received) < _OBJECTS_FROM:
        return None
    end = _OBJECTS_FROM
    for _ in range(received[_OBJECTS_FROM - 1]):
        if len(received) < end + 2:
            return None
        end += 2 + received[end + 1]
    return end
