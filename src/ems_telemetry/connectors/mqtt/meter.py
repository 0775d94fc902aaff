"""The meters of an MQTT connector file, and their points, each checked by itself."""

from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from ems_telemetry.config.base import Identifier
from ems_telemetry.config.connector import Meter, Point
from ems_telemetry.connectors.mqtt.presets.preset import Preset
from ems_telemetry.connectors.mqtt.presets.table import PRESETS
from ems_telemetry.connectors.mqtt.shape import MeterShape, PathText, PointShape, check_shape, has_items
from ems_telemetry.connectors.mqtt.sparkplug.checks import check_other_meter, check_sparkplug_meter
from ems_telemetry.connectors.mqtt.sparkplug.settings import LevelName
from ems_telemetry.connectors.mqtt.template import Templated, check_topic, place_of
from ems_telemetry.connectors.mqtt.times import TimeFormat
from ems_telemetry.connectors.mqtt.topics import Place, check_filter


class Payload(StrEnum):
    """What a meter's messages hold."""

    JSON = "json"
    SCALAR = "scalar"
    TASMOTA = "tasmota"
    SHELLY_GEN2 = "shelly_gen2"
    ZIGBEE2MQTT = "zigbee2mqtt"
    NEURON = "neuron"
    SIMATIC_DATABUS = "simatic_databus"
    KEPWARE = "kepware"
    ADVANTECH_WISE = "advantech_wise"
    OPCUA_JSON = "opcua_json"
    THE_THINGS_STACK = "the_things_stack"
    UMH = "umh"
    SPARKPLUG_B = "sparkplug_b"


class Retained(StrEnum):
    """What becomes of the message a broker keeps for new subscribers."""

    IGNORE = "ignore"
    STORE_IF_NEWER = "store_if_newer"


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f'time_zone "{name}" is not known; write an IANA name, as Europe/Berlin') from error
    return name


Topic = Annotated[str, AfterValidator(check_filter)]


class MqttPoint(Point, PointShape):
    """One value of a message."""

    value: PathText | None = None
    """Where the value stands in a JSON payload, as `$.total_m3`."""
    topic: Topic | None = None
    """Where its messages come from, if not the meter's topic."""
    metric: Annotated[str, Field(min_length=1)] | None = None
    """The name of its metric in Sparkplug, as `Energy/Import`."""
    _topic: str = PrivateAttr("")
    _name: str | None = PrivateAttr(None)

    @property
    def source(self) -> str:
        """Its topic and the path or the item of its value; in Sparkplug its group, edge node, device and metric."""
        return f"{self.place.shown} {self.item or self.value or self.metric or ''}".strip()

    @property
    def effective_topic(self) -> str:
        """Its own topic, or its meter's, as the file says it."""
        return self.topic or self._topic

    @property
    def place(self) -> Place:
        """Where its messages are found."""
        return place_of(self.effective_topic, self._name)

    def inherit(self, topic: str | None, name: str | None = None) -> None:
        """Takes on the topic of its meter, and the name that stands for that in topics; called while the file is checked."""
        self._topic = topic or ""
        self._name = name


class MqttMeter(Meter[MqttPoint], MeterShape, Templated):
    """An instrument whose values come by MQTT, or many that publish alike."""

    id: Identifier = ""
    """Unique in the whole plant."""
    topic: Topic | None = None
    """Where its messages come from; + and # stand for any level and any rest."""
    payload: Payload = Payload.JSON
    """What the messages hold: JSON, one value as plain text, or what a known sender sends. The file's payload if not said."""
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

    _entry: int | None = PrivateAttr(None)

    @property
    def keeps_retained(self) -> bool:
        """Tells whether retained messages are stored."""
        return self._has_time and self.retained is not Retained.IGNORE

    @property
    def preset(self) -> Preset | None:
        """What is known of the sender, where `payload` names one."""
        return PRESETS.get(self.payload)

    @property
    def entry(self) -> int | None:
        """Which entry of the file stands for it and for others; None if it is an entry of its own."""
        return self._entry

    def named(self, id_: str, name: str, entry: int) -> Self:
        """Makes one of the meters of an entry with `ids`."""
        points = tuple(point.model_copy() for point in self.points)
        for point in points:
            point.inherit(self.topic, name)
        shown = None if self.name is None else self.name.replace("{meter}", name)
        made = self.model_copy(update={"id": id_, "ids": None, "name": shown, "points": points})
        made._entry = entry  # noqa: SLF001 - of its own kind
        return made

    @property
    def _has_time(self) -> bool:
        """Tells whether messages can carry a time of their own."""
        return self.time is not None or self.preset is not None or (self.item is not None and self.item.time is not None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_ids(self.id)
        if self.payload is Payload.SPARKPLUG_B:
            check_sparkplug_meter(self)
            return self
        check_other_meter(self)
        for point in self.points:
            point.inherit(self.topic, None)
            if not point.effective_topic:
                raise ValueError(f'point {point.id} has no topic; give "topic" to the meter or to the point')
            check_topic(point.effective_topic, self.ids)
        check_shape(self, self, self.points, self.payload, self.preset)
        if self.payload is Payload.SCALAR:
            self._check_scalar()
        else:
            self._check_json()
        if self.retained is Retained.STORE_IF_NEWER and not self._has_time:
            raise ValueError(
                'retained: store_if_newer needs "time": without one a retained message cannot be told new from old'
            )
        if not self._has_time and (self.time_zone is not None or self.time_format is not TimeFormat.AUTO):
            raise ValueError('time_format and time_zone need "time", the place of the time in the payload')
        return self

    def _check_json(self) -> None:
        preset = self.preset
        if has_items(self, preset) or (preset is not None and preset.value is not None):
            return
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
