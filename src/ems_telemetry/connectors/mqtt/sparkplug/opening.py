"""From the bytes of a message to its payload, opened where it is compressed. Pure, and bounded whatever the bytes say."""

import zlib

from google.protobuf.message import DecodeError

from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Outline, Payload
from ems_telemetry.connectors.mqtt.sparkplug.values import text_of

LONGEST_BYTES = 16 * 2**20
"""Bound of a payload, compressed or not. A birth of fifty thousand metrics with all their properties takes ten million."""
MOST_METRICS = 100_000
"""Bound of the metrics in one payload."""

_COMPRESSED = "SPBV1.0_COMPRESSED"
_ALGORITHMS = frozenset({"DEFLATE", "GZIP"})
_EITHER_FORM = zlib.MAX_WBITS + 32
"""Makes zlib tell its own header from that of gzip."""
_SHORTEST_METRIC_BYTES = 2


def open_payload(raw: bytes) -> Payload:
    """Parses a payload, and the one within it if it is compressed.

    Raises:
        ValueError: in words; it is no payload, or larger than we take.
    """
    outer = _parse(raw)
    if not outer.HasField("uuid") or outer.uuid != _COMPRESSED:
        return outer
    inner = _parse(_decompressed(outer.body, _algorithm(outer)))
    if inner.HasField("uuid") and inner.uuid == _COMPRESSED:
        raise ValueError("the payload is compressed twice")
    # Some compress the whole payload, others leave number and time outside.
    if outer.HasField("seq") and not inner.HasField("seq"):
        inner.seq = outer.seq
    if outer.HasField("timestamp") and not inner.HasField("timestamp"):
        inner.timestamp = outer.timestamp
    return inner


def _parse(raw: bytes) -> Payload:
    if len(raw) > LONGEST_BYTES:
        raise ValueError(f"the payload has {len(raw)} bytes; at most {LONGEST_BYTES} are read")
    try:
        if len(raw) > MOST_METRICS * _SHORTEST_METRIC_BYTES:
            _require_few_metrics(raw)
        return Payload.FromString(raw)
    except DecodeError as error:
        raise ValueError("the payload is not one of Sparkplug B") from error


def _require_few_metrics(raw: bytes) -> None:
    count = len(Outline.FromString(raw).metrics)
    if count > MOST_METRICS:
        raise ValueError(f"the payload has {count} metrics; at most {MOST_METRICS} are read")


def _algorithm(outer: Payload) -> str:
    said = next((metric.string_value for metric in outer.metrics if metric.name == "algorithm"), "DEFLATE")
    if (text_of(said) or "").upper() not in _ALGORITHMS:
        raise ValueError(f"the payload is compressed by {said!r}; known are DEFLATE and GZIP")
    return said


def _decompressed(body: bytes, algorithm: str) -> bytes:
    opening = zlib.decompressobj(_EITHER_FORM)
    try:
        opened = opening.decompress(body, LONGEST_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"the payload cannot be decompressed as {algorithm}: {error}") from error
    if len(opened) > LONGEST_BYTES:
        raise ValueError(f"the compressed payload opens to more than {LONGEST_BYTES} bytes")
    if not opening.eof:
        raise ValueError("the compressed payload is cut off")
    return opened
