"""Every error of asyncua and the network that can come out of speaking to a server, in words an OT engineer understands.

This is the one place where they are translated. Whatever the table does not know is a lost connection with the library's words.
"""

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from asyncua.ua.status_codes import StatusCodes, code_to_name_doc, get_name_and_doc
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError, EndpointRefusedError

_UNREADABLE = (struct.error, LookupError, TypeError, UnicodeDecodeError)
FOREIGN_ERRORS = (UaError, OSError, AssertionError, ValueError, InvalidSignature, UnsupportedAlgorithm, *_UNREADABLE)
"""What asyncua raises: an AssertionError where the server ends the secure channel, a ValueError for certificates and keys that
cannot be read, what cryptography raises for a signature that does not hold or that it does not know, and what Python raises
when the server's answer does not decode."""

_UNTRUSTED = (
    "the server does not accept our certificate (certificate not trusted); "
    "have its administrator move it from the rejected to the trusted ones"
)
_HUNG_UP = (
    "the server ends the secure channel without saying why; as a rule it does not accept our certificate "
    "(certificate not trusted): have its administrator move it from the rejected to the trusted ones"
)


class CertificateRefusedError(EndpointRefusedError):
    """The server finds fault with a certificate of ours; `security.py` names it."""


_WRONG_USER = "the server refuses the user; check name and password under user:, or whether it allows anonymous sessions"
_WRONG_SECURITY = "the server does not offer this security policy and mode; check security:"
_OUR_CERTIFICATE = "the server finds fault with our certificate"
_NOT_ITS_KEY = "the server's signature does not hold: it has not the key of the certificate it shows"
_ITS_SHUTDOWN = "the server is shutting down"
_SESSION_GONE = "the server has ended our session"
_SUBSCRIPTION_GONE = "the server has ended our subscription"

_BY_STATUS: Mapping[int, tuple[type[EmsTelemetryError], str]] = {
    StatusCodes.BadUserAccessDenied: (EndpointRefusedError, _WRONG_USER),
    StatusCodes.BadIdentityTokenRejected: (EndpointRefusedError, _WRONG_USER),
    StatusCodes.BadIdentityTokenInvalid: (EndpointRefusedError, _WRONG_USER),
    StatusCodes.BadUserSignatureInvalid: (EndpointRefusedError, _WRONG_USER),
    StatusCodes.BadCertificateUntrusted: (CertificateRefusedError, _UNTRUSTED),
    StatusCodes.BadSecurityChecksFailed: (CertificateRefusedError, _UNTRUSTED),
    StatusCodes.BadCertificateChainIncomplete: (CertificateRefusedError, _UNTRUSTED),
    StatusCodes.BadCertificateTimeInvalid: (
        CertificateRefusedError,
        f"{_OUR_CERTIFICATE}: it is not valid today; check the clocks, or renew it: ems-telemetry opcua certificate renew",
    ),
    StatusCodes.BadCertificateUriInvalid: (CertificateRefusedError, f"{_OUR_CERTIFICATE}: it names another application URI"),
    StatusCodes.BadCertificateHostNameInvalid: (
        CertificateRefusedError,
        f"{_OUR_CERTIFICATE}: it does not name this host; make a new one: ems-telemetry opcua certificate renew --host NAME",
    ),
    StatusCodes.BadCertificateInvalid: (CertificateRefusedError, _OUR_CERTIFICATE),
    StatusCodes.BadCertificateRevoked: (CertificateRefusedError, f"{_OUR_CERTIFICATE}: it is revoked"),
    StatusCodes.BadCertificateUseNotAllowed: (CertificateRefusedError, f"{_OUR_CERTIFICATE}: it is not for clients"),
    StatusCodes.BadCertificatePolicyCheckFailed: (
        CertificateRefusedError,
        f"{_OUR_CERTIFICATE}: its key or signature is too weak",
    ),
    StatusCodes.BadNoValidCertificates: (CertificateRefusedError, f"{_OUR_CERTIFICATE}: it gets none, or none it can use"),
    StatusCodes.BadSecurityPolicyRejected: (EndpointRefusedError, _WRONG_SECURITY),
    StatusCodes.BadSecurityModeRejected: (EndpointRefusedError, _WRONG_SECURITY),
    StatusCodes.BadSecurityModeInsufficient: (EndpointRefusedError, _WRONG_SECURITY),
    StatusCodes.BadTcpEndpointUrlInvalid: (EndpointRefusedError, "the server knows no such endpoint; check its path"),
    StatusCodes.BadTooManySessions: (ConnectionLostError, "the server has no session left for us; close other clients"),
    StatusCodes.BadTooManySubscriptions: (ConnectionLostError, "the server has no subscription left for us"),
    StatusCodes.BadShutdown: (ConnectionLostError, _ITS_SHUTDOWN),
    StatusCodes.BadServerHalted: (ConnectionLostError, _ITS_SHUTDOWN),
    StatusCodes.BadSessionClosed: (ConnectionLostError, _SESSION_GONE),
    StatusCodes.BadSessionIdInvalid: (ConnectionLostError, _SESSION_GONE),
    StatusCodes.BadSessionNotActivated: (ConnectionLostError, _SESSION_GONE),
    StatusCodes.BadSubscriptionIdInvalid: (ConnectionLostError, _SUBSCRIPTION_GONE),
    StatusCodes.BadNoSubscription: (ConnectionLostError, _SUBSCRIPTION_GONE),
    StatusCodes.BadTimeout: (ConnectionLostError, "the server gave up waiting for us"),
}
_BY_CLASS: tuple[tuple[type[Exception], type[EmsTelemetryError], str], ...] = (
    (ConnectionRefusedError, ConnectionLostError, "nobody listens there; is the server running, and is the port right?"),
    (TimeoutError, ConnectionLostError, "no answer; is the machine on, and does a firewall stand between?"),
    (socket.gaierror, ConnectionLostError, "this host name is not known; check endpoint:"),
    (ConnectionError, ConnectionLostError, "the connection was closed by the other side"),
    (AssertionError, CertificateRefusedError, _HUNG_UP),
    (InvalidSignature, EndpointRefusedError, _NOT_ITS_KEY),
    (UnsupportedAlgorithm, EndpointRefusedError, "the server's certificate is of a kind that is not known here"),
)
SERVICE_UNKNOWN = frozenset({StatusCodes.BadServiceUnsupported, StatusCodes.BadNotImplemented, StatusCodes.BadNotSupported})
"""How servers say that they do not offer a service at all."""
_NO_MATCHING_ENDPOINT = "No matching endpoints"


