"""Which topics are alike: meters that publish the same under topics that differ in one level. Pure functions.

A topic that holds a document is a meter; one that holds a single value is a point of the meter whose topic lies above it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ems_telemetry.connectors.guessing.quantities import Guess, NoGuess
from ems_telemetry.connectors.mqtt.hearing import Place

NAMELESS = frozenset(
    {"telemetry", "sensor", "state", "status", "data", "value", "json", "up", "events", "rpc", "default", "raw", "tele"}
)
"""Levels that tell nothing of a meter or a value."""


class Candidate(NamedTuple):
    """What may become a point."""

    below: tuple[str, ...]
    """The levels of its own topic below that of its meter; none where it stands in the meter's messages."""
    place: Place
    guess: Guess | NoGuess

    @property
    def names(self) -> tuple[str, ...]:
        """The words it is called by."""
        named = tuple(level for level in self.below if level.casefold() not in NAMELESS)
        return (*named, *self.place.names) or self.below


class Manner(NamedTuple):
    """How a meter's messages are written."""

    payload: str
    time: str | None = None
    items: tuple[tuple[str, str], ...] = ()
    is_packed: bool = False
    quotes_numbers: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A meter that was heard."""

    levels: tuple[str, ...]
    """Those of its topic, or those above the topics of its points."""
    manner: Manner
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file: a source alone, or sources that differ in the level at `differing`."""

    sources: tuple[Source, ...]
    differing: int | None

    @property
    def first(self) -> Source:
        """The source that stands for all."""
        return self.sources[0]

    @property
    def ways(self) -> list[tuple[str, ...]]:
        """For each source the levels that its id is made from."""
        return [self._way(source.levels) for source in self.sources]

    @property
    def names(self) -> list[str]:
        """For each source what stands in the differing level."""
        return [] if self.differing is None else [source.levels[self.differing] for source in self.sources]

    def topic(self, below: Sequence[str] = ()) -> str:
        """Gives the topic, with {meter} in the differing level."""
        levels = [*self.first.levels, *below]
        if self.differing is not None:
            levels[self.differing] = "{meter}"
        return "/".join(levels)

    def _way(self, levels: tuple[str, ...]) -> tuple[str, ...]:
        if self.differing is not None:
            return levels[: self.differing + 1]
        length = len(levels)
        while length > 1 and levels[length - 1].casefold() in NAMELESS:
            length -= 1
        return levels[:length]


def split_single(topic: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Splits the topic of a single value: the levels of its meter, and those below that name the value."""
    levels = tuple(topic.split("/"))
    below = 2 if levels[-1].casefold() in NAMELESS and len(levels) > 2 else 1  # noqa: PLR2004 - meter/value/state
    return levels[:-below], levels[-below:]


def gather(sources: Iterable[Source]) -> list[Source]:
    """Puts together what belongs to one meter: sources with the same levels, written in the same manner."""
    found: dict[tuple[tuple[str, ...], Manner], list[Candidate]] = defaultdict(list)
    for source in sources:
        found[source.levels, source.manner].extend(source.candidates)
    return [Source(levels, manner, tuple(candidates)) for (levels, manner), candidates in found.items()]


def group(sources: Sequence[Source]) -> list[Entry]:
    """Makes one entry of sources that publish the same and differ in one level; the largest groups are made first."""
    alike: dict[tuple[object, ...], list[Source]] = defaultdict(list)
    for source in sources:
        for key in _keys(source):
            alike[key].append(source)
    taken: set[int] = set()
    entries: list[Entry] = []
    for key, members in sorted(alike.items(), key=lambda found: -len(found[1])):
        free = [source for source in members if id(source) not in taken]
        if len(free) > 1:
            taken.update(id(source) for source in free)
            entries.append(Entry(tuple(free), _position(key)))
    entries.extend(Entry((source,), None) for source in sources if id(source) not in taken)
    return sorted(entries, key=lambda entry: entry.first.levels)


def _keys(source: Source) -> Iterator[tuple[object, ...]]:
    for position, name in enumerate(source.levels):
        if name:
            around = (*source.levels[:position], "", *source.levels[position + 1 :])
            yield position, around, source.manner, source.candidates


def _position(key: tuple[object, ...]) -> int:
    position = key[0]
    assert isinstance(position, int)  # noqa: S101 - as made by _keys
    return position
