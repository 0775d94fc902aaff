"""One entry for many meters that publish alike: `ids` in the place of `id`, and `{meter}` in its topics.

While the file is checked the entry is expanded, so that all else sees ordinary meters. They share one subscription, and which
of them a message belongs to is looked up by the level of its topic where `{meter}` stands.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Protocol, Self, TypeVar

from pydantic import BeforeValidator

from ems_telemetry.config.base import Identifier, Model
from ems_telemetry.connectors.mqtt.topics import Place, unshared

_METER = "{meter}"
_NAMED_LEVEL = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_BRACED = re.compile(r"\{[^/{}]*\}")


def _named(value: Any) -> Any:  # noqa: ANN401 - not yet validated
    """Turns a list of ids into a mapping: each is its own name in the topic."""
    if not isinstance(value, list | tuple):
        return value
    twice = next((each for each in value if value.count(each) > 1), None)
    if twice is not None:
        raise ValueError(f'ids: "{twice}" stands there twice')
    return {each: each for each in value}


def _checked_names(names: Mapping[str, str]) -> Mapping[str, str]:
    if not names:
        raise ValueError("ids needs at least one id")
    taken: dict[str, str] = {}
    for id_, name in names.items():
        if not name or set(name) & set("/+#\0"):
            raise ValueError(f'ids: the name "{name}" of {id_} must be one level of a topic, without "/", "+" and "#"')
        if (other := taken.setdefault(name, id_)) != id_:
            raise ValueError(f'ids: {other} and {id_} have the same name "{name}" in the topic')
    return names


Ids = Annotated[
    Mapping[Identifier, str],
    BeforeValidator(_named, json_schema_input_type=list[Identifier] | dict[Identifier, str]),
]


class Entry(Protocol):
    """A meter of a file, or many of them."""

    @property
    def id(self) -> str:
        """Its id; empty where there are `ids`."""
        ...

    @property
    def ids(self) -> Mapping[str, str] | None:
        """The ids of many, each with its name in the topic."""
        ...

    def named(self, id_: str, name: str, entry: int) -> Self:
        """Makes one of the many."""
        ...


EntryT = TypeVar("EntryT", bound=Entry)


class Templated(Model):
    """The keys of an entry for many meters."""

    ids: Ids | None = None
    """Many meters that publish alike, in the place of `id`: a list, or a mapping from each id to its name in the topic."""

    def check_ids(self, id_: str) -> None:
        """Checks that the entry names its meters in one way.

        Raises:
            ValueError: in words for the person who wrote the file.
        """
        if self.ids is not None:
            _checked_names(self.ids)
            if id_:
                raise ValueError('"id" and "ids" exclude each other; write "ids" for many meters that publish alike')
        elif not id_:
            raise ValueError('"id" is missing: Unique in the whole plant; or give "ids", for many meters that publish alike')


def check_topic(topic: str, ids: Mapping[str, str] | None) -> None:
    """Checks what stands in braces in a topic.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    levels = unshared(topic).split("/")
    braced = _BRACED.findall(topic)
    if ids is None and _METER in topic:
        raise ValueError(f'topic "{topic}" holds {_METER}, which needs "ids": a list of the meters it stands for')
    if ids is None:
        return
    if any(_NAMED_LEVEL.fullmatch(level) is None and _BRACED.search(level) for level in levels):
        raise ValueError(f'topic "{topic}": a name in braces must be a whole level, as plant/{{area}}/{_METER}/telemetry')
    if braced.count(_METER) != 1:
        raise ValueError(f'topic "{topic}" must hold {_METER} once, where the name of each of "ids" stands')


def place_of(topic: str, name: str | None) -> Place:
    """Finds the place of one meter of an entry; of an ordinary meter if `name` is None."""
    if name is None:
        return Place(topic, topic)
    level = unshared(topic).split("/").index(_METER)
    return Place(_NAMED_LEVEL.sub("+", topic), own_topic(topic, name), name, level)


def own_topic(topic: str, name: str) -> str:
    """Gives the topic of one meter of an entry, as it is shown to people."""
    return _NAMED_LEVEL.sub("+", topic.replace(_METER, name))


def expand(entries: tuple[EntryT, ...]) -> tuple[EntryT, ...]:
    """Makes a meter of each id of each entry.

    The first takes the place of its entry, so that places in the file stay right, and the others go to the end.

    Raises:
        ValueError: two entries name the same meter.
    """
    first: list[EntryT] = []
    others: list[EntryT] = []
    for place, entry in enumerate(entries):
        made = [entry] if entry.ids is None else [entry.named(id_, name, place) for id_, name in entry.ids.items()]
        first.append(made[0])
        others.extend(made[1:])
    taken: set[str] = {entry.id for entry in first}
    for entry in others:
        if entry.id in taken:
            raise ValueError(f'meter id "{entry.id}" is used twice in this file: as "id", or among the "ids" of an entry')
        taken.add(entry.id)
    return (*first, *others)
