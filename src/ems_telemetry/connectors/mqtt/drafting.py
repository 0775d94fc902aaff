"""Makes a connector file from what was heard: meters from topics, points from fields, and a reason for what is left out.

The same messages give the same text. No secret is ever written, and no line that `check` would refuse.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ems_telemetry.clock import is_plausible
from ems_telemetry.connectors.guessing.ids import distinct_ids, point_id
from ems_telemetry.connectors.guessing.quantities import Guess, NoGuess, guess_number, guess_state, kind_of
from ems_telemetry.connectors.guessing.words import words_of
from ems_telemetry.connectors.guessing.writing import (
    Texts,
    can_be_written,
    mapping,
    medium_of,
    one_line,
    point_line,
    scalar,
    site_line,
)
from ems_telemetry.connectors.mqtt.hearing import TIME_NAMES, HeardField, HeardTopic, Hearing, Place
from ems_telemetry.connectors.mqtt.presets.table import PRESETS
from ems_telemetry.connectors.mqtt.similar import NAMELESS, Candidate, Entry, Manner, Source, gather, group, split_single
from ems_telemetry.connectors.mqtt.times import TimeFormat, compile_time

MOST_LEFT_OUT = 500
"""So many topics and fields left out are listed, so that the file of a large broker can still be read."""
_read_time = compile_time(TimeFormat.AUTO)


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the meters."""

    endpoint: str
    site: str | None
    """None: a person must fill it in."""
    meter: str
    """The id for values whose topics have one level alone."""
    user: Texts = field(default_factory=dict)
    tls: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A connector file not yet written."""

    text: str
    meters: int
    points: int
    """In the lines of the file: those of many meters count once."""
    questions: int
    left_out: int


def draft(hearing: Hearing, heading: Heading, now: datetime, taken: Collection[str] = ()) -> Draft:
    """Drafts a connector file.

    Args:
        hearing: what was heard.
        heading: what is known of the connection.
        now: the time by which numbers are taken for times.
        taken: ids of meters in other files, which must not be used again.
    """
    left_out: list[str] = []
    heard = sorted(hearing.topics.values(), key=lambda topic: topic.topic)
    sources = gather(source for topic in heard for source in _sources(topic, now, left_out))
    entries = group([source for source in sources if source.candidates])
    ways = [way or (heading.meter,) for entry in entries for way in entry.ways]
    ids = iter(distinct_ids(ways, taken))
    written = [line for entry in entries for line in _entry_lines(entry, [next(ids) for _ in entry.sources])]
    guesses = [candidate.guess for entry in entries for candidate in entry.first.candidates]
    kept = [guess for guess in guesses if isinstance(guess, Guess)]
    lines = [*_heading_lines(heading), *_meters(written), *_left_out_lines(left_out), *_sparkplug_lines(hearing)]
    meters = sum(len(entry.sources) for entry in entries if _is_ready(entry))
    questions = sum(guess.check is not None for guess in kept)
    return Draft("\n".join(lines) + "\n", meters, len(kept), questions, len(guesses) - len(kept) + len(left_out))


def guess_field(topic: str, heard: HeardField, preset: str | None) -> Guess | NoGuess:
    """Guesses what a field measures: from what is known of its sender, else from its names and those of its topic."""
    names = [level for level in topic.split("/") if level.casefold() not in NAMELESS]
    names += heard.place.names
    known = () if preset is None else PRESETS[preset].known
    found = next((each for each in known if names and re.fullmatch(each.names, names[-1])), None)
    if isinstance(heard.value, bool):
        return guess_state(words_of(names), is_switch=True)
    if heard.kind not in {"number", "number as text"}:
        return NoGuess(
            "nothing was said of it" if heard.value is None else "a text; it needs states: that give its words numbers"
        )
    if found is not None:
        return Guess(found.quantity, found.unit, kind_of(found.quantity), found.check)
    return guess_number(names, None)


def _sources(heard: HeardTopic, now: datetime, left_out: list[str]) -> Iterator[Source]:
    """Finds the meter of a topic, with what may become its points."""
    reason = _unusable(heard)
    if reason is not None:
        left_out.append(f"{one_line(heard.topic)}: {reason}")
        return
    time = _time_of(heard, now)
    below: tuple[str, ...] = ()
    levels = tuple(heard.topic.split("/"))
    if heard.kind == "scalar" or heard.preset == "umh":
        levels, below = split_single(heard.topic)
    candidates: list[Candidate] = []
    for place, each in heard.fields.items():
        guess = guess_field(heard.topic, each, heard.preset)
        if place.path is not None and (place.path == time or _is_known_time(heard, place)):
            continue
        if each.kind in {"text", "null", "other"} or not _is_writable(place):
            words = guess.reason if isinstance(guess, NoGuess) else "its name cannot be written down"
            left_out.append(f"{one_line(heard.topic)} {one_line(place.path or place.item or '')}: {words}")
        else:
            candidates.append(Candidate(below, place, guess))
    quoted = any(each.kind == "number as text" for each in heard.fields.values()) and heard.kind == "json"
    manner = Manner(heard.preset or heard.kind, time, heard.items, heard.is_packed, quoted and heard.preset is None)
    yield Source(levels, manner, tuple(candidates))


def _unusable(heard: HeardTopic) -> str | None:
    if heard.kind == "sparkplug":
        return "Sparkplug B; see below"
    if heard.kind == "unreadable":
        return "neither JSON nor text"
    if not can_be_written(heard.topic) or "{" in heard.topic or heard.topic.startswith("$"):
        return "its topic cannot be written down" if not heard.topic.startswith("$") else "the broker's own"
    if any(not can_be_written(path) for part, path in heard.items if part == "items"):
        return "the place of its array cannot be written down"
    if not heard.fields:
        return "no value stands in its messages"
    return None


def _is_writable(place: Place) -> bool:
    return all(can_be_written(text) for text in (place.path or "", place.item or ""))


def _time_of(heard: HeardTopic, now: datetime) -> str | None:
    """Finds the field that tells the time of a plain document."""
    if heard.kind != "json" or heard.preset is not None:
        return None
    fields = (each for each in heard.fields.values() if _is_writable(each.place))
    named = [each for each in fields if each.place.names[-1].casefold() in TIME_NAMES]
    return next((each.place.path for each in sorted(named, key=_depth) if _tells_time(each.value, now)), None)


def _is_known_time(heard: HeardTopic, place: Place) -> bool:
    """Tells whether a field is a time that is no value: that of a known sender, or beside an array of items."""
    return (heard.preset is not None or bool(heard.items)) and place.names[-1].casefold() in TIME_NAMES


def _depth(heard: HeardField) -> int:
    return len(heard.place.names)


def _tells_time(value: object, now: datetime) -> bool:
    try:
        return is_plausible(_read_time(value, now), now)
    except ValueError:
        return False


def _heading_lines(heading: Heading) -> Iterator[str]:
    yield "# Made by `ems-telemetry mqtt listen --write`. Quantity, kind and unit follow from the names in topics and messages;"
    yield '# look at each line that asks something behind "check:".'
    yield "type: mqtt"
    yield f"endpoint: {scalar(heading.endpoint)}"
    if heading.user:
        yield f"user: {mapping(heading.user)}"
    if heading.tls:
        yield f"tls: {mapping(heading.tls)}"
    yield site_line(heading.site)


def _meters(lines: Sequence[str]) -> Iterator[str]:
    yield "meters:" if any(line.startswith("  - ") for line in lines) else "meters: []"
    yield from lines


def _is_ready(entry: Entry) -> bool:
    return any(isinstance(candidate.guess, Guess) for candidate in entry.first.candidates)


def _entry_lines(entry: Entry, ids: Sequence[str]) -> Iterator[str]:
    remark = "" if _is_ready(entry) else "# "
    yield f"  # {one_line('/'.join(entry.first.levels))}" + (f" and {len(ids) - 1} more" if len(ids) > 1 else "")
    yield f"  {remark}- {_ids(entry, ids)}"
    yield from (f"  {remark}  {line}" for line in _manner_lines(entry))
    medium = medium_of(candidate.guess for candidate in entry.first.candidates)
    if medium is not None:
        yield f"    medium: {medium}"
    yield f"  {remark}  points:"
    kept = [each for each in entry.first.candidates if isinstance(each.guess, Guess)]
    asked = [each for each in entry.first.candidates if isinstance(each.guess, NoGuess)]
    point_ids = distinct_ids([each.names for each in (*kept, *asked)], spell=point_id)
    for each, id_ in zip((*kept, *asked), point_ids, strict=True):
        yield point_line({"id": id_, **_place_keys(entry, each)}, each.guess)


def _ids(entry: Entry, ids: Sequence[str]) -> str:
    if entry.differing is None:
        return f"id: {scalar(ids[0])}"
    if list(ids) == entry.names:
        return "ids: [" + ", ".join(map(scalar, ids)) + "]"
    return "ids: {" + ", ".join(f"{scalar(id_)}: {scalar(name)}" for id_, name in zip(ids, entry.names, strict=True)) + "}"


def _manner_lines(entry: Entry) -> Iterator[str]:
    payload, time, items, is_packed, quotes_numbers = entry.first.manner
    if not entry.first.candidates[0].below:
        yield f"topic: {scalar(entry.topic())}"
    if payload != "json":
        yield f"payload: {payload}"
    if payload in PRESETS and PRESETS[payload].needs_zone:
        yield "time_zone: UTC    # check: the zone that the devices are set to, as Europe/Berlin"
    if time is not None:
        yield f"time: {scalar(time)}"
    if items:
        (_, array), *parts = items
        yield f"items: {scalar(array)}"
        yield f"item: {mapping({part: f'$.{key}' for part, key in parts})}"
    if is_packed:
        yield "compression: auto"
    if quotes_numbers:
        yield "quoted_numbers: true"


def _place_keys(entry: Entry, candidate: Candidate) -> Texts:
    keys: dict[str, str] = {}
    if candidate.below:
        keys["topic"] = entry.topic(candidate.below)
    if candidate.place.item is not None:
        keys["item"] = candidate.place.item
    elif candidate.place.path is not None and not (candidate.below and candidate.place.path == "$.value"):
        keys["value"] = candidate.place.path
    return keys


def _left_out_lines(left_out: Sequence[str]) -> Iterator[str]:
    if left_out:
        yield "# Left out:"
        yield from (f"#   {line}" for line in left_out[:MOST_LEFT_OUT])
    if len(left_out) > MOST_LEFT_OUT:
        yield f"#   and {len(left_out) - MOST_LEFT_OUT} more"


def _sparkplug_lines(hearing: Hearing) -> Iterator[str]:
    for group_id, node in hearing.sparkplug_nodes:
        keys = mapping({"group": group_id, "edge_node": node})[:-1]
        yield "# Sparkplug B: give this edge node a file of its own, with"
        yield "#   payload: sparkplug_b"
        yield f"#   sparkplug: {one_line(keys)}, discover: true}}"
