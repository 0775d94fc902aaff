"""TLS before a server that knows none, by socat: it wants to see a certificate of ours, as Modbus/TCP Security has it."""

from pathlib import Path

from authority import Pair

from servers.process import LOOPBACK, ServerProcess, free_port
from servers.serial_line import socat


def tls_front(port: int, shown: Pair, trusted: Path, log: Path, versions: str = "TLS1.2-TLS1.3") -> ServerProcess:
    """Makes one, not started yet.

    Args:
        port: of the server behind it.
        shown: the certificate it shows.
        trusted: the authority whose certificates it takes.
        log: where it writes down what happens.
        versions: the oldest and the newest TLS it speaks.
    """
    front = free_port()
    oldest, _, newest = versions.partition("-")
    listening = [
        f"openssl-listen:{front},bind={LOOPBACK},reuseaddr,fork,nodelay,verify=1",
        f"cert={shown.certificate},key={shown.key},cafile={trusted},ciphers=DEFAULT@SECLEVEL=0",
        f"min-version={oldest},max-version={newest}",
    ]
    return ServerProcess([socat(), ",".join(listening), f"tcp:{LOOPBACK}:{port},nodelay"], front, log)
