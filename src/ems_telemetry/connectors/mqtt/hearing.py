"""What is heard while listening: topics, the fields in their messages, and who seems to send them. Memory is bounded. No I/O.

Nothing here is stored or normalised; it serves a person, and the file that is drafted from it.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ems_telemetry.connectors.mqtt.documents import number_in, read_json, read_scalar, unpack
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.path import MISSING, Step, spell_path
from ems_telemetry.connectors.mqtt.presets.preset import Preset
from ems_telemetry.connectors.mqtt.presets.table import PRESETS

MOST_TOPICS = 5_000
MOST_FIELDS = 300
TIME_NAMES = frozenset(
    {"ts", "time", "timestamp", "datetime", "date", "t", "utc", "timestamp_ms", "timestamp_us", "timestamp_ns", "unixtime"}
)
_DEEPEST = 8
_SPARKPLUG = "spBv1.0"
_ITEM_KEYS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "id", "tag", "tagname", "n", "key"),
    "value": ("value", "val", "v"),
    "time": ("timestamp", "time", "ts", "t"),
}


class Place(NamedTuple):
    """Where a field stands: the path of its value, or the name of its item."""

    path: str | None
    item: str | None
    names: tuple[str, ...]
    """The words on the way to it."""


@dataclass(slots=True)
class HeardField:
    """A field that messages of a topic hold, with what it last said."""

    place: Place
    value: object

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        if isinstance(self.value, bool):
            return "boolean"
        if isinstance(self.value, int | float):
            return "number"
        if isinstance(self.value, str):
            return "number as text" if number_in(self.value) is not None else "text"
        return "null" if self.value is None else "other"


@dataclass(slots=True)
class HeardTopic:
    """A topic with what came there."""

    topic: str
    first_s: float
    last_s: float = 0.0
    messages: int = 0
    kind: str = "unreadable"
    """json, scalar, sparkplug or unreadable."""
    is_packed: bool = False
    preset: str | None = None
    fields: dict[Place, HeardField] = field(default_factory=dict)
    items: tuple[tuple[str, str], ...] = ()
    """Which keys the items of an array have, by their part: name, value, time; and `items`, the path of the array."""

    @property
    def per_minute(self) -> float | None:
        """How often messages come; None after a single one."""
        span_s = self.last_s - self.first_s
        return (self.messages - 1) * 60 / span_s if span_s > 0 else None


class Hearing:
    """All that is heard. Topics beyond `MOST_TOPICS` are only counted."""

    def __init__(self) -> None:
        self.topics: dict[str, HeardTopic] = {}
        self.messages = 0
        self.unheeded = 0

    def hear(self, message: Message, now_s: float) -> None:
        """Takes a message in."""
        self.messages += 1
        heard = self.topics.get(message.topic)
        if heard is None:
            if len(self.topics) >= MOST_TOPICS:
                self.unheeded += 1
                return
            heard = self.topics[message.topic] = HeardTopic(message.topic, now_s)
        heard.messages += 1
        heard.last_s = now_s
        with contextlib.suppress(ValueError):  # what cannot be read this time is only counted
            _look_into(heard, message.payload)

    @property
    def sparkplug_nodes(self) -> list[tuple[str, str]]:
        """The groups and edge nodes of Sparkplug B that were heard."""
        found = (topic.split("/") for topic, heard in self.topics.items() if heard.kind == "sparkplug")
        return sorted({(levels[1], levels[3]) for levels in found if len(levels) > 3})  # noqa: PLR2004 - spBv1.0/group/type/node


def _look_into(heard: HeardTopic, payload: bytes) -> None:
    if heard.topic.split("/")[0] == _SPARKPLUG:
        heard.kind = "sparkplug"
        return
    heard.is_packed = payload.startswith(b"\x1f\x8b")
    kind, document = _read(unpack(payload) if heard.is_packed else payload)
    if kind == "scalar" and heard.kind == "json":
        return  # one that is broken among others that are not
    if kind == "json" and heard.kind == "scalar":
        heard.fields.clear()
    heard.kind = kind
    if kind == "scalar":
        _note(heard, Place(None, None, ()), document)
        return
    if heard.preset is None:
        recognised = (name for name, preset in PRESETS.items() if preset.recognise(heard.topic, document))
        heard.preset = next(recognised, None)
    if heard.preset is None:
        _look_into_plain(heard, document)
    else:
        _look_into_known(heard, PRESETS[heard.preset], document)


def _read(payload: bytes) -> tuple[str, object]:
    """Reads a payload: objects and arrays are JSON, all else is one value in plain text."""
    try:
        document = read_json(payload)
    except ValueError:
        return "scalar", read_scalar(payload)
    return ("json", document) if isinstance(document, dict | list) else ("scalar", read_scalar(payload))


def _look_into_known(heard: HeardTopic, preset: Preset, document: object) -> None:
    if preset.find is not None:
        for item in preset.find(document, heard.topic):
            if item.value is not MISSING:
                _note(heard, Place(None, item.names[0], item.names[:1]), item.value)
        return
    opened = None if preset.open is None else preset.open(document, heard.topic)
    if opened is None:
        return
    for place, value in _leaves(opened.document, ()):
        _note(heard, place, value)


def _look_into_plain(heard: HeardTopic, document: object) -> None:
    for path, array in _arrays(document, ()):
        keys = _item_keys(array)
        if keys is not None:
            heard.items = (("items", path), *keys)
            by_part = dict(keys)
            for item in array:
                name = item.get(by_part["name"]) if isinstance(item, dict) else None
                if isinstance(name, str | int) and isinstance(item, dict):
                    _note(heard, Place(None, str(name), (str(name),)), item.get(by_part["value"]))
            for place, value in _leaves(document, ()):
                if place.names[-1].casefold() in TIME_NAMES:
                    _note(heard, place, value)
            return
    for place, value in _leaves(document, ()):
        _note(heard, place, value)


def _note(heard: HeardTopic, place: Place, value: object) -> None:
    known = heard.fields.get(place)
    if known is not None:
        known.value = value
    elif len(heard.fields) < MOST_FIELDS:
        heard.fields[place] = HeardField(place, value)


def _leaves(document: object, steps: tuple[Step, ...]) -> Iterator[tuple[Place, object]]:
    if isinstance(document, dict) and len(steps) < _DEEPEST:
        for key, value in document.items():
            yield from _leaves(value, (*steps, key))
    elif not isinstance(document, dict | list) and steps:
        path = spell_path(steps)
        if path is not None:
            yield Place(path, None, tuple(str(step) for step in steps)), document


def _arrays(document: object, steps: tuple[Step, ...]) -> Iterator[tuple[str, list[object]]]:
    if isinstance(document, list):
        path = spell_path(steps)
        if path is not None and document:
            yield path, document
    elif isinstance(document, dict) and len(steps) < _DEEPEST:
        for key, value in document.items():
            yield from _arrays(value, (*steps, key))


def _item_keys(array: list[object]) -> tuple[tuple[str, str], ...] | None:
    """Finds which keys hold name and value of the items of an array; None if they are no items."""
    first = array[0]
    if not isinstance(first, dict):
        return None
    found = {part: next((key for key in keys if key in first), None) for part, keys in _ITEM_KEYS.items()}
    if found["name"] is None or found["value"] is None:
        return None
    return tuple((part, key) for part, key in found.items() if key is not None)
