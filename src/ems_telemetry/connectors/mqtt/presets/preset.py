"""What a preset is: how a known sender's documents are read, and how they are recognised. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from ems_telemetry.connectors.mqtt.items import FindItems
from ems_telemetry.connectors.mqtt.name_book import Names
from ems_telemetry.connectors.mqtt.quality import Judge
from ems_telemetry.connectors.mqtt.records import Open
from ems_telemetry.connectors.mqtt.telling import WhenMissing

Recognise: TypeAlias = Callable[[str, object], bool]
"""Whether a message, by its topic and document, comes from such a sender; for suggestions only."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How a sender tells the names of items whose messages hold ids alone."""

    told_at: Callable[[str], str | None]
    """The topic filter where the names are told, from that of the values; None if it cannot be known."""
    names_in: Callable[[object], Mapping[str, Names]]
    """The names, by the topics of the values; raises ValueError in words."""


class Known(NamedTuple):
    """What the fields of some names measure, where the sender tells no units."""

    names: str
    """A pattern for the last part of a field's place."""
    quantity: str
    unit: str
    check: str | None = None
    """A question to a person, None where there is none."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What a known sender means. It has either `open`, and points with places, or `find`, and points with items."""

    sender: str
    """Who sends so, for people."""
    recognise: Recognise
    open: Open | None = None
    find: FindItems | None = None
    when_missing: WhenMissing = WhenMissing.DEAD_LETTER
    quoted_numbers: bool = False
    judge: Judge | None = None
    passed_over: tuple[str, ...] = ()
    """Ends of topics beside those of the values, as that of a last will; what comes there is nothing to be read."""
    value: str | None = None
    """The place of the value where a message holds one alone."""
    needs_zone: bool = False
    """True: its times are local and do not say where."""
    naming: Naming | None = None
    known: tuple[Known, ...] = ()
    """What fields are known to measure; for suggestions only."""


def as_object(document: object, sender: str) -> dict[str, Any]:
    """Gives a document that must be an object.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(document, dict):
        raise ValueError(f"a message of {sender} is an object")  # noqa: TRY004 - a payload's, not a programmer's mistake
    return document


def field(document: object, key: str) -> object:
    """Gives what stands under a key of an object; None where there is none, or the document is no object."""
    return document.get(key) if isinstance(document, dict) else None
