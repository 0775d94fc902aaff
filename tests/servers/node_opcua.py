"""node-opcua, an OPC UA server that is not ours, in a process of its own; see `node/opcua_server.js` for what it holds."""

import atexit
import fcntl
import http.client
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from servers.process import LOOPBACK, ServerProcess, free_port, serving, wait_for_port

FOLDER = Path(__file__).parent / "node"
PACKAGES = ("node-opcua", "modbus-serial", "sparkplug-client")
PLANT = "urn:plc:air"
COUNTER_START = 2**53 + 1


class SessionCounts(NamedTuple):
    """What the server counted since its start."""

    current: int
    opened: int
    rejected: int


class NodeOpcuaServer(ServerProcess):
    """A plant with compressed air; every verb is answered before it returns."""

    def __init__(self, folder: Path, *, port: int | None = None, **settings: object) -> None:
        self.control_port = free_port()
        chosen = port or free_port()
        environment = {
            "OPCUA_PORT": str(chosen),
            "OPCUA_CONTROL_PORT": str(self.control_port),
            "OPCUA_PKI": str(folder / "pki"),
            **{f"OPCUA_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._pki = folder / "pki"
        self._is_secure = bool(settings.get("secure"))
        program = str(FOLDER / "opcua_server.js")
        super().__init__([installed_node(), program], chosen, folder / "node-opcua.log", environment)

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://{LOOPBACK}:{self.port}"

    def start(self, timeout_s: float = 60.0) -> None:
        """Starts it and waits until both its ports listen."""
        made = made_pki()
        if not self._is_secure and not self._pki.exists() and any(made.iterdir()):
            shutil.copytree(made, self._pki)
        super().start(timeout_s)
        wait_for_port(self.control_port, self.process, timeout_s)
        if not any(made.iterdir()):
            shutil.copytree(self._pki, made, dirs_exist_ok=True)

    def renew(
        self,
        *,
        max_sessions: int = 100,
        items_per_call: int = 50,
        nodes_per_read: int = 100,
        paths_per_call: int = 100,
        extra_variables: int = 0,
    ) -> None:
        """Makes it as one that has just started, whatever a test did to it: a start takes seconds of processor time.

        Only for the furniture `air`, `extra` and `metering`: the others remember.
        """
        self.send(signal.SIGCONT)
        if self.process is None or self.process.poll() is not None:
            self.start()
        limits = {
            "maxSessions": max_sessions,
            "maxMonitoredItemsPerCall": items_per_call,
            "maxNodesPerRead": nodes_per_read,
            "maxPathsPerCall": paths_per_call,
        }
        self._ask("renew", {**limits, "extraVariables": extra_variables})

    def set(self, node: str, type_: str, value: object, *, status: str | int = "Good", time: datetime | None = None) -> None:
        """Changes a variable, as `Air.Pressure`, with its status and source time."""
        at = None if time is None else time.isoformat()
        self._ask("set", {"node": node, "type": type_, "value": value, "status": status, "time": at})

    def set_each(self, node: str, type_: str, values: list[Any]) -> None:
        """Changes a variable several times, 5 ms apart, so that each change has a source time of its own."""
        self._ask("set_each", [{"node": node, "type": type_, "value": value} for value in values])

    def add(self, node: str, type_: str, value: object) -> None:
        """Adds a variable while the server runs."""
        self._ask("add", {"node": node, "type": type_, "value": value})

    def sessions(self) -> SessionCounts:
        return SessionCounts(**self._ask("sessions"))

    def subscriptions(self) -> list[dict[str, float]]:
        """Tells `publishing_ms` and `items` of each subscription."""
        found: list[dict[str, float]] = self._ask("subscriptions")
        return found

    def delete_subscriptions(self) -> None:
        """Takes all subscriptions away while their sessions stay."""
        self._ask("delete_subscriptions")

    def mute(self, *nodes: str) -> None:
        """Stops looking at nodes, as `Air.Flow`, or at all of them, while subscriptions and keep-alives go on."""
        self._ask("mute", list(nodes))

    def trust_rejected(self) -> int:
        """Trusts the certificates it had rejected, as its administrator would; tells how many these were."""
        trusted: int = self._ask("trust_rejected")
        return trusted

    def close_sessions(self) -> None:
        """Ends all sessions while the connections stay."""
        self._ask("close_sessions")

    def _ask(self, verb: str, told: object = None) -> Any:  # noqa: ANN401  JSON is what it is
        connection = http.client.HTTPConnection(LOOPBACK, self.control_port, timeout=10)
        try:
            connection.request("POST", f"/{verb}", json.dumps(told))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(text)
        return json.loads(text)


@cache
def made_pki() -> Path:
    """Gives the folder of keys that servers without protection share: making some takes a third of a start."""
    folder = Path(tempfile.mkdtemp(prefix="ems-telemetry-pki-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def installed_node() -> str:
    """Finds node, and installs the locked packages if they are not there yet.

    Raises:
        RuntimeError: they would be installed through a link; `npm ci` first empties what it leads to, which others may use.
    """
    modules = FOLDER / "node_modules"
    with (FOLDER / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several workers one installs, and the others find it done
        if not all((modules / package).is_dir() for package in PACKAGES):
            if modules.is_symlink():
                raise RuntimeError(
                    f"{modules} leads to {modules.resolve()}, where packages are missing; run `npm ci` beside that"
                )
            npm = shutil.which("npm") or "npm"
            subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=FOLDER, check=True)  # noqa: S603
    return shutil.which("node") or "node"


@pytest.fixture(scope="session")
def opcua_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    """A server for tests that leave it as it is."""
    with serving(NodeOpcuaServer(tmp_path_factory.mktemp("node-opcua"))) as server:
        assert isinstance(server, NodeOpcuaServer)
        yield server


@pytest.fixture(scope="session")
def lent_opcua_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    """The server that tests have after each other; started by the first."""
    server = NodeOpcuaServer(tmp_path_factory.mktemp("lent-node-opcua"))
    yield server
    server.stop()


@pytest.fixture
def own_opcua_server(lent_opcua_server: NodeOpcuaServer) -> NodeOpcuaServer:
    """A server as new for one test, which may kill it."""
    lent_opcua_server.renew()
    return lent_opcua_server
