"""TLS towards a broker: who may vouch for it, and who we are."""

import ssl
from socket import socket
from typing import Any

from ems_telemetry.config.connector import Tls


class HandshakeContext(ssl.SSLContext):
    """A client's context that shakes hands while it wraps, and closes the socket if that fails.

    paho shakes hands after wrapping, and leaves the socket of a failed handshake open until it is collected.
    """

    def wrap_socket(self, sock: socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:  # noqa: ANN401 - the signature is the base class's
        """Wraps a connected socket and shakes hands within the socket's own timeout."""
        wrapped = super().wrap_socket(sock, *args, **kwargs)
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def make_context(tls: Tls | None) -> ssl.SSLContext:
    """Makes the context of a connection; the broker's certificate and name are always checked.

    Raises:
        OSError: a file has gone since the configuration was checked, or holds no certificate (`ssl.SSLError`).
    """
    context = HandshakeContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls is None or tls.ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(tls.ca)
    if tls is not None and tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context
