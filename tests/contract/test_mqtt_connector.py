"""The MQTT connector against the contract, with a real Mosquitto that is fed twenty times a second."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.connector_contract import Build, ConnectorContract
from servers.mosquitto import Mosquitto, publishing
from servers.process import LOOPBACK, free_port, serving

from ems_telemetry.connectors.contract import Connector, Surroundings
from ems_telemetry.connectors.mqtt import CONNECTOR_TYPE
from ems_telemetry.connectors.mqtt.file import MqttFile


def file_for(endpoint: str) -> MqttFile:
    point = {"id": "flow", "value": "$.flow", "quantity": "water_flow", "unit": "m3/h"}
    meter = {"id": "WM-02", "topic": "plant/wm02", "points": [point]}
    return MqttFile.model_validate({"type": "mqtt", "endpoint": endpoint, "site": "BER1", "meters": [meter]})


def building(endpoint: str) -> Build:
    def build(surroundings: Surroundings) -> Connector:
        return CONNECTOR_TYPE.build(file_for(endpoint), surroundings)

    return build


@pytest.fixture(scope="module")
def fed_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    enough = threading.Event()
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    with serving(broker), publishing(broker.port) as publisher:

        def feed() -> None:
            while not enough.wait(0.05):
                publisher.send("plant/wm02", '{"flow": 1.5}')

        feeder = threading.Thread(target=feed, name="feeder")
        feeder.start()
        yield broker
        enough.set()
        feeder.join()


class TestMqttConnector(ConnectorContract):
    @pytest.fixture
    def speaking(self, fed_broker: Mosquitto, tmp_path: Path) -> Build:
        assert tmp_path.is_dir()
        return building(fed_broker.endpoint)

    @pytest.fixture
    def absent(self) -> Build:
        return building(f"mqtt://{LOOPBACK}:{free_port()}")
