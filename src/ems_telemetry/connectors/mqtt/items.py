"""Documents that hold an array of items, each with its own name, value and time, as gateways send them. Pure, compiled once.

An item is chosen by its name, wherever it stands. One message may hold the same item several times, for several times.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.path import MISSING, Path
from ems_telemetry.connectors.mqtt.payload import Decoded, Refusal
from ems_telemetry.connectors.mqtt.telling import Rules, Told, WhenMissing, date, tell
from ems_telemetry.connectors.mqtt.times import ReadTime
from ems_telemetry.model import Sample


class Item(NamedTuple):
    """What one item tells; `MISSING` where it tells nothing. `names` are those it may be chosen by."""

    names: tuple[str, ...]
    value: object
    time: object = MISSING
    quality: object = MISSING
    error: object = MISSING


FindItems: TypeAlias = Callable[[object, str], Iterable[Item]]
"""From a document and its topic; raises ValueError in words where it has no items."""


@dataclass(frozen=True, slots=True)
class ItemList:
    """A meter whose messages are such documents."""

    meter: str
    wanted: Mapping[str, tuple[str, ...]]
    """The keys of the points by the name of their item."""
    find: FindItems
    read_time: ReadTime
    rules: Rules
    needs_time: bool
    """True: an item without a time is refused."""
    names_unknown: Callable[[str], str | None] | None = None
    """Says that no name of a topic's items is known yet, None if they are; not given where items bear their names."""

    @property
    def points(self) -> Sequence[str]:
        """The keys of its points."""
        return [point for points in self.wanted.values() for point in points]

    def extract(self, document: object, message: Message, into: Decoded) -> None:
        """Adds the samples of this meter, and what of them could not be read."""
        found: set[str] = set()
        try:
            for item in self.find(document, message.topic):
                for name in item.names:
                    for point in self.wanted.get(name, ()):
                        found.add(point)
                        self._extract_item(point, name, item, message, into)
        except ValueError as error:
            into.refusals.append(Refusal(None, "payload_unreadable", f"meter {self.meter}: {error}"))
            return
        if len(found) < len(self.points):
            self._refuse_missing(found, message, into)

    def _extract_item(self, point: str, name: str, item: Item, message: Message, into: Decoded) -> None:
        place = f'item "{name}"'
        if self.needs_time and (item.time is MISSING or item.time is None):
            into.refusals.append(Refusal(point, "time_missing", f"{place} has no time"))
            return
        try:
            dated = date(item.time, self.read_time, message)
        except ValueError as error:
            into.refusals.append(Refusal(point, "time_unreadable", f"{place}: {error}"))
            return
        if dated is None:
            return
        told = tell(point, Told(item.value, item.quality, item.error, place), dated, message, self.rules)
        if isinstance(told, Sample):
            into.samples.append(told)
        elif told is not None:
            into.refusals.append(told)

    def _refuse_missing(self, found: set[str], message: Message, into: Decoded) -> None:
        unknown = None if self.names_unknown is None else self.names_unknown(message.topic)
        for name, points in self.wanted.items():
            for point in points:
                if point not in found and unknown is not None:
                    into.refusals.append(Refusal(point, "names_unknown", f'item "{name}": {unknown}'))
                elif point not in found and self.rules.when_missing is WhenMissing.DEAD_LETTER:
                    into.refusals.append(Refusal(point, "value_missing", f'there is no item "{name}"'))


@dataclass(frozen=True, slots=True)
class ItemPlaces:
    """Where, within an item, its parts stand."""

    name: Path
    value: Path
    time: Path | None
    quality: Path | None
    error: Path | None


def items_at(items: Path, places: ItemPlaces, time: Path | None) -> FindItems:
    """Makes the finder of items in an array.

    Args:
        items: where the array stands.
        places: where the parts of an item stand.
        time: where a time for all of them stands, for items that have none.
    """

    def find(document: object, _topic: str) -> Iterable[Item]:
        array = items.find(document)
        if not isinstance(array, list):
            raise ValueError(f"no array stands at {items.text}")  # noqa: TRY004 - a payload's, not a programmer's mistake
        common = _part(time, document)
        for each in array:
            name = places.name.find(each)
            if name is MISSING or isinstance(name, dict | list):
                continue  # it is nobody's
            own = _part(places.time, each)
            said = common if own is MISSING or own is None else own
            yield Item((_spelt(name),), places.value.find(each), said, _part(places.quality, each), _part(places.error, each))

    return find


def _part(path: Path | None, document: object) -> object:
    return MISSING if path is None else path.find(document)


def _spelt(name: object) -> str:
    return name if isinstance(name, str) else str(name)
