"""The meters and points of an MQTT connector file, checked each by itself."""

from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from ems_telemetry.config.connector import Meter, Point
from ems_telemetry.connectors.mqtt.path import compile_path
from ems_telemetry.connectors.mqtt.sparkplug.settings import LevelName
from ems_telemetry.connectors.mqtt.times import TimeFormat
from ems_telemetry.connectors.mqtt.topics import check_filter


class Payload(StrEnum):
    """What a meter's messages hold."""

    JSON = "json"
    SCALAR = "scalar"
    SPARKPLUG_B = "sparkplug_b"


class Retained(StrEnum):
    """What becomes of the message a broker keeps for new subscribers."""

    IGNORE = "ignore"
    STORE_IF_NEWER = "store_if_newer"


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
    metric: Annotated[str, Field(min_length=1)] | None = None
    """The name of its metric in Sparkplug, as `Energy/Import`."""
    _topic: str = PrivateAttr("")

    @property
    def source(self) -> str:
        """Its topic and the path of its value; in Sparkplug its group, edge node, device and metric."""
        return f"{self.effective_topic} {self.value or self.metric or ''}".strip()

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
    """What the messages hold: a JSON document, one value as plain text, or Sparkplug B. The file's payload if not said."""
    group: LevelName | None = None
    """Its group in Sparkplug; needed only where the file's is a wildcard."""
    edge_node: LevelName | None = None
    """Its edge node in Sparkplug; needed only where the file's is a wildcard."""
    device: LevelName | None = None
    """Its device in Sparkplug; left out for the metrics of the edge node itself."""
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
        if self.payload is Payload.SPARKPLUG_B:
            self._check_sparkplug()
            return self
        for key in ("group", "edge_node", "device"):
            if getattr(self, key) is not None:
                raise ValueError(f'{key} is for payload: sparkplug_b; this meter is told by its "topic"')
        for point in self.points:
            point.inherit(self.topic)
            if point.metric is not None:
                raise ValueError(f'point {point.id}: "metric" is for payload: sparkplug_b; leave it out')
            if not point.effective_topic:
                raise ValueError(f'point {point.id} has no topic; give "topic" to the meter or to the point')
        if self.payload is Payload.JSON:
            self._check_json()
        else:
            self._check_scalar()
        self._check_times()
        return self

    def _check_times(self) -> None:
        if self.retained is Retained.STORE_IF_NEWER and self.time is None:
            raise ValueError(
                'retained: store_if_newer needs "time": without one a retained message cannot be told new from old'
            )
        if self.time is None and (self.time_zone is not None or self.time_format is not TimeFormat.AUTO):
            raise ValueError('time_format and time_zone need "time", the place of the time in the payload')

    def _check_sparkplug(self) -> None:
        for key in ("topic", "time", "time_format", "time_zone", "retained"):
            if key in self.model_fields_set:
                raise ValueError(f"{key} is not for payload: sparkplug_b, whose messages tell it themselves; leave it out")
        for key in ("group", "edge_node"):
            if getattr(self, key) is None:
                raise ValueError(f'"{key}" is missing: the file listens to all of them, so the meter must say which is its own')
        taken: dict[str, str] = {}
        for point in self.points:
            point.inherit("/".join(name for name in (self.group, self.edge_node, self.device) if name is not None))
            if point.metric is None:
                raise ValueError(f'point {point.id} needs "metric", the name of its metric, as Energy/Import')
            if point.value is not None or point.topic is not None:
                raise ValueError(f'point {point.id}: "value" and "topic" are not for payload: sparkplug_b; "metric" tells both')
            if (other := taken.setdefault(point.metric, point.id)) != point.id:
                raise ValueError(f'points {other} and {point.id} have the same metric "{point.metric}"; leave one of them out')

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
