"""Which meters a topic concerns, told in constant time once a topic has been seen."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ems_telemetry.connectors.mqtt.compiling import compile_meter
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.name_book import NameBook
from ems_telemetry.connectors.mqtt.payload import Route
from ems_telemetry.connectors.mqtt.topics import covers, needed, unshared

_REMEMBERED_TOPICS = 10_000


class _Family(NamedTuple):
    """Meters that share a subscription, by their names at one level of the topic."""

    topic: str
    level: int
    routes: dict[str, list[Route]]

    def name_in(self, topic: str) -> str | None:
        """Tells who published to a topic, None if it is none of the family's."""
        return topic.split("/")[self.level] if covers(unshared(self.topic), topic) else None


class Router:
    """The routes of one connector by topic. Memory stays bounded however many topics pass by."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self._single = tuple(route for route in routes if route.place.name is None)
        self._families = tuple(_families(routes))
        self._known: dict[str, tuple[Route, ...]] = {}
        self._seen: set[str] = set()

    @property
    def filters(self) -> list[str]:
        """The subscriptions that bring all messages wanted, none of them twice where that can be avoided."""
        return needed(route.place.topic for route in self._routes)

    @property
    def points(self) -> Iterator[tuple[str, str]]:
        """The keys of all points, each with its topic as people know it."""
        for route in self._routes:
            yield from ((route.place.shown, point) for point in route.shape.points)

    def find(self, topic: str) -> tuple[Route, ...]:
        """Gives the routes of a topic; empty if no meter wants it."""
        found = self._known.get(topic)
        if found is None:
            found = tuple(self._look_up(topic))
            self._seen.update(route.place.shown for route in found)
            if len(self._known) >= _REMEMBERED_TOPICS:
                self._known.clear()
            self._known[topic] = found
        return found

    def has_seen(self, shown_topic: str) -> bool:
        """Tells whether messages have come for the meters of a topic, as `points` gives it."""
        return shown_topic in self._seen

    def stranger(self, topic: str) -> tuple[str, str] | None:
        """Tells who published to a topic that no meter wants: subscription and name, None if it is no meter's subscription."""
        names = ((family.topic, family.name_in(topic)) for family in self._families)
        return next(((shared, name) for shared, name in names if name is not None), None)

    def _look_up(self, topic: str) -> Iterator[Route]:
        yield from (route for route in self._single if covers(unshared(route.place.topic), topic))
        for family in self._families:
            name = family.name_in(topic)
            if name is not None:
                yield from family.routes.get(name, ())


def _families(routes: Sequence[Route]) -> Iterator[_Family]:
    families: dict[tuple[str, int], _Family] = {}
    for route in routes:
        topic, _, name, level = route.place
        if name is not None:
            family = families.setdefault((topic, level), _Family(topic, level, {}))
            family.routes.setdefault(name, []).append(route)
    return iter(families.values())


def compile_routes(file: MqttFile, names: NameBook | None = None) -> list[Route]:
    """Compiles the meters of a checked file: one route for each topic of each meter, and for what tells names of items.

    Args:
        file: the file.
        names: where names of items are remembered; a new book if not given.
    """
    book = names or NameBook()
    routes = [route for meter in file.meters for route in compile_meter(meter, book)]
    return list({(route.place, *route.shape.points): route for route in routes}.values())
