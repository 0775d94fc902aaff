"""Each error of the network and of asyncua, and the words an OT engineer reads."""

import socket
import struct

import cryptography.exceptions
import pytest
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from ems_telemetry.connectors.opcua.errors import CertificateRefusedError, in_our_words, status_name, translate
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError, EndpointRefusedError


def answered(status: int) -> UaStatusCodeError:
    return UaStatusCodeError(status)  # type: ignore[no-untyped-call]  # asyncua leaves it untyped


@pytest.mark.parametrize(
    ("foreign", "ours", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), ConnectionLostError, "nobody listens there"),
        (TimeoutError(), ConnectionLostError, "no answer"),
        (socket.gaierror(-2, "Name or service not known"), ConnectionLostError, "host name is not known"),
        (ConnectionResetError(104, "reset"), ConnectionLostError, "closed by the other side"),
        (ConnectionError("Connection is closed"), ConnectionLostError, "closed by the other side"),
        (OSError(113, "No route to host"), ConnectionLostError, "No route to host"),
        (AssertionError(), CertificateRefusedError, "certificate not trusted"),
        (answered(StatusCodes.BadSecurityChecksFailed), CertificateRefusedError, "certificate not trusted"),
        (answered(StatusCodes.BadUserAccessDenied), EndpointRefusedError, "refuses the user"),
        (answered(StatusCodes.BadTooManySessions), ConnectionLostError, "no session left for us"),
        (answered(StatusCodes.BadShutdown), ConnectionLostError, "shutting down (BadShutdown)"),
        (answered(StatusCodes.BadSessionClosed), ConnectionLostError, "ended our session"),
        (answered(StatusCodes.BadInternalError), ConnectionLostError, "the server answers BadInternalError"),
        (answered(0x8FFF0000), ConnectionLostError, "the server answers Bad 0x8FFF0000"),
        (UaError("No matching endpoints: 3, http://…"), EndpointRefusedError, "check security:"),
        (UaError("Server certificate mismatch"), ConnectionLostError, "Server certificate mismatch"),
        (UaError(), ConnectionLostError, "UaError"),
        (struct.error("unpack requires 4 bytes"), ConnectionLostError, "answer cannot be read"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), ConnectionLostError, "answer cannot be read"),
        (cryptography.exceptions.InvalidSignature(), EndpointRefusedError, "has not the key of the certificate"),
        (cryptography.exceptions.UnsupportedAlgorithm("EC"), EndpointRefusedError, "not known here"),
        (ValueError("Could not deserialize key data"), EndpointRefusedError, "a certificate or key cannot be used"),
    ],
)
def test_every_foreign_error_leaves_in_our_words(foreign: Exception, ours: type[EmsTelemetryError], words: str) -> None:
    translated = translate(foreign)
    assert type(translated) is ours
    assert words in str(translated)


def test_the_cause_stays_attached() -> None:
    cause = ConnectionRefusedError()
    with pytest.raises(ConnectionLostError) as caught, in_our_words():
        raise cause
    assert caught.value.__cause__ is cause


def test_status_codes_have_names() -> None:
    assert status_name(0x80340000) == "BadNodeIdUnknown"
    assert status_name(0x8FFF0000) == "Bad 0x8FFF0000"
