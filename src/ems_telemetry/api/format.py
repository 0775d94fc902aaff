"""Lists as JSON, CSV, NDJSON or Parquet: which one a client wants, and how items are written in each.

Times are RFC 3339 in UTC with `Z`, to the microsecond. Null stays null: `null` in JSON, an empty cell in CSV.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from ems_telemetry.api.problem import ApiError, ProblemType

Item = Mapping[str, Any]


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
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


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


def write_csv(items: Iterable[Item], columns: Sequence[str]) -> bytes:
    """Writes a head line and one line per item, as RFC 4180 has it; words of a list are set apart by spaces."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(item[column]) for column in columns] for item in items)
    return text.getvalue().encode()


def write_time(time: datetime) -> str:
    """Writes a time as RFC 3339 in UTC; the fraction is left out where it is zero."""
    return time.isoformat().replace("+00:00", "Z")


def _write_text(text: str) -> str:
    # A spreadsheet would run it as a formula, and some of these words came from a device.
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text) else text


def _write_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


_CELLS: Mapping[type, Callable[[Any], str]] = {
    datetime: write_time,
    bool: lambda value: "true" if value else "false",
    str: _write_text,
    list: lambda value: " ".join(value) if all(isinstance(word, str) for word in value) else _write_json(value),
    dict: _write_json,
}


def _cell(value: object) -> object:
    write = _CELLS.get(type(value))
    return value if write is None else write(value)


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
