"""MQTT: meters that publish to a broker, by MQTT 5 or 3.1.1."""

from ems_telemetry.connectors.contract import Connector, ConnectorType, Surroundings
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.rereading import reread


def build(file: MqttFile, surroundings: Surroundings) -> Connector:
    """Makes the connector of a checked file."""
    from ems_telemetry.connectors.mqtt.connector import MqttConnector  # noqa: PLC0415 - `check` shall not load paho

    return MqttConnector(file, surroundings)


CONNECTOR_TYPE = ConnectorType("mqtt", MqttFile, build, reread=reread)
