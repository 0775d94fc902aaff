"""Why an endpoint cannot be opened is told in words for an OT engineer."""

import errno
import socket
import ssl
import termios
from pathlib import Path

import pytest
import serial

from ems_telemetry.connectors.modbus.endpoint import Endpoint, parse_endpoint
from ems_telemetry.connectors.modbus.reasons import explain_open_error
from ems_telemetry.connectors.modbus.tls import TlsSettings, make_context
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError, EndpointRefusedError, PermanentError

PORT = parse_endpoint("serial:///dev/ttyUSB0?baudrate=9600&parity=N")
SERVER = parse_endpoint("tls://10.20.0.31")


def os_error(number: int) -> OSError:
    return OSError(number, "as the system says")


def distrust(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    error.verify_message = "as OpenSSL says"
    return error


def refusal(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "alert")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("endpoint", "error", "kind", "words"),
    [
        (PORT, os_error(errno.ENOENT), ConnectionLostError, "cannot open /dev/ttyUSB0: there is no such device"),
        (PORT, os_error(errno.EACCES), EndpointRefusedError, "no permission; as a rule the group dialout may use serial ports"),
        (PORT, os_error(errno.EBUSY), ConnectionLostError, "another program uses it"),
        (PORT, serial.SerialException(errno.EAGAIN, "locked"), ConnectionLostError, "another program uses it"),
        (PORT, serial.SerialException("could not configure port"), ConnectionLostError, "it is no serial port"),
        (PORT, os_error(errno.EINVAL), EndpointRefusedError, "it does not take 9600 baud, 8N1"),
        (PORT, os_error(errno.EIO), ConnectionLostError, "the device is gone, or does not work"),
        (PORT, os_error(errno.EMFILE), ConnectionLostError, "as the system says"),
        (SERVER, ConnectionRefusedError(errno.ECONNREFUSED, ""), ConnectionLostError, "nobody listens there"),
        (SERVER, socket.gaierror(1, ""), ConnectionLostError, "the host's name is not known"),
        (SERVER, TimeoutError(), ConnectionLostError, "the host does not answer"),
        (SERVER, ConnectionResetError(), EndpointRefusedError, "it ends the TLS handshake without a word"),
        (parse_endpoint("tcp://a"), ConnectionResetError(), ConnectionLostError, "it closed the connection at once"),
        (SERVER, distrust(9), EndpointRefusedError, "not valid yet"),
        (SERVER, distrust(10), EndpointRefusedError, "its certificate has expired"),
        (SERVER, distrust(20), EndpointRefusedError, "not issued by the authority under ca"),
        (SERVER, distrust(62), EndpointRefusedError, 'not one for "gateway"; say as server_name'),
        (SERVER, distrust(64), EndpointRefusedError, 'not one for "gateway"; say as server_name'),
        (SERVER, distrust(24), EndpointRefusedError, "not trusted: as OpenSSL says"),
        (SERVER, refusal("TLSV13_ALERT_CERTIFICATE_REQUIRED"), EndpointRefusedError, "wants to see a certificate of ours"),
        (SERVER, refusal("TLSV1_ALERT_UNKNOWN_CA"), EndpointRefusedError, "does not trust our certificate"),
        (SERVER, refusal("WRONG_VERSION_NUMBER"), EndpointRefusedError, "does not speak TLS"),
        (SERVER, refusal("SOMETHING_NEW"), EndpointRefusedError, "TLS fails (SOMETHING_NEW)"),
    ],
)
def test_what_the_system_says_is_told_in_words(
    endpoint: Endpoint, error: OSError, kind: type[EmsTelemetryError], words: str
) -> None:
    told = explain_open_error(endpoint, "gateway", error)
    assert type(told) is kind
    assert words in str(told)


def test_errors_of_ports_and_their_settings_are_of_the_operating_system() -> None:
    assert issubclass(serial.SerialException, OSError)
    assert not issubclass(termios.error, OSError)


def test_certificate_and_key_go_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='"certificate" and "key" go together'):
        TlsSettings(ca=tmp_path, certificate=tmp_path)


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(PermanentError, match=r"ca\.pem, which should vouch for the server, cannot be used: it is no PEM file"):
        make_context(TlsSettings(tmp_path / "ca.pem"))
    with pytest.raises(PermanentError, match=r"gone\.pem, which should vouch for the server, cannot be read: No such file"):
        make_context(TlsSettings(tmp_path / "gone.pem"))
