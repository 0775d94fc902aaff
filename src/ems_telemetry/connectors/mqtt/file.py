"""The connector file of an MQTT broker, checked as far as it can be without asking the broker."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from ems_telemetry.config.connector import ConnectorFile, Tls, UserCredentials
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.mqtt.meter import MqttMeter, Payload
from ems_telemetry.connectors.mqtt.sparkplug.checks import check_sparkplug_file, check_sparkplug_meters
from ems_telemetry.connectors.mqtt.sparkplug.settings import SparkplugSettings, names_for_meters
from ems_telemetry.connectors.mqtt.template import expand
from ems_telemetry.connectors.mqtt.topics import check_name, twice_sent

PORTS = {"mqtt": 1883, "mqtts": 8883}


class Version(StrEnum):
    """Which MQTT is spoken."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


def _checked_endpoint(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in PORTS or not parts.hostname or port == 0 or parts.path or parts.query:
        raise ValueError(f'endpoint "{text}" must be mqtt://HOST:PORT or mqtts://HOST:PORT (1883 or 8883 if no port is said)')
    if "@" in parts.netloc:
        raise ValueError('endpoint must not hold a name or password; write them under "user"')
    return text


class MqttFile(ConnectorFile[MqttMeter]):
    """An MQTT broker and the meters that publish to it."""

    type: Literal["mqtt"]
    endpoint: Annotated[str, AfterValidator(_checked_endpoint)]
    """mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS; the ports are 1883 and 8883 if not said."""
    version: Version = Version.AUTO
    """Which MQTT to speak; `auto` begins with 5 and falls back to 3.1.1 where the broker refuses it."""
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    """Under which the broker keeps our session; must be unique at the broker. `ems-telemetry-` and the connector's name if
    not said."""
    user: UserCredentials | None = None
    """Name and password, where the broker asks for them."""
    tls: Tls | None = None
    """Certificates, for mqtts://."""
    keepalive: Annotated[Duration, Field(ge=5, le=65_535)] = 30.0
    """How soon a dead connection is noticed."""
    session_expiry: Annotated[Duration, Field(le=4_294_967_294)] = 7 * 86_400.0
    """How long the broker shall keep messages for us while we are away; MQTT 5 only, 3.1.1 leaves it to the broker."""
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 500
    """How many messages may be under way before the first is acknowledged."""
    qos: Literal[0, 1, 2] = 1
    """1, 2: the broker holds each message until it is safe on disk here. 0: messages sent while we are away are lost."""
    status_topic: Annotated[str, AfterValidator(check_name)] | None = None
    """Where the broker tells others whether we are connected: online, or offline. Nothing else is ever published."""

    payload: Payload = Payload.JSON
    """What the messages hold, for all meters that do not say it themselves."""
    sparkplug: SparkplugSettings | None = None
    """Which edge nodes to listen to, for `payload: sparkplug_b`."""

    @model_validator(mode="before")
    @classmethod
    def _hand_down(cls, told: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        """Gives each meter what it leaves to the file, so that it can be checked where it stands."""
        if not isinstance(told, dict) or not isinstance(told.get("meters"), list | tuple):
            return told
        payload = told.get("payload")
        inherited = {} if payload is None else {"payload": payload}
        if payload == Payload.SPARKPLUG_B:
            inherited |= names_for_meters(told.get("sparkplug"))
        meters = [{**inherited, **meter} if isinstance(meter, dict) else meter for meter in told["meters"]]
        return {**told, "meters": meters}

    @field_validator("meters")
    @classmethod
    def _expand(cls, entries: tuple[MqttMeter, ...]) -> tuple[MqttMeter, ...]:
        meters = expand(entries)
        check_sparkplug_meters(meters, [meter.payload is Payload.SPARKPLUG_B for meter in meters])
        return meters

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tls is not None and self.is_plain:
            raise ValueError('"tls" needs an endpoint that begins with mqtts://')
        is_sparkplug = Payload.SPARKPLUG_B in {self.payload, *(meter.payload for meter in self.meters)}
        check_sparkplug_file(self.sparkplug, self.meters, is_sparkplug=is_sparkplug)
        topics = [point.place.topic for meter in self.meters for point in meter.points]
        if (twice := twice_sent(topics)) is not None:
            raise ValueError(
                f'topics "{twice[0]}" and "{twice[1]}" overlap and one is shared: a message of both would come twice'
            )
        return self

    def entry_of(self, index: int) -> int:
        """Tells which entry a meter stands in; meters of an entry with `ids` but the first stand behind all entries."""
        entry = self.meters[index].entry
        return index if entry is None else entry

    @property
    def is_plain(self) -> bool:
        """Tells whether the connection is not encrypted."""
        return self.endpoint.startswith("mqtt:")

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def port(self) -> int:
        """The broker's TCP port."""
        parts = urlsplit(self.endpoint)
        return parts.port or PORTS[parts.scheme]
