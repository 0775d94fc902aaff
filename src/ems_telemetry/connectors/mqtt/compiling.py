"""From the meters of a checked file to what reads their messages: once, so that no message asks the file anything."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from zoneinfo import ZoneInfo

from ems_telemetry.config.connector import point_key
from ems_telemetry.connectors.mqtt.documents import compile_reading
from ems_telemetry.connectors.mqtt.items import FindItems, Item, ItemList, ItemPlaces, items_at
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.meter import MqttMeter, MqttPoint
from ems_telemetry.connectors.mqtt.name_book import NameBook
from ems_telemetry.connectors.mqtt.path import Path, compile_path
from ems_telemetry.connectors.mqtt.payload import Decoded, Refusal, Route, Shape
from ems_telemetry.connectors.mqtt.presets.preset import Naming
from ems_telemetry.connectors.mqtt.quality import JUDGES
from ems_telemetry.connectors.mqtt.records import WHOLE, Field, Record, open_at
from ems_telemetry.connectors.mqtt.shape import SCALAR, ItemPaths, has_items
from ems_telemetry.connectors.mqtt.telling import Rules, WhenMissing
from ems_telemetry.connectors.mqtt.times import ReadTime, compile_time
from ems_telemetry.connectors.mqtt.topics import Place


def compile_meter(meter: MqttMeter, book: NameBook) -> Iterator[Route]:
    """Compiles a meter: one route for each of its topics, and one for what tells the names of its items, if anything does."""
    by_place: dict[Place, list[MqttPoint]] = {}
    for point in meter.points:
        by_place.setdefault(point.place, []).append(point)
    read = compile_reading(scalar=meter.payload == SCALAR, compression=meter.compression, duplicate_keys=meter.duplicate_keys)
    naming, passed_over = (None, ()) if meter.preset is None else (meter.preset.naming, meter.preset.passed_over)
    for place, points in by_place.items():
        yield Route(place, read, _shape(meter, points, book), meter.keeps_retained, passed_over)
        told_at = None if naming is None else naming.told_at(place.topic)
        if naming is not None and told_at is not None:
            yield Route(Place(told_at, told_at), read, _NamesTold(book, naming), keeps_retained=True)


def _shape(meter: MqttMeter, points: Sequence[MqttPoint], book: NameBook) -> Shape:
    read_time = compile_time(meter.time_format, UTC if meter.time_zone is None else ZoneInfo(meter.time_zone))
    if has_items(meter, meter.preset):
        return _items(meter, points, read_time, book)
    preset = meter.preset
    fields = tuple(_field(meter, point) for point in points)
    time = _compiled(meter.time)
    opener = open_at(time) if preset is None or preset.open is None else preset.open
    return Record(meter.id, fields, opener, read_time, _rules(meter), meter.time)


def _items(meter: MqttMeter, points: Sequence[MqttPoint], read_time: ReadTime, book: NameBook) -> ItemList:
    wanted: dict[str, tuple[str, ...]] = {}
    for point in points:
        name = _item_name(point)
        wanted[name] = (*wanted.get(name, ()), point_key(meter, point))
    rules = _rules(meter)
    if meter.items is not None and meter.item is not None:
        find = items_at(compile_path(meter.items), _places(meter.item), _compiled(meter.time))
        needs_time = meter.time is not None or meter.item.time is not None
        return ItemList(meter.id, wanted, find, read_time, rules, needs_time)
    assert meter.preset is not None and meter.preset.find is not None  # noqa: S101, PT018 - items come from there otherwise
    if meter.preset.naming is None:
        return ItemList(meter.id, wanted, meter.preset.find, read_time, rules, needs_time=False)
    find = _named(meter.preset.find, book)
    return ItemList(meter.id, wanted, find, read_time, rules, needs_time=False, names_unknown=book.complain)


def _named(find: FindItems, book: NameBook) -> FindItems:
    """Lets items be chosen by the names they have in the book, beside their ids."""

    def find_named(document: object, topic: str) -> Iterator[Item]:
        names = book.of(topic)
        for item in find(document, topic):
            name = names.get(item.names[0])
            yield item if name is None else item._replace(names=(*item.names, name))

    return find_named


def _rules(meter: MqttMeter) -> Rules:
    preset = meter.preset
    by_default = WhenMissing.IGNORE if meter.items is not None else WhenMissing.DEAD_LETTER
    if preset is not None:
        by_default = preset.when_missing
    quoted = preset is not None and preset.quoted_numbers
    codes = meter.quality_codes
    return Rules(
        when_missing=meter.missing or by_default,
        quoted_numbers=quoted if meter.quoted_numbers is None else meter.quoted_numbers,
        judge=JUDGES[codes] if codes is not None else None if preset is None else preset.judge,
    )


def _field(meter: MqttMeter, point: MqttPoint) -> Field:
    preset = meter.preset
    value = point.value or (None if preset is None else preset.value)
    return Field(
        point=point_key(meter, point),
        path=WHOLE if value is None else compile_path(value),
        quality=_compiled(point.quality or meter.quality),
        error=_compiled(point.error or meter.error),
    )


def _item_name(point: MqttPoint) -> str:
    """Gives the name of a point's item; a preset's points may also write it as a value, as `$.tag0` or `tag0`."""
    if point.item is not None:
        return point.item
    return ".".join(str(step) for step in compile_path(point.value or "").steps)


def _places(item: ItemPaths) -> ItemPlaces:
    return ItemPlaces(
        name=compile_path(item.name),
        value=compile_path(item.value),
        time=_compiled(item.time),
        quality=_compiled(item.quality),
        error=_compiled(item.error),
    )


def _compiled(text: str | None) -> Path | None:
    return None if text is None else compile_path(text)


@dataclass(frozen=True, slots=True)
class _NamesTold:
    """The shape of messages that tell the names of items, and no values."""

    book: NameBook
    naming: Naming
    points: Sequence[str] = ()

    def extract(self, document: object, message: Message, into: Decoded) -> None:
        """Takes the names in."""
        try:
            told = self.naming.names_in(document)
        except ValueError as error:
            into.refusals.append(Refusal(None, "payload_unreadable", f"{message.topic}: {error}"))
            return
        with contextlib.suppress(OSError):  # they are known meanwhile, and written when they are next told
            self.book.learn(told)
