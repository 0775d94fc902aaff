"""node-opcua with meters as structures, arrays and deep folders; see `node/furniture/metering.js` for what it holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.node_opcua import NodeOpcuaServer
from servers.process import serving


class MeteringServer(NodeOpcuaServer):
    """A plant whose meters are structures, and whose nodes may be taken away."""

    def __init__(self, folder: Path, *, port: int | None = None, **settings: object) -> None:
        super().__init__(folder, port=port, **{"furniture": "air,extra,metering", **settings})

    def set_structure(self, node: str, value: object) -> None:
        """Changes a structure, or an array of them."""
        self._ask("set_structure", {"node": node, "value": value})

    def set_matrix(self, node: str, dimensions: list[int], value: list[int]) -> None:
        """Makes an Int32 array one of several dimensions."""
        self._ask("set_matrix", {"node": node, "dimensions": dimensions, "value": value})

    def remove(self, node: str) -> None:
        """Deletes a node while it may be monitored."""
        self._ask("remove", {"node": node})

    def grant(self, node: str) -> None:
        """Lets everybody read a node."""
        self._ask("grant", {"node": node})


@pytest.fixture(scope="session")
def metering_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    """A server for tests that leave it as it is."""
    with serving(MeteringServer(tmp_path_factory.mktemp("metering"))) as server:
        assert isinstance(server, MeteringServer)
        yield server


@pytest.fixture(scope="session")
def lent_metering_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    """The server that tests have after each other; started by the first."""
    server = MeteringServer(tmp_path_factory.mktemp("lent-metering"))
    yield server
    server.stop()


@pytest.fixture
def own_metering_server(lent_metering_server: MeteringServer) -> MeteringServer:
    """A server as new for one test."""
    lent_metering_server.renew()
    return lent_metering_server
