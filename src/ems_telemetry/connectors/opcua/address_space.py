"""What a walk through a server's address space found: values without any protocol in them, and how nodes are chosen by path."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import translate
from types import MappingProxyType
from typing import TypeAlias

from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit
from ems_telemetry.model import Quality, RawValue

Range: TypeAlias = tuple[float, float]

OBJECTS_PATHS = frozenset({"/", "/Objects", "/0:Objects"})
"""How people write the Objects folder itself."""


class ValueKind(StrEnum):
    """What sort of values a variable has."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    ENUMERATION = "enumeration"
    TEXT = "text"
    TIME = "time"
    STRUCTURE = "structure"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer to being asked for a value."""

    value: RawValue
    """None for a null, and for whatever is no single number, switch or text."""
    shown: str
    """The value as people read it, cut to a line."""
    quality: Quality
    status: int
    status_name: str
    status_words: str
    """The name, and what it means."""
    source_time: datetime | None
    server_time: datetime | None


@dataclass(frozen=True, slots=True)
class VariableFacts:
    """What a server says of a variable beside its value."""

    type_name: str
    kind: ValueKind
    is_scalar: bool = True
    is_readable: bool = True
    unit: DeviceUnit | None = None
    normal_range: Range | None = None
    """EURange: what is likely in normal operation; values outside it are no mistake."""
    instrument_range: Range | None = None
    """InstrumentRange: what the instrument can give at all."""
    states: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Names of an enumeration's numbers, or of a switch's two positions."""
    measurement_id: int | None = None
    answer: Answer | None = None
    """None where values were not asked for."""


@dataclass(frozen=True, slots=True)
class FoundNode:
    """A node, with the nodes below it."""

    node: str
    """Its id as written in a connector file; empty where no text can stand for it."""
    names: tuple[str, ...]
    """The browse names on the way to it, its own last; none for the Objects folder."""
    display_name: str
    description: str = ""
    facts: VariableFacts | None = None
    """None for an object."""
    problem: str | None = None
    """Why the server does not let us look below it."""
    children: tuple["FoundNode", ...] = ()

    @property
    def name(self) -> str:
        """Its own browse name."""
        return self.names[-1] if self.names else self.display_name


def every_node(top: FoundNode) -> Iterator[FoundNode]:
    """Goes through a tree from above, each node before the ones below it."""
    yield top
    for child in top.children:
        yield from every_node(child)


def write_path(names: Sequence[str]) -> str:
    """Writes browse names as one path; `&` stands before a `/` or `&` that belongs to a name."""
    return "/" + "/".join(re.sub(r"([&/])", r"&\1", name) for name in names)


def read_path(path: str) -> tuple[str, ...]:
    """Reads what `write_path` wrote, or a person did; an empty path or `/` is the Objects folder."""
    steps = re.findall(r"/?((?:&.|[^&/])+)", path, re.DOTALL)
    return tuple(re.sub(r"&(.)", r"\1", step) for step in steps)


class Selection:
    """Which nodes are wanted: those on or below a path that one of `select` matches and none of `exclude`.

    Patterns are paths in which `*` stands for any part of a name and `**` for any number of names; one without a `/` in front
    may begin anywhere. Upper and lower case are the same.
    """

    def __init__(self, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._select = [_compile(pattern) for pattern in select]
        self._exclude = [_compile(pattern) for pattern in exclude]

    def wants(self, node: FoundNode) -> bool:
        """Tells whether a node is chosen."""
        chosen = not self._select or any(_matches(pattern, node.names) for pattern in self._select)
        return chosen and not any(_matches(pattern, node.names) for pattern in self._exclude)


_Pattern: TypeAlias = tuple[re.Pattern[str] | None, ...]


def _compile(pattern: str) -> _Pattern:
    steps = read_path(pattern)
    anchored = steps if pattern.startswith("/") else ("**", *steps)
    return tuple(None if step == "**" else re.compile(translate(step.casefold())) for step in anchored)


def _matches(pattern: _Pattern, names: Sequence[str]) -> bool:
    if not pattern:
        return True
    if pattern[0] is None:
        return any(_matches(pattern[1:], names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and bool(pattern[0].match(names[0].casefold())) and _matches(pattern[1:], names[1:])
