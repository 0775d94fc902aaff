"""Starts and ends real servers on free loopback ports; ends only what it started, by pid."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
FIRST_PORT, PORTS = 12_000, 1_500


def free_port() -> int:
    """Finds a loopback TCP port nobody listens on, and that no other worker is given.

    Below those that the system gives to connections on their way out: one of them would take it before a server does.
    """
    first = FIRST_PORT + PORTS * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = first + secrets.randbelow(PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((LOOPBACK, port))
            return port


def wait_for_port(port: int, process: "subprocess.Popen[bytes] | None" = None, timeout_s: float = 30.0) -> None:
    """Waits until somebody listens on the port; fails at once if the process that should has ended."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        if process is not None and process.poll() is not None:
            message = f"the server ended with {process.returncode} before it listened on port {port}"
            raise RuntimeError(message)
        time.sleep(0.05)
    message = f"nobody listens on port {port} after {timeout_s} s"
    raise TimeoutError(message)


class ServerProcess:
    """A server in a process of its own that a test may stop, kill, freeze and start again on the same port."""

    def __init__(self, command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.port = port
        self.log = log
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 60.0) -> None:
        """Starts it and waits until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=self.environment)  # noqa: S603
        try:
            wait_for_port(self.port, self.process, timeout_s)
        except (RuntimeError, TimeoutError) as error:
            self.kill()
            message = f"{error}; its log:\n{self.log.read_text(errors='replace')[-4000:]}"
            raise RuntimeError(message) from error

    def send(self, signal_: signal.Signals) -> None:
        """Sends it a signal, as SIGSTOP for a server gone deaf."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Asks it to end; kills it if it does not."""
        if self.process is None:
            return
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait(10)
            self.process = None


@contextlib.contextmanager
def serving(server: ServerProcess) -> Iterator[ServerProcess]:
    """Runs a server for the length of a `with`."""
    server.start()
    try:
        yield server
    finally:
        server.stop()
