"""The connector file of an MQTT broker, checked as far as it can be without asking the broker."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, model_validator

from ems_telemetry.config.connector import ConnectorFile, Meter, Point, Tls, UserCredentials
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.mqtt.path import compile_path
from ems_telemetry.connectors.mqtt.times import TimeFormat
from ems_telemetry.connectors.mqtt.topics import check_filter

PORTS = {"mqtt": 1883, "mqtts": 8883}


class Version(StrEnum):
    """Which MQTT is spoken."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


class Payload(StrEnum):
    """What a meter's messages hold."""

    JSON = "json"
    SCALAR = "scalar"


class Retained(StrEnum):
    """What becomes of the message a broker keeps for new subscribers."""

    IGNORE = "ignore"
    STORE_IF_NEWER = "store_if_newer"


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


def _checked_path(text: str) -> str:
    return compile_path(text).text


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f'time_zone "{name}" is not known; write an IANA name, as Europe/Berlin') from error
    return name


Topic = Annotated[str, AfterValidator(check_filter)]
PathText = Annotated[str, AfterValidator(_checked_path)]


class MqttPoint(Point):
    """One value of a message."""

    value: PathText | None = None
    """Where the value stands in a JSON payload, as `$.total_m3`."""
    topic: Topic | None = None
    """Where its messages come from, if not the meter's topic."""
    _topic: str = PrivateAttr("")

    @property
    def source(self) -> str:
        """Its topic, and the path of its value."""
        return f"{self.effective_topic} {self.value or ''}".strip()

    @property
    def effective_topic(self) -> str:
        """Its own topic, or its meter's."""
        return self.topic or self._topic

    def inherit(self, topic: str | None) -> None:
        """Takes on the meter's topic; called once, while the meter is checked."""
        self._topic = topic or ""


class MqttMeter(Meter[MqttPoint]):
    """An instrument whose values come by MQTT."""

    topic: Topic | None = None
    """Where its messages come from; + and # stand for any level and any rest."""
    payload: Payload = Payload.JSON
    """What the messages hold: a JSON document, or one value as plain text."""
    time: PathText | None = None
    """Where the time stands in a JSON payload; without it a reading's time is that of its reception."""
    time_format: TimeFormat = TimeFormat.AUTO
    """How times are written; `auto` tells ISO 8601 and epoch s, ms, us and ns apart."""
    time_zone: Annotated[str, AfterValidator(_checked_zone)] | None = None
    """Where times without a zone are local; UTC if not said."""
    retained: Retained | None = None
    """Whether the broker's retained message is stored. By default it is where messages carry a time of their own; without
    one, nobody can tell how old it is, and each start would store it again."""

    @property
    def keeps_retained(self) -> bool:
        """Tells whether retained messages are stored."""
        return self.time is not None and self.retained is not Retained.IGNORE

    @model_validator(mode="after")
    def _check(self) -> Self:
        for point in self.points:
            point.inherit(self.topic)
            if not point.effective_topic:
                raise ValueError(f'point {point.id} has no topic; give "topic" to the meter or to the point')
        if self.payload is Payload.JSON:
            self._check_json()
        else:
            self._check_scalar()
        if self.retained is Retained.STORE_IF_NEWER and self.time is None:
            raise ValueError(
                'retained: store_if_newer needs "time": without one a retained message cannot be told new from old'
            )
        if self.time is None and (self.time_zone is not None or self.time_format is not TimeFormat.AUTO):
            raise ValueError('time_format and time_zone need "time", the place of the time in the payload')
        return self

    def _check_json(self) -> None:
        for point in self.points:
            if point.value is None:
                raise ValueError(f'point {point.id} needs "value", the place of its value in the payload, as $.total')

    def _check_scalar(self) -> None:
        if self.time is not None:
            raise ValueError('a scalar payload has no "time"; leave it out')
        taken: dict[str, str] = {}
        for point in self.points:
            if point.value is not None:
                raise ValueError(f'point {point.id}: a scalar payload is the value; leave "value" out')
            if (other := taken.setdefault(point.effective_topic, point.id)) != point.id:
                raise ValueError(
                    f"points {other} and {point.id} have the same topic, and a scalar payload holds one value; "
                    'give each its own "topic"'
                )


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
    qos: Literal[0, 1] = 1
    """1: the broker holds each message until it is safe on disk here. 0: messages sent while we are away are lost."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tls is not None and self.is_plain:
            raise ValueError('"tls" needs an endpoint that begins with mqtts://')
        return self

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
