"""The endpoint of a Modbus connector, as `tcp://10.20.0.31:502`."""

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORT = 502
LATER_SCHEMES = ("rtu-over-tcp", "serial", "tls")


class Endpoint(NamedTuple):
    """Where a Modbus TCP server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Reads an endpoint.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    scheme, separator, _ = text.partition("://")
    if scheme in LATER_SCHEMES and separator:
        message = f'endpoint "{text}": only tcp:// so far; put a gateway before the line, as tcp://10.20.0.31:502'
        raise ValueError(message)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    extra = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "tcp" or not host or extra or port == 0:
        message = f'endpoint "{text}" is not a Modbus TCP endpoint; write it as tcp://10.20.0.31:502'
        raise ValueError(message)
    return Endpoint(host, DEFAULT_PORT if port is None else port)
