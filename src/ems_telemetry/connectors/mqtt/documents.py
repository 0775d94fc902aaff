"""From payloads to documents: JSON, or one value in plain text, unpacked first where it comes compressed. Pure functions."""

import re
import zlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import TypeAlias

import msgspec

from ems_telemetry.model import RawValue

ReadPayload: TypeAlias = Callable[[bytes], object]
"""From a payload to the document that paths point into; raises ValueError in words."""


class Compression(StrEnum):
    """How payloads are packed."""

    NONE = "none"
    GZIP = "gzip"
    AUTO = "auto"


class DuplicateKeys(StrEnum):
    """What becomes of a JSON object that has a key twice."""

    LAST = "last"
    REFUSE = "refuse"


MOST_UNPACKED_BYTES = 16 * 1024 * 1024
"""Beyond this size a packed payload is refused: a few kilobytes could fill the memory."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
_WORDS: Mapping[str, RawValue] = {"true": True, "false": False, "null": None, "nan": float("nan")}
_INTEGER = re.compile(r"[+-]?\d{1,1000}")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_json = msgspec.json.Decoder()


@cache
def compile_reading(
    *, scalar: bool = False, compression: Compression = Compression.NONE, duplicate_keys: DuplicateKeys = DuplicateKeys.LAST
) -> ReadPayload:
    """Makes the reader of payloads; the same settings give the same reader, so that a payload is read once for all of them."""
    strict = duplicate_keys is DuplicateKeys.REFUSE
    read = read_scalar if scalar else read_strict_json if strict else read_json
    if compression is Compression.NONE:
        return read
    always = compression is Compression.GZIP
    return lambda payload: read(unpack(payload) if always or payload.startswith(_GZIP_MAGIC) else payload)


def read_json(payload: bytes) -> object:
    """Parses JSON. Integers stay exact whatever their size; of a key that stands twice, the last one counts."""
    try:
        return _json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the payload is not JSON: {error}" if payload else "the payload is empty") from error


def read_strict_json(payload: bytes) -> object:
    """Parses JSON and refuses it where an object has a key twice.

    In JSON each colon outside a string follows one key: a document that keeps fewer keys than that has lost some.
    """
    document = read_json(payload)
    if _STRING.sub(b"", payload).count(b":") != _count_keys(document):
        raise ValueError("the payload has a key twice in one object")
    return document


def _count_keys(document: object) -> int:
    keys, waiting = 0, [document]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            keys += len(found)
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
    return keys


def read_scalar(payload: bytes) -> RawValue:
    """Reads a payload that is one value in plain text: a number, true or false, or a word for a state."""
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"the payload is not text: {error}") from error
    if not text:
        raise ValueError("the payload is empty")
    number = number_in(text)
    return _WORDS.get(text.lower(), text) if number is None else number


def number_in(text: str) -> float | int | None:
    """Reads a number written as text, as `12`, `-0.5` or `1e3`; None if the text is none."""
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else None


def unpack(payload: bytes) -> bytes:
    """Unpacks gzip, of several members too.

    Raises:
        ValueError: it is not gzip, is cut short, or unpacks to more than `MOST_UNPACKED_BYTES`.
    """
    parts: list[bytes] = []
    room, rest = MOST_UNPACKED_BYTES + 1, payload
    while rest or not parts:
        unpacking = zlib.decompressobj(_GZIP_WINDOW)
        try:
            parts.append(unpacking.decompress(rest, room))
        except zlib.error as error:
            raise ValueError(f"the payload is not gzip: {error}") from error
        room -= len(parts[-1])
        if room <= 0:
            raise ValueError(f"the payload unpacks to more than {MOST_UNPACKED_BYTES} bytes")
        if not unpacking.eof:
            raise ValueError("the payload is gzip that is cut short")
        rest = unpacking.unused_data
    return b"".join(parts)
