"""The OPC UA connector against the contract of all connectors, with node-opcua as its server."""

import pytest
from contract.connector_contract import Build, ConnectorContract
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, free_port

from ems_telemetry.connectors.opcua import CONNECTOR_TYPE
from ems_telemetry.connectors.opcua.file import OpcUaFile


def air_meter(endpoint: str) -> OpcUaFile:
    flow = {"id": "flow", "node": "nsu=urn:plc:air;s=Air.Flow", "quantity": "gas_volume_flow", "unit": "Nm3/h"}
    return OpcUaFile.model_validate(
        {
            "type": "opcua",
            "endpoint": endpoint,
            "site": "BER1",
            "publishing_interval": "100ms",
            "meters": [{"id": "CA-01", "points": [flow]}],
        }
    )


class TestOpcUaConnector(ConnectorContract):
    @pytest.fixture
    def speaking(self, opcua_server: NodeOpcuaServer) -> Build:
        return lambda given: CONNECTOR_TYPE.build(air_meter(opcua_server.endpoint), given)

    @pytest.fixture
    def absent(self) -> Build:
        file = air_meter(f"opc.tcp://{LOOPBACK}:{free_port()}")
        return lambda given: CONNECTOR_TYPE.build(file, given)
