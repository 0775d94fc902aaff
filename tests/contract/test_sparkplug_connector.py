"""The MQTT connector with Sparkplug against the contract, with a real Mosquitto that is fed twenty times a second."""

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from contract.connector_contract import Build, ConnectorContract
from servers.mosquitto import Mosquitto, publishing
from servers.process import LOOPBACK, free_port, serving
from unit.mqtt.sparkplug.line import message, metric, payload, sparkplug_file

from ems_telemetry.connectors.contract import Connector, Surroundings
from ems_telemetry.connectors.mqtt import CONNECTOR_TYPE


def building(endpoint: str) -> Build:
    file = sparkplug_file().model_copy(update={"endpoint": endpoint})

    def build(surroundings: Surroundings) -> Connector:
        return CONNECTOR_TYPE.build(file, surroundings)

    return build


@pytest.fixture(scope="module")
def fed_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    enough = threading.Event()
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    with serving(broker), publishing(broker.port) as publisher:

        def feed() -> None:
            for number in count():
                told = message("DDATA", payload(metric("Power", float(number)), seq=number % 256, at=number / 20), "main")
                publisher.send(told.topic, told.payload, qos=0)
                if enough.wait(0.05):
                    return

        feeder = threading.Thread(target=feed, name="feeder")
        feeder.start()
        yield broker
        enough.set()
        feeder.join()


class TestSparkplugConnector(ConnectorContract):
    @pytest.fixture
    def speaking(self, fed_broker: Mosquitto, tmp_path: Path) -> Build:
        assert tmp_path.is_dir()
        return building(fed_broker.endpoint)

    @pytest.fixture
    def absent(self) -> Build:
        return building(f"mqtt://{LOOPBACK}:{free_port()}")