def translate(error: Exception) -> EmsTelemetryError:
    """Puts one foreign error into our words; the status code's name stands behind them, for who looks it up."""
    if isinstance(error, UaStatusCodeError):
        return of_status(int(error.code))
    for foreign, ours, words in _BY_CLASS:
        if isinstance(error, foreign):
            return ours(words)
    if str(error).startswith(_NO_MATCHING_ENDPOINT):
        return EndpointRefusedError(_WRONG_SECURITY)
    if isinstance(error, _UNREADABLE):
        return ConnectionLostError(f"the server's answer cannot be read: {error}")
    if isinstance(error, ValueError):
        return EndpointRefusedError(f"a certificate or key cannot be used: {error}")
    return ConnectionLostError(str(error) or type(error).__name__)


def of_status(status: int) -> EmsTelemetryError:
    """Puts a bad StatusCode into our words."""
    name = status_name(status)
    if status not in _BY_STATUS:
        return ConnectionLostError(f"the server answers {name}")
    ours, words = _BY_STATUS[status]
    return ours(f"{words} ({name})")


def status_behind(error: EmsTelemetryError) -> int | None:
    """Tells the StatusCode a server answered with, where one was translated into this error."""
    cause = error.__cause__
    return int(cause.code) if isinstance(cause, UaStatusCodeError) else None


def status_name(status: int) -> str:
    """Tells the name of a StatusCode, as `BadNodeIdUnknown`; unknown ones in hexadecimal."""
    name, _ = get_name_and_doc(status)
    return name if status in code_to_name_doc else f"{name} 0x{status:08X}"


def status_in_words(status: int) -> str:
    """Tells a StatusCode's name and, as the standard explains it, what it means."""
    _, words = get_name_and_doc(status)
    return f"{status_name(status)}: {words.rstrip('.')}" if status in code_to_name_doc and words else status_name(status)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Translates whatever asyncua raises within.

    Raises:
        ConnectionLostError: trying again may help.
        EndpointRefusedError: the server says no.
    """
    try:
        yield
    except FOREIGN_ERRORS as error:
        raise translate(error) from error
