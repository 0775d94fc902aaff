"""Durations, sizes, shares and bits as people write them: `10s`, `1h30m`, `14d`; `4GiB`, `500MB`; `1.5%`; `0xFFFF`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from ruamel.yaml.scalarint import HexCapsInt, HexInt

SECONDS: Mapping[str, float] = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "y": 31_557_600.0,
}
BYTES: Mapping[str, int] = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|[smhdwy])\s*")
_HEXADECIMAL = re.compile(r"0[xX][0-9A-Fa-f]+")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%?")
_MOST_PERCENT = 100
_MOST_WORD: Final = 64
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]?i?B)")


@dataclass(frozen=True, slots=True)
class WrittenBits:
    """A number that was written in hexadecimal: bits, whatever number they spell."""

    bits: int

    @classmethod
    def read(cls, written: object) -> object:
        """Tells bits from everything else, which is left as it is."""
        if isinstance(written, HexInt | HexCapsInt):
            return cls(int(written))
        if isinstance(written, str) and _HEXADECIMAL.fullmatch(written):
            return cls(int(written, 16))
        return written


def parse_duration_s(text: object) -> float:
    """Reads a duration.

    Args:
        text: one or more numbers with units, as `90s` or `1h30m`. A bare number is refused: it does not say its unit.

    Returns:
        Seconds, more than 0. A year counts 365.25 days.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    position = 0
    total_s = 0.0
    text_ = str(text).strip()
    while match := _DURATION_PART.match(text_, position):
        total_s += float(match[1]) * SECONDS[match[2]]
        position = match.end()
    if isinstance(text, bool) or position != len(text_) or total_s <= 0:
        message = f'"{text}" is not a duration; write a number with its unit, as 250ms, 10s, 15m, 1h30m, 14d or 10y'
        raise ValueError(message)
    return total_s


def parse_size_bytes(text: object) -> int:
    """Reads a size in bytes, as `4GiB` or `500MB`; a bare number is refused.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    match = _SIZE.fullmatch(str(text).strip())
    if match is None or match[2] not in BYTES or float(match[1]) <= 0:
        message = f'"{text}" is not a size; write a number with its unit, as 500MB or 4GiB'
        raise ValueError(message)
    return int(float(match[1]) * BYTES[match[2]])


def parse_percent(text: object) -> Decimal:
    """Reads a share, as `1%` or `0.5`: a bare number is in percent too.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    match = None if isinstance(text, bool) else _PERCENT.fullmatch(str(text).strip())
    share = Decimal(0) if match is None else Decimal(match[1])
    if not 0 < share <= _MOST_PERCENT:
        message = f'"{text}" is not a share; write a number in percent above 0 and up to 100, as 1% or 0.5'
        raise ValueError(message)
    return share


def parse_cost_centre(text: object) -> str:
    """Reads the name of a cost centre.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    if not isinstance(text, str):
        message = f'{text} is not a word; write it in quotes, as "0000410010", so that no zero at its front is lost'
        raise ValueError(message)  # noqa: TRY004  # pydantic tells people of ValueError alone
    word = text.strip()
    if not 0 < len(word) <= _MOST_WORD or not word.isprintable():
        message = f'"{text}" is no cost centre; write up to {_MOST_WORD} characters, as "0000410010"'
        raise ValueError(message)
    return word


def format_duration(duration_s: float) -> str:
    """Writes a duration in its largest whole unit, as `15m`."""
    for unit in ("w", "d", "h", "m", "s"):
        if duration_s >= SECONDS[unit] and duration_s % SECONDS[unit] == 0:
            return f"{duration_s / SECONDS[unit]:.12g}{unit}"
    return f"{duration_s:.12g}s" if duration_s >= 1 else f"{duration_s * 1000:.12g}ms"


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(parse_duration_s),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?\s*(ms|min|s|m|h|d|w|y)\s*)+$", "examples": ["10s", "15m"]}),
]
"""Seconds, written in files as `10s`, `15m`, `14d`."""

Percent: TypeAlias = Annotated[
    Decimal,
    BeforeValidator(parse_percent),
    PlainSerializer(lambda share: f"{share}%"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": _MOST_PERCENT},
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$", "examples": ["1%", "0.5%"]},
            ]
        }
    ),
]
"""Percent, written in files as `1%` or as a number."""

CostCentre: TypeAlias = Annotated[
    str,
    BeforeValidator(parse_cost_centre),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64, "examples": ["0000410010"]}),
]
"""A word of the accounts, as `"0000410010"`: never a number, of which zeros at the front would be lost."""

ByteSize: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_size_bytes),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*([kMGT]?B|[KMGT]iB)$", "examples": ["500MB", "4GiB"]}),
]
"""Bytes, written in files as `4GiB`."""
