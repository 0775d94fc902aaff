"""From messages to samples: pure, and compiled once per topic. What cannot be read is refused piece by piece.

One point that cannot be read never costs the others of its message, nor one meter those of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ems_telemetry.connectors.mqtt.documents import ReadPayload
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.topics import Place
from ems_telemetry.model import Sample


class Refusal(NamedTuple):
    """Something of a message that could not be read. `point` is None where it concerns more than one."""

    point: str | None
    reason: str
    detail: str
    payload: bytes | None = None
    """The part of the message that it concerns; None for all of it."""


class Decoded(NamedTuple):
    """What one message held."""

    samples: list[Sample]
    refusals: list[Refusal]


class Shape(Protocol):
    """How the documents of a meter are built."""

    @property
    def points(self) -> Sequence[str]:
        """The keys of the points it gives, as `WM-02.volume`."""
        ...

    def extract(self, document: object, message: Message, into: Decoded) -> None:
        """Adds the samples of its meter, and what of them could not be read."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """How the messages of one topic become samples of one meter."""

    place: Place
    read: ReadPayload
    shape: Shape
    keeps_retained: bool
    """False: the broker's retained message is passed over; it would become a new reading at each start."""
    passed_over: tuple[str, ...] = ()
    """Ends of topics that tell no values, as last wills."""


def decode(message: Message, routes: Sequence[Route]) -> Decoded:
    """Reads a message for all meters it concerns. The payload is parsed once for all that read it the same way."""
    decoded = Decoded([], [])
    documents: dict[ReadPayload, object] = {}
    for route in routes:
        if message.retained and not route.keeps_retained:
            continue
        if route.passed_over and message.topic.endswith(route.passed_over):
            continue
        if route.read not in documents:
            documents[route.read] = _read(route.read, message.payload, decoded)
        document = documents[route.read]
        if document is not MISSING:
            route.shape.extract(document, message, decoded)
    return decoded


def _read(read: ReadPayload, payload: bytes, into: Decoded) -> object:
    try:
        return read(payload)
    except ValueError as error:
        into.refusals.append(Refusal(None, "payload_unreadable", str(error)))
        return MISSING
