"""Lists as JSON, CSV, NDJSON or Parquet: which one a client wants, and how items are written in each.

Times are RFC 3339 in UTC with `Z`, to the microsecond. Null stays null: `null` in JSON, an empty cell in CSV.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any, TypeAlias

import msgspec

from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.wording import spreadsheet_text

Item: TypeAlias = Mapping[str, Any] | msgspec.Struct
"""Fields by their names. A structure is made and written in a fraction of the time; where there may be 10,000 it pays."""


class Format(StrEnum):
    """What a list may be written as."""

    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}
CONTENT_TYPES = {**MEDIA_TYPES, Format.CSV: "text/csv; charset=utf-8; header=present"}
_NUMBERS = {int, float, NoneType}
_TO_QUOTE = re.compile(r'[",\r\n]')


def choose_format(asked: Format | None, accept: str | None, offered: Sequence[Format] = tuple(Format)) -> Format:
    """Chooses the format of an answer.

    Args:
        asked: the parameter `format`; it wins over the header.
        accept: the header Accept; the most wanted of what is offered is taken, the first offered among equals.
        offered: what this answer can be written as.

    Raises:
        ApiError: nothing of what the client accepts is offered.
    """
    if asked is not None:
        return asked
    wishes = _read_accept(accept or "*/*")
    best = max(offered, key=lambda candidate: _weight(candidate, wishes))
    if _weight(best, wishes) > 0:
        return best
    possible = ", ".join(MEDIA_TYPES[format_] for format_ in offered)
    raise ApiError(ProblemType.NOT_ACCEPTABLE, f"the header Accept names none of {possible}")


def write_json(items: Sequence[Item], following: str | None) -> bytes:
    """Writes `{"items": […], "next": …}`."""
    return msgspec.json.encode({"items": items, "next": following})


def write_ndjson(items: Iterable[Item]) -> bytes:
    """Writes one JSON object per line."""
    return msgspec.json.Encoder().encode_lines(items)


def column_of(items: Sequence[Item], name: str) -> list[Any]:
    """Gives one field of items that are all of one kind."""
    are_structures = bool(items) and isinstance(items[0], msgspec.Struct)
    field: Callable[[Any], Any] = attrgetter(name) if are_structures else itemgetter(name)
    return list(map(field, items))


def write_csv(items: Sequence[Item], columns: Sequence[str]) -> bytes:
    """Writes a head line and one line per item, as RFC 4180 has it; words of a list are set apart by spaces."""
    texts = (_texts(column_of(items, name)) for name in columns)
    return "".join(f"{','.join(row)}\r\n" for row in (columns, *zip(*texts, strict=True))).encode()


def write_time(time: datetime) -> str:
    """Writes a time as RFC 3339 in UTC; the fraction is left out where it is zero."""
    return time.isoformat().replace("+00:00", "Z")


def _write_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _write_list(values: list[object]) -> str:
    try:
        return " ".join(values)  # type: ignore[arg-type]  # most are words; the others say so
    except TypeError:
        return _write_json(values)


_CELLS: Mapping[type, Callable[[Any], str]] = {
    datetime: write_time,
    bool: lambda value: "true" if value else "false",
    str: spreadsheet_text,
    list: _write_list,
    dict: _write_json,
}


def _texts(values: Sequence[object]) -> Sequence[str]:
    """Writes a column. What a column of times or numbers needs, JSON's encoder does in a twentieth of the time."""
    kinds = set(map(type, values))
    if kinds == {datetime}:
        times: list[str] = msgspec.to_builtins(values)
        return times
    if kinds <= _NUMBERS:
        written = msgspec.json.encode(values)[1:-1].decode().replace("null", "")
        # Very large and very small numbers have an exponent here, and JSON's encoder writes it otherwise or not at all.
        if "e" not in written and "0.0000" not in written:
            return written.split(",") if values else []
    return [_text(value) for value in values]


def _text(value: object) -> str:
    if value is None:
        return ""
    text = _CELLS.get(type(value), str)(value)
    return '"{}"'.format(text.replace('"', '""')) if _TO_QUOTE.search(text) else text


def _read_accept(accept: str) -> dict[str, float]:
    """Reads the header into media ranges and their weights; one that cannot be read weighs nothing."""
    wishes: dict[str, float] = {}
    for part in accept.split(","):
        range_, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((word.removeprefix("q=") for word in parameters if word.startswith("q=")), "1")
        try:
            wishes[range_] = float(weight)
        except ValueError:
            wishes[range_] = 0.0
    return wishes


def _weight(format_: Format, wishes: Mapping[str, float]) -> float:
    media_type = MEDIA_TYPES[format_]
    group = f"{media_type.partition('/')[0]}/*"
    return next((wishes[range_] for range_ in (media_type, group, "*/*") if range_ in wishes), 0.0)
