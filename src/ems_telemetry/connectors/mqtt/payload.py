"""From payloads to samples: pure, and compiled once per topic. What cannot be read is refused piece by piece.

One point that cannot be read never costs the others of its message, nor one meter those of another.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

import msgspec

from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.path import MISSING, Path
from ems_telemetry.connectors.mqtt.times import ReadTime
from ems_telemetry.model import Flag, RawValue, Sample

ReadPayload: TypeAlias = Callable[[bytes], object]
"""From a payload to the document that paths point into; raises ValueError in words."""

WHOLE = Path("$", ())
"""The path of a value that is the whole payload."""

_WORDS: Mapping[str, RawValue] = {"true": True, "false": False, "null": None, "nan": float("nan")}
_INTEGER = re.compile(r"[+-]?\d{1,1000}")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_json = msgspec.json.Decoder()


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


@dataclass(frozen=True, slots=True)
class Field:
    """Where the value of one point stands. `point` is its key, as `WM-02.volume`."""

    point: str
    path: Path


@dataclass(frozen=True, slots=True)
class Route:
    """How the messages of one topic filter become samples of one meter."""

    topic: str
    meter: str
    read: ReadPayload
    fields: tuple[Field, ...]
    time: Path | None
    read_time: ReadTime
    keeps_retained: bool
    """False: the broker's retained message is passed over; it would become a new reading at each start."""

    def extract(self, document: object, message: Message, into: Decoded) -> None:
        """Adds the samples of this meter, and what of them could not be read."""
        try:
            time = self._time_in(document, message)
        except ValueError as error:
            into.refusals.append(Refusal(self._sole_point, "time_unreadable", f"meter {self.meter}: {error}"))
            return
        except LookupError as error:
            into.refusals.append(Refusal(self._sole_point, "time_missing", f"meter {self.meter}: {error.args[0]}"))
            return
        flags = Flag.RETAINED if message.retained else 0
        for field in self.fields:
            value = field.path.find(document)
            if value is MISSING:
                into.refusals.append(Refusal(field.point, "value_missing", f"nothing stands at {field.path.text}"))
            elif isinstance(value, dict | list):
                kind = "an object" if isinstance(value, dict) else "an array"
                into.refusals.append(Refusal(field.point, "value_unreadable", f"{field.path.text} is {kind}, not a value"))
            else:
                into.samples.append(Sample(field.point, time, value, message.received_at, flags=flags))

    def _time_in(self, document: object, message: Message) -> datetime | None:
        if self.time is None:
            return None
        said = self.time.find(document)
        if said is MISSING or said is None:
            raise LookupError(f"no time stands at {self.time.text}")
        return self.read_time(said, message.received_at)

    @property
    def _sole_point(self) -> str | None:
        return self.fields[0].point if len(self.fields) == 1 else None


def decode(message: Message, routes: Sequence[Route]) -> Decoded:
    """Reads a message for all meters it concerns. The payload is parsed once for all that read it the same way."""
    decoded = Decoded([], [])
    documents: dict[ReadPayload, object] = {}
    for route in routes:
        if message.retained and not route.keeps_retained:
            continue
        if route.read not in documents:
            documents[route.read] = _read(route.read, message.payload, decoded)
        document = documents[route.read]
        if document is not MISSING:
            route.extract(document, message, decoded)
    return decoded


def read_json(payload: bytes) -> object:
    """Parses JSON. Integers stay exact whatever their size; of a key that stands twice, the last one counts."""
    try:
        return _json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the payload is not JSON: {error}" if payload else "the payload is empty") from error


def read_scalar(payload: bytes) -> RawValue:
    """Reads a payload that is one value in plain text: a number, true or false, or a word for a state."""
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"the payload is not text: {error}") from error
    if not text:
        raise ValueError("the payload is empty")
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return _WORDS.get(text.lower(), text)


def _read(read: ReadPayload, payload: bytes, into: Decoded) -> object:
    try:
        return read(payload)
    except ValueError as error:
        into.refusals.append(Refusal(None, "payload_unreadable", str(error)))
        return MISSING
