"""What can go wrong with one request, told apart by what it says of the unit and of the link.

UnitFailedError             no reply that can be trusted; the link was made clean of it, the values are not known
├── SilentUnitError         nothing, or not all of it, came in time
├── ClosedLinkError         the other side closed the link instead of replying
└── WrongReplyError         something came that is no reply to this request
ExceptionReplyError         the device, or the gateway before it, replied that it will not or cannot

That the endpoint itself is out of reach is a `ConnectionLostError`, as everywhere.
"""

import errno
import socket
from collections.abc import Mapping

from ems_telemetry.errors import ConnectionLostError, PermanentError, TransientError

REFUSES_PLACE = frozenset({2, 3})
"""Of all that was asked for at once something is not there (2), or there is too much of it (3)."""
BUSY_CODES = frozenset({5, 6})
"""The device has understood, and cannot answer yet."""
GATEWAY_CODES = frozenset({0x0A, 0x0B})
"""The gateway speaks: it has no way to the unit, or the unit does not reply to it."""

EXCEPTIONS: Mapping[int, str] = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, not done yet",
    6: "device busy",
    7: "negative acknowledgement",
    8: "memory parity error",
    10: "gateway has no path to the unit",
    11: "unit does not reply to the gateway",
}


class UnitFailedError(TransientError):
    """One request got no reply that can be trusted. Nothing of it is left on the link."""


class SilentUnitError(UnitFailedError):
    """Nothing, or not all of it, came in time."""


class ClosedLinkError(UnitFailedError):
    """The other side closed the link instead of replying."""


class WrongReplyError(UnitFailedError):
    """Something came that is no reply to this request."""


class ExceptionReplyError(PermanentError):
    """The device replied with an exception: a valid reply, without values."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"exception {code}, {EXCEPTIONS.get(code, 'unknown to the specification')}")


_WORDS: Mapping[int, str] = {
    errno.ECONNREFUSED: "nobody listens there",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.ETIMEDOUT: "the host does not answer",
    errno.ECONNRESET: "it closed the connection at once",
}


def explain_connect_error(endpoint: str, error: OSError) -> ConnectionLostError:
    """Turns what the operating system says about a failed connect into an error of ours."""
    if isinstance(error, socket.gaierror):
        words = "the host's name is not known"
    elif isinstance(error, TimeoutError):
        words = "the host does not answer"
    elif isinstance(error, ConnectionResetError):
        words = _WORDS[errno.ECONNRESET]
    else:
        words = _WORDS.get(error.errno or 0, error.strerror or str(error))
    return ConnectionLostError(f"cannot connect to {endpoint}: {words}")
