"""Which meters a topic concerns, told in constant time once a topic has been seen."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from zoneinfo import ZoneInfo

from ems_telemetry.config.connector import point_key
from ems_telemetry.connectors.mqtt.file import MqttFile, MqttMeter, MqttPoint, Payload
from ems_telemetry.connectors.mqtt.path import compile_path
from ems_telemetry.connectors.mqtt.payload import WHOLE, Field, ReadPayload, Route, read_json, read_scalar
from ems_telemetry.connectors.mqtt.times import compile_time
from ems_telemetry.connectors.mqtt.topics import covers, needed

_REMEMBERED_TOPICS = 10_000
_READERS: Mapping[Payload, ReadPayload] = {Payload.JSON: read_json, Payload.SCALAR: read_scalar}


class Router:
    """The routes of one connector by topic. Memory stays bounded however many topics pass by."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self._known: dict[str, tuple[Route, ...]] = {}

    @property
    def filters(self) -> list[str]:
        """The subscriptions that bring all messages wanted, none of them twice where that can be avoided."""
        return needed(route.topic for route in self._routes)

    def find(self, topic: str) -> tuple[Route, ...]:
        """Gives the routes of a topic; empty if no meter wants it."""
        found = self._known.get(topic)
        if found is None:
            found = tuple(route for route in self._routes if covers(route.topic, topic))
            if len(self._known) >= _REMEMBERED_TOPICS:
                self._known.clear()
            self._known[topic] = found
        return found


def compile_routes(file: MqttFile) -> list[Route]:
    """Compiles the meters of a checked file: one route for each topic of each meter."""
    return [route for meter in file.meters for route in _routes_of(meter)]


def _routes_of(meter: MqttMeter) -> Iterator[Route]:
    by_topic: dict[str, list[MqttPoint]] = {}
    for point in meter.points:
        by_topic.setdefault(point.effective_topic, []).append(point)
    zone = UTC if meter.time_zone is None else ZoneInfo(meter.time_zone)
    for topic, points in by_topic.items():
        yield Route(
            topic=topic,
            meter=meter.id,
            read=_READERS[meter.payload],
            fields=tuple(_field(meter, point) for point in points),
            time=None if meter.time is None else compile_path(meter.time),
            read_time=compile_time(meter.time_format, zone),
            keeps_retained=meter.keeps_retained,
        )


def _field(meter: MqttMeter, point: MqttPoint) -> Field:
    return Field(point_key(meter, point), WHOLE if point.value is None else compile_path(point.value))
