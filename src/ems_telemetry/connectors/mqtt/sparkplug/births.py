"""What a birth tells of an edge node or device: its metrics, their aliases, datatypes and units. Pure functions.

Births are kept on disk, so that data which names metrics by alias alone can be read after a restart of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric, Payload, PropertySet
from ems_telemetry.connectors.mqtt.sparkplug.values import text_of

BD_SEQ = "bdSeq"
"""The metric that tells which session a birth or death of an edge node belongs to."""

_UNIT_KEYS = frozenset(
    {"engunit", "engunits", "engineeringunit", "engineeringunits", "unit", "units", "unitofmeasure", "uom", "eu"}
)
_ABOUT_KEYS = frozenset({"description", "documentation", "tooltip"})
_LONGEST_TEXT = 200


class Definition(NamedTuple):
    """A metric as a birth tells it. `unit` and `about` are the device's own words, empty where it has none."""

    alias: int | None
    datatype: int
    unit: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth. `sent_ms` is the time of its payload, in ms since 1970, 0 if it has none."""

    metrics: Mapping[str, Definition]
    bd_seq: int | None = None
    sent_ms: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of an edge node or device: its last birth, and the ids that were given to what it told."""

    birth: Birth
    meter: str | None = None
    """The id of the meter that its points were found for; None while there are none."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """The id of each point found, by the name of its metric; kept for those too that the last birth no longer names."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


def read_birth(payload: Payload) -> Birth:
    """Reads a birth; of a metric that stands in it twice, the last one counts."""
    metrics = {name: _definition(metric) for metric in payload.metrics if (name := text_of(metric.name))}
    return Birth(metrics, bd_seq_of(payload), payload.timestamp)


def bd_seq_of(payload: Payload) -> int | None:
    """Gives the number of a session in a birth or death, whatever width it was written in; None if there is none."""
    found = None
    for metric in payload.metrics:
        if metric.name == BD_SEQ and (field := metric.WhichOneof("value")) in {"int_value", "long_value"}:
            found = getattr(metric, field)
    return found


def is_older(death: int | None, birth: int | None) -> bool:
    """Tells whether a death belongs to a session before that of a birth. Numbers up to 255 begin again from 0."""
    if death is None or birth is None or death == birth:
        return False
    if max(death, birth) > 255:  # noqa: PLR2004 - some count on
        return death < birth
    return (birth - death) % 256 < 128  # noqa: PLR2004 - half way round


def encode_record(record: Record) -> bytes:
    """Writes a record for the disk."""
    return _encoder.encode(record)


def decode_record(stored: bytes) -> Record:
    """Reads a record from the disk.

    Raises:
        ValueError: it is none.
    """
    try:
        return _decoder.decode(stored)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def _definition(metric: Metric) -> Definition:
    unit = about = ""
    if metric.HasField("properties"):
        unit, about = _text_of(metric.properties, _UNIT_KEYS), _text_of(metric.properties, _ABOUT_KEYS)
    return Definition(metric.alias if metric.HasField("alias") else None, metric.datatype, unit, about)


def _text_of(properties: PropertySet, wanted: frozenset[str]) -> str:
    for key, value in zip(properties.keys, properties.values, strict=False):
        if _bare(text_of(key)) in wanted and (text := text_of(value.string_value)):
            return text[:_LONGEST_TEXT]
    return ""


def _bare(key: str | None) -> str:
    return "".join(character for character in key or "" if character.isalnum()).casefold()
