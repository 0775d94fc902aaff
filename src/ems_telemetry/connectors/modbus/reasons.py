"""Why an endpoint cannot be opened, in words for an OT engineer: the one place where errors of TLS and ports are translated."""

import errno
import ssl
from collections.abc import Mapping

from ems_telemetry.connectors.modbus.endpoint import Endpoint, Scheme, SerialPort
from ems_telemetry.connectors.modbus.errors import explain_connect_error
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError, EndpointRefusedError

_AUTHORITY_UNKNOWN = "its certificate was not issued by the authority under ca"
_OTHER_NAME = 'its certificate is not one for "{name}"; say as server_name the name or address that it holds'
_DISTRUST: Mapping[int, str] = {
    # By OpenSSL's codes of what its verification found.
    9: "its certificate is not valid yet; are the clocks right?",
    10: "its certificate has expired; the server needs a new one, or a clock is wrong",
    18: _AUTHORITY_UNKNOWN,
    19: _AUTHORITY_UNKNOWN,
    20: _AUTHORITY_UNKNOWN,
    21: _AUTHORITY_UNKNOWN,
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}
_WANTS_CERTIFICATE = "it wants to see a certificate of ours, which it trusts: see certificate and key"
_NOT_TRUSTED = "it does not trust our certificate; let it trust the authority that issued it"
_SPEAKS_NO_TLS = "it does not speak TLS; is it a plain Modbus TCP port?"
_ENDS_HANDSHAKE = "it ends the TLS handshake without a word; perhaps it does not trust our certificate, or speaks no TLS"
_REFUSALS: Mapping[str, str] = {
    # By OpenSSL's reasons. A server of TLS 1.2 that misses our certificate says no more than that the handshake failed.
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _WANTS_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": _NOT_TRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _NOT_TRUSTED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "our certificate was revoked",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired",
    "TLSV1_ALERT_ACCESS_DENIED": "it knows our certificate and lets it do nothing",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks only versions of TLS older than 1.2",
    "UNSUPPORTED_PROTOCOL": "it speaks only versions of TLS older than 1.2",
    "WRONG_VERSION_NUMBER": _SPEAKS_NO_TLS,
    "RECORD_LAYER_FAILURE": _SPEAKS_NO_TLS,
}
_PORT_FAULTS: Mapping[int, str] = {
    errno.ENOENT: "there is no such device; is the adapter plugged in?",
    errno.ENODEV: "the device is gone; is the adapter plugged in?",
    errno.ENXIO: "the device is gone; is the adapter plugged in?",
    errno.EIO: "the device is gone, or does not work",
    errno.EBUSY: "another program uses it",
    errno.EAGAIN: "another program uses it",
    errno.EISDIR: "it is a folder and no serial port",
    errno.ENOTTY: "it is no serial port",
}
_NO_RIGHTS = "no permission; as a rule the group dialout may use serial ports: add the user who runs this to that group"


def explain_open_error(endpoint: Endpoint, tls_name: str | None, error: OSError) -> EmsTelemetryError:
    """Turns what the operating system, or TLS, says about an endpoint that could not be opened into an error of ours.

    Args:
        endpoint: which one.
        tls_name: the name that its certificate had to hold.
        error: what was said.
    """
    if endpoint.serial is not None:
        return _explain_port(endpoint.serial, error)
    if isinstance(error, ssl.SSLError):
        return explain_tls_error(endpoint, tls_name, error)
    if endpoint.scheme is Scheme.TLS and isinstance(error, ConnectionResetError):
        return EndpointRefusedError(f"cannot connect to {endpoint}: {_ENDS_HANDSHAKE}")
    return explain_connect_error(str(endpoint), error)


def explain_tls_error(endpoint: Endpoint, tls_name: str | None, error: ssl.SSLError) -> EmsTelemetryError:
    """Turns what TLS found wrong, on either side, into an error of ours."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = _DISTRUST.get(error.verify_code, f"its certificate is not trusted: {error.verify_message}").format(
            name=tls_name
        )
    else:
        words = _REFUSALS.get(error.reason or "", f"TLS fails ({error.reason or error})")
    return EndpointRefusedError(f"cannot connect to {endpoint}: {words}")


def _explain_port(port: SerialPort, error: OSError) -> EmsTelemetryError:
    said = f"cannot open {port.device}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return EndpointRefusedError(f"{said}: {_NO_RIGHTS}")
    if error.errno == errno.EINVAL:
        return EndpointRefusedError(f"{said}: it does not take {port.words}")
    # pyserial gives no number where the device has no settings at all.
    words = _PORT_FAULTS.get(errno.ENOTTY if error.errno is None else error.errno, error.strerror or str(error))
    return ConnectionLostError(f"{said}: {words}")
