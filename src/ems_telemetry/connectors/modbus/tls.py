"""TLS towards a Modbus/TCP Security server: who may vouch for it, and who we are."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from ems_telemetry.errors import PermanentError


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Certificates, as PEM files. They are read at each connect, so that renewed ones are taken up by themselves."""

    ca: Path
    """Who vouches for the server."""
    certificate: Path | None = None
    """Who we are. Modbus/TCP Security has the server ask for it; TLS before a plain Modbus server may not."""
    key: Path | None = None
    """The private key of `certificate`."""
    server_name: str | None = None
    """The name, or address, that the server's certificate must hold; the endpoint's host if not said."""

    def __post_init__(self) -> None:
        """Checks that certificate and key come together.

        Raises:
            ValueError: one of the two is missing.
        """
        if (self.certificate is None) != (self.key is None):
            raise ValueError('"certificate" and "key" go together')


def make_context(tls: TlsSettings) -> ssl.SSLContext:
    """Makes the context of a connection: TLS 1.2 or newer, the server's certificate and its name always checked.

    Raises:
        PermanentError: a file cannot be read or does not hold what it should; in words, with its name.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(tls.ca)
    except OSError as error:
        raise PermanentError(f"the file {tls.ca}, which should vouch for the server, {_fault(error)}") from error
    if tls.certificate is not None:
        try:
            context.load_cert_chain(tls.certificate, tls.key)
        except OSError as error:
            raise PermanentError(f"our certificate {tls.certificate} with the key {tls.key} {_fault(error)}") from error
    return context


def _fault(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return f"cannot be read: {error.strerror}"
    if error.reason == "KEY_VALUES_MISMATCH":
        return "cannot be used: the key is that of another certificate"
    return "cannot be used: it is no PEM file, or it is damaged"
