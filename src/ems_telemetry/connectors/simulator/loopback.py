"""Where the plant listens: this machine alone, on the ports asked for or on free ones."""

import socket

from ems_telemetry.errors import ConfigurationError, Problem

LOOPBACK = "127.0.0.1"


def usable_port(port: int, server: str) -> int:
    """Finds out whether a port can be listened on.

    Args:
        port: the port, or 0 for any free one.
        server: whose port it is, for the message.

    Returns:
        The port.

    Raises:
        ConfigurationError: it is taken, or may not be used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            message = f"the simulator's {server} server cannot listen on {LOOPBACK}:{port}: {error}; choose another port, or 0"
            raise ConfigurationError([Problem(None, None, message)]) from error
        found: int = probe.getsockname()[1]
        return found
