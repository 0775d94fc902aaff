"""Readings written down in a CSV file, as a spreadsheet saves it: samples, and every problem with its line and a remedy.

Columns `point`, `time`, `value` and, if wanted, `quality`, in any order. Nothing of a sheet with problems should be imported.
"""

import csv
import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.errors import Problem
from ems_telemetry.model import Flag, Quality, RawValue, Sample

REQUIRED = ("point", "time", "value")
COLUMNS = (*REQUIRED, "quality")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(minutes=5)

_QUALITIES: Mapping[str, Quality] = {
    word: quality for quality in Quality for word in (quality.name.lower(), str(quality.value))
}
_INTEGER = re.compile(r"[+-]?\d{1,300}")
_DECIMAL = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d{1,3})?")
_LOOKS_LIKE_A_NUMBER = re.compile(r"[+-]?[.,]?\d")


class KnownPoint(NamedTuple):
    """What a sheet must know of a point: the zone of its site, and the words it takes in the place of numbers."""

    zone: ZoneInfo
    states: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file held. `problems` are in the order of their lines; `samples` are complete only where there are none."""

    samples: Sequence[Sample]
    problems: Sequence[Problem]


def read_sheet(path: Path, known_points: Mapping[str, KnownPoint], received_at: datetime) -> Sheet:
    """Reads a file of readings.

    Args:
        path: CSV in UTF-8, with a line of column names; separated by commas, or by semicolons and then with either a point
            or a comma in decimals.
        known_points: the points that may stand in it, by their keys, as `GM-01.volume`; times without a zone are local in
            theirs.
        received_at: the moment of the import, aware UTC; no reading may lie after it.

    Returns:
        Samples flagged `MANUAL`, and what is wrong. A file that cannot be opened is a problem too.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Sheet((), (Problem(path, None, f"cannot be read: {error.strerror}"),))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Sheet((), (Problem(path, line, "is not UTF-8 text: save it as CSV UTF-8"),))
    return _Reading(path, known_points, received_at).read(text)


class _Refused(ValueError):  # noqa: N818 - says what became of a line
    """A line cannot be taken; the words are for the person who wrote it."""


class _Reading:
    """Reads one sheet, line by line."""

    def __init__(self, path: Path, known_points: Mapping[str, KnownPoint], received_at: datetime) -> None:
        self._path = path
        self._known = known_points
        self._received_at = received_at
        self._decimal_comma = False
        self._seen: dict[tuple[str, datetime], int] = {}
        self._problems: list[Problem] = []

    def read(self, text: str) -> Sheet:
        delimiter = ";" if ";" in text.partition("\n")[0] else ","
        self._decimal_comma = delimiter == ";"
        rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        samples: list[Sample] = []
        try:
            header = next(rows, [])
            columns = self._columns(header)
            if not self._problems:
                samples.extend(self._samples(rows, columns))
        except csv.Error as error:
            self._refuse(rows.line_num, f"is not CSV here: {error}")
        return Sheet(tuple(samples), tuple(self._problems))

    def _columns(self, header: Sequence[str]) -> list[str]:
        columns = [name.strip().lower() for name in header]
        for name in columns:
            if name not in COLUMNS:
                self._refuse(1, f'column "{name}" is not known; {_meant(name, COLUMNS)}')
            elif columns.count(name) > 1:
                self._refuse(1, f'column "{name}" stands twice')
                break
        missing = [name for name in REQUIRED if name not in columns]
        if missing:
            self._refuse(1, f"the first line must name the columns {', '.join(REQUIRED)}; missing: {', '.join(missing)}")
        return columns

    def _samples(self, rows: "Iterator[list[str]]", columns: Sequence[str]) -> Iterator[Sample]:
        line = 2
        for row in rows:
            try:
                if any(cell.strip() for cell in row):
                    yield self._sample(row, columns, line)
            except _Refused as refused:
                self._refuse(line, str(refused))
            line = rows.line_num + 1  # type: ignore[attr-defined]  # the type of a csv reader has no public name

    def _sample(self, row: Sequence[str], columns: Sequence[str], line: int) -> Sample:
        if len(row) != len(columns):
            remedy = (
                "put a value with a comma in quotes, or separate by semicolons" if len(row) > len(columns) else "fill them in"
            )
            raise _Refused(f"has {len(row)} columns where the first line has {len(columns)}: {remedy}")
        cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
        point = self._point(cells["point"])
        time = self._time(cells["time"], self._known[point].zone)
        earlier = self._seen.setdefault((point, time), line)
        if earlier != line:
            raise _Refused(f"{point} has a reading at this time already in line {earlier}: remove one of them")
        return Sample(
            point=point,
            time=time,
            value=self._value(cells["value"], self._known[point].states),
            received_at=self._received_at,
            quality=_quality(cells.get("quality", "")),
            flags=Flag.MANUAL,
        )

    def _point(self, key: str) -> str:
        if key not in self._known:
            raise _Refused(f'point "{key}" is not known; {_meant(key, self._known)}')
        return key

    def _time(self, text: str, zone: ZoneInfo) -> datetime:
        time = _in_utc(text, zone)
        if time > self._received_at + LATEST_AHEAD:
            raise _Refused(f'time "{text}" lies in the future: correct it')
        if time < EARLIEST:
            raise _Refused(f'time "{text}" lies before the year 2000: correct it')
        return time

    def _value(self, text: str, states: Collection[str]) -> RawValue:
        if not text:
            raise _Refused("value is empty: leave the line out where nothing was read")
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text) and (self._decimal_comma or "," not in text):
            return float(text.replace(",", "."))
        if _LOOKS_LIKE_A_NUMBER.match(text):
            mark = "a point or a comma" if self._decimal_comma else "a point"
            raise _Refused(f'value "{text}" is not a number: write digits and {mark} for decimals, nothing else')
        if text in states:
            return text
        if states:
            raise _Refused(f'value "{text}" is no number and no state of the point; {_meant(text, states)}')
        raise _Refused(f'value "{text}" is not a number')

    def _refuse(self, line: int, words: str) -> None:
        self._problems.append(Problem(self._path, line, words))


def _in_utc(text: str, zone: ZoneInfo) -> datetime:
    if ":" not in text:
        raise _Refused(f'time "{text}" has no time of day: write it as 2026-03-01 08:00')
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise _Refused(f'time "{text}" is not understood: write it as 2026-03-01 08:00') from error
    if time.tzinfo is None:
        return _local_in_utc(time, text, zone)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise _Refused(f'time "{text}" is beyond all calendars: correct it') from error


def _local_in_utc(time: datetime, text: str, zone: ZoneInfo) -> datetime:
    """Refuses a local time that occurs twice or never on the night when the clocks change."""
    try:
        first, second = (time.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError as error:
        raise _Refused(f'time "{text}" is beyond all calendars: correct it') from error
    if first.astimezone(zone).replace(tzinfo=None) != time:
        raise _Refused(f'time "{text}" does not exist in {zone.key}: the clocks were put forward over it')
    if first != second:
        offset = first.astimezone(zone).strftime("%z")
        raise _Refused(f'time "{text}" occurs twice in {zone.key}: add its offset, as {text}{offset[:3]}:{offset[3:]}')
    return first


def _quality(text: str) -> Quality:
    if not text:
        return Quality.GOOD
    quality = _QUALITIES.get(text.lower())
    if quality is None:
        raise _Refused(f'quality "{text}" is not known; write good, uncertain or bad')
    return quality


def _meant(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names[:10])}{', …' if len(names) > 10 else ''}"  # noqa: PLR2004 - as many as fit a line
