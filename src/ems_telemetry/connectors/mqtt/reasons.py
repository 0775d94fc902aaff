"""What goes wrong between us and a broker, in words for an OT engineer: the one place where paho's errors are translated."""

import socket
import ssl
from collections.abc import Mapping, Sequence

from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError, EndpointRefusedError

_UNSUPPORTED_VERSION = "Unsupported protocol version"
_UNSPECIFIED = "Unspecified error"

_REFUSALS: Mapping[str, str] = {
    # By the reason names of MQTT 5; paho gives those of 3.1.1 under the same names.
    _UNSUPPORTED_VERSION: 'the broker does not speak this version of MQTT; set "version"',
    "Client identifier not valid": 'the broker does not accept the client id "{client_id}"; set another "client_id"',
    "Bad user name or password": 'the broker does not accept the name or password under "user"',
    "Not authorized": 'the broker does not let this client in; check the name and password under "user", and its access rules',
    "Bad authentication method": "the broker wants another way to log in than name and password",
    "Banned": "the broker has banned this client",
}
_LATER: Mapping[str, str] = {
    "Server unavailable": "the broker says that it is not available",
    "Server busy": "the broker says that it is busy",
    "Connection rate exceeded": "the broker says that there are too many connections at once",
    "Quota exceeded": "the broker says that a quota is used up",
    "Session taken over": (
        'another client has connected under our client id "{client_id}"; client ids must be unique at a broker: set "client_id"'
    ),
    "Server shutting down": "the broker is shutting down",
    "Keep alive timeout": "the broker has not heard from us for too long",
    "Administrative action": "an administrator of the broker has ended the connection",
}


class NotUnderstoodError(EndpointRefusedError):
    """The broker does not speak the version asked for.

    Older brokers say so, or hang up, or wait for more, since they take the packet for a longer one.
    """


def explain_connack(reason: str, client_id: str) -> EmsTelemetryError:
    """Makes the error of a connection that the broker refuses."""
    if reason in _LATER:
        return ConnectionLostError(_LATER[reason].format(client_id=client_id))
    words = _REFUSALS.get(reason, "the broker refuses the connection: {reason}").format(client_id=client_id, reason=reason)
    return NotUnderstoodError(words) if reason == _UNSUPPORTED_VERSION else EndpointRefusedError(words)


def explain_suback(reason: str) -> str:
    """Says why a subscription is refused; MQTT 3.1.1 has a single code for that, without a reason."""
    return "it tells no reason" if reason == _UNSPECIFIED else reason


def explain_disconnect(reason: str, client_id: str, *, by_broker: bool) -> ConnectionLostError:
    """Makes the error of a connection that was up and ended."""
    if reason in _LATER and by_broker:
        return ConnectionLostError(_LATER[reason].format(client_id=client_id))
    if reason == "Keep alive timeout":
        return ConnectionLostError("the broker has not answered within the keepalive time")
    if by_broker:
        return ConnectionLostError(f"the broker has closed the connection: {reason}")
    return ConnectionLostError(
        f'the connection has been closed; if this goes on, see whether another client uses our client id "{client_id}"'
    )


_UNREACHABLE: Sequence[tuple[type[OSError], type[EmsTelemetryError], str]] = (
    # The first that fits counts: special errors stand before their general kind.
    (
        ssl.SSLCertVerificationError,
        EndpointRefusedError,
        'the certificate of {place} is not trusted: {error.verify_message}; name who vouches for it under "tls: ca"',
    ),
    (ssl.SSLError, EndpointRefusedError, "{place} does not take part in TLS ({error.reason}); is it a plain mqtt:// port?"),
    (socket.gaierror, ConnectionLostError, 'the name "{host}" is not known: {error.strerror}'),
    (TimeoutError, ConnectionLostError, "{place} does not answer"),
    (ConnectionRefusedError, ConnectionLostError, "nobody listens at {place}"),
    (ConnectionResetError, ConnectionLostError, "{place} closes the connection at once"),
    (OSError, ConnectionLostError, "{place} is out of reach: {error}"),
)


def explain_os_error(error: OSError, host: str, port: int) -> EmsTelemetryError:
    """Makes the error of a connection that did not come about."""
    kind, words = next((kind, words) for type_, kind, words in _UNREACHABLE if isinstance(error, type_))
    return kind(words.format(place=f"{host}:{port}", host=host, error=error))
