"""The connector contract, proved on Modbus TCP against modbus-tk."""

from collections.abc import Iterator

import pytest
from contract.connector_contract import Build, ConnectorContract
from modbus_files import modbus_file, point
from servers.modbus import PLANT, modbus_tk
from servers.process import free_port

from ems_telemetry.connectors.modbus import CONNECTOR_TYPE


class TestModbusConnector(ConnectorContract):
    @pytest.fixture
    def speaking(self) -> Iterator[Build]:
        with modbus_tk(PLANT) as server:
            file = modbus_file(server.port, {1: [point("a", 0)], 2: [point("b", 5)]}, interval="200ms", timeout="500ms")
            yield lambda given: CONNECTOR_TYPE.build(file, given)

    @pytest.fixture
    def absent(self) -> Build:
        file = modbus_file(free_port(), {1: [point("a", 0)]})
        return lambda given: CONNECTOR_TYPE.build(file, given)
