"""Canonical JSON (RFC 8785): equal content gives equal bytes, and what hashes and signatures are taken of.

The forms of the house: decimals are strings without exponent, times are RFC 3339 in UTC with `Z`, ids are strings. Floats
are refused: what they say depends on who prints them.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from types import NoneType
from typing import Any, Final, NoReturn, TypeAlias
from uuid import UUID

import rfc8785

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH: Final = 64
"""So deep may lists and objects be nested; records need about five."""
LARGEST_INTEGER: Final = 2**53 - 1
"""Beyond it, readers of JSON that know doubles alone would take another number (RFC 8785, 3.2.2.3; RFC 7493, 2.2)."""
_BEYOND_PLANE: Final = re.compile("[\U00010000-\U0010ffff]")
_encode: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode
"""What it is given is a tree of bounded depth, made anew."""
_PATH_SHOWN: Final = 200
LEAF_PREFIX: Final = b"\x00"
"""Tells leaves from inner nodes (RFC 6962, 2.1)."""


def canonical(value: object) -> bytes:
    """Gives the one form of a value in JSON.

    Args:
        value: None, booleans, integers, strings, decimals, aware datetimes, dates, UUIDs, and lists, tuples and mappings of
            these.

    Raises:
        TypeError: what has no form here, floats among it; with its path.
        ValueError: an integer beyond 2^53, a decimal that is no number, a naive time, text that is not Unicode, or what is
            nested too deeply.
    """
    return _written(_formed(value))


def plain_object(value: Mapping[str, object]) -> dict[str, Json]:
    """Gives an object as its canonical form reads back. Raises as `canonical` does."""
    return dict(_formed(value))  # type: ignore[arg-type]  # of a mapping comes an object


def digest(value: object) -> bytes:
    """Gives SHA-256 of the canonical form, 32 bytes. Raises as `canonical` does."""
    return sha256(canonical(value)).digest()


def leaf(value: object) -> bytes:
    """Gives the leaf of a value in chains and trees, SHA-256(0x00 || canonical), 32 bytes. Raises as `canonical` does."""
    return leaf_of(canonical(value))


def leaf_of(content: bytes) -> bytes:
    """Gives the leaf of bytes, 32 bytes (RFC 6962, 2.1)."""
    return sha256(LEAF_PREFIX + content).digest()


def parse(text: bytes) -> Json:
    """Reads JSON strictly, as evidence needs it: a repeated key, a float or a NaN could be read in two ways.

    Raises:
        ValueError: in words.
    """
    try:
        parsed: Json = json.loads(
            text.decode(), object_pairs_hook=_unrepeated, parse_float=_refuse_number, parse_constant=_refuse_number
        )
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    return parsed


def decimal_words(value: Decimal) -> str:
    """Writes a decimal without exponent and without zeros at its end: equal numbers give equal words.

    Raises:
        ValueError: it is infinite, or no number.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that evidence can hold")
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def time_words(value: datetime) -> str:
    """Writes a time as RFC 3339 in UTC with `Z`, to the microsecond only where there is one.

    Raises:
        ValueError: it has no time zone.
    """
    if value.utcoffset() is None:
        raise ValueError(f"{value.isoformat()} has no time zone")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _written(value: Json) -> bytes:
    """Writes what has a form already, as RFC 8785 says.

    Python's own encoder escapes the same characters in the same manner and writes integers alike, several times as fast; it
    sorts keys by code points. That is their order in UTF-16 too as long as nothing is beyond the Basic Multilingual Plane,
    whose surrogates would come before U+E000.
    """
    text = _encode(value)
    return text.encode() if text.isascii() or _BEYOND_PLANE.search(text) is None else rfc8785.dumps(value)


def _formed(value: object) -> Json:
    """Gives a value as JSON has it; what has no form is told with its path, which is looked for only then."""
    try:
        return _as_json(value, 0)
    except TypeError as error:
        raise TypeError(f"{_path_to_formless(value)}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{_path_to_formless(value)}: {error}") from error


def _as_json(value: object, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise ValueError(f"is nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if kind is str:  # most are
        return _text(value)  # type: ignore[arg-type]  # it is one
    if kind not in _FORMS:  # scalars need not be asked what else they are
        if isinstance(value, Mapping):
            return {_key(key): _as_json(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [_as_json(part, depth + 1) for part in value]
    return _scalar(value)


def _path_to_formless(value: object) -> str:
    """Finds the first part that has no form."""
    path, depth, within = "$", 0, True
    while within:
        within, depth = False, depth + 1
        for step, part in _parts(value):
            try:
                _as_json(part, depth)
            except (TypeError, ValueError):
                path, value, within = path + step, part, True
                break
    return path[:_PATH_SHOWN]


def _parts(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [(f".{key}", part) for key, part in value.items()]
    return [(f"[{index}]", part) for index, part in enumerate(value)] if isinstance(value, list | tuple) else []


def _scalar(value: object) -> Json:
    for kind in type(value).__mro__:
        if kind in _FORMS:
            return _FORMS[kind](value)
    raise TypeError(f"a {type(value).__name__} has no form in evidence")


def _itself(value: Json) -> Json:
    return value


def _value_of(value: Enum) -> Json:
    return _scalar(value.value)


def _text(value: str) -> str:
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{value!r} holds half a surrogate pair, which is no text") from error
    return value


def _integer(value: int) -> int:
    if abs(value) > LARGEST_INTEGER:
        raise ValueError(f"{value} is beyond 2^53; write it as a string")
    return value


def _refuse_float(value: float) -> NoReturn:
    raise TypeError(f"{value!r} is a float; numbers of evidence are decimals or integers")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is not a string")
    return _text(key)


def _unrepeated(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f'has the key "{key}" twice')
        found[key] = value
    return found


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"has the number {text}; numbers of evidence are strings or integers")


_FORMS: Final[Mapping[type, Callable[[Any], Json]]] = {
    str: _text,
    int: _integer,
    bool: _itself,
    NoneType: _itself,
    Decimal: decimal_words,
    datetime: time_words,
    date: date.isoformat,
    UUID: str,
    Enum: _value_of,
    float: _refuse_float,
}
"""How scalars are written; of a class that is several of these, the nearest ancestor decides."""
