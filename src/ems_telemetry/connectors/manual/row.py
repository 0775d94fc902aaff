"""One row of readings written down by people or programs: what its cells mean, and what is wrong with them, with a remedy."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.model import Quality, RawValue, Sample

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
    """What a row must know of a point: the zone of its site, and the words it takes in the place of numbers."""

    zone: ZoneInfo
    states: Collection[str] = ()


class RefusedRowError(ValueError):
    """A row cannot be taken; the words are for the person who wrote it."""


class RowReader:
    """Reads rows of the columns `COLUMNS`; cells are texts, or what a format with types made of them.

    Args:
        known_points: the points that may stand in it, by their keys, as `GM-01.volume`; times without a zone are local in
            theirs.
        received_at: the moment of the import, aware UTC; no reading may lie after it.
        flags: the flags of all samples.
        decimal_comma: whether a number's text may have a comma in the place of the point.
    """

    def __init__(
        self, known_points: Mapping[str, KnownPoint], received_at: datetime, flags: int, *, decimal_comma: bool = False
    ) -> None:
        self._known = known_points
        self._received_at = received_at
        self._flags = flags
        self._decimal_comma = decimal_comma

    def read(self, cells: Mapping[str, object]) -> Sample:
        """Reads one row.

        Raises:
            RefusedRowError: it cannot be taken.
        """
        point = cells["point"]
        if not isinstance(point, str) or point not in self._known:
            raise RefusedRowError(f'point "{point}" is not known; {meant(str(point), self._known)}')
        known = self._known[point]
        return Sample(
            point=point,
            time=self._time(cells["time"], known.zone),
            value=self._value(cells["value"], known.states),
            received_at=self._received_at,
            quality=_quality(cells.get("quality")),
            flags=self._flags,
        )

    def _time(self, written: object, zone: ZoneInfo) -> datetime:
        if isinstance(written, datetime):
            time = _local_in_utc(written, str(written), zone) if written.tzinfo is None else written.astimezone(UTC)
        else:
            time = _in_utc(str(written), zone)
        if time > self._received_at + LATEST_AHEAD:
            raise RefusedRowError(f'time "{written}" lies in the future: correct it')
        if time < EARLIEST:
            raise RefusedRowError(f'time "{written}" lies before the year 2000: correct it')
        return time

    def _value(self, written: object, states: Collection[str]) -> RawValue:
        if isinstance(written, bool | int | float):
            return written
        if isinstance(written, Decimal):
            return int(written) if written == written.to_integral_value() else float(written)
        text = "" if written is None else str(written)
        if not text:
            raise RefusedRowError("value is empty: leave the line out where nothing was read")
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text) and (self._decimal_comma or "," not in text):
            return float(text.replace(",", "."))
        if _LOOKS_LIKE_A_NUMBER.match(text):
            mark = "a point or a comma" if self._decimal_comma else "a point"
            raise RefusedRowError(f'value "{text}" is not a number: write digits and {mark} for decimals, nothing else')
        if text in states:
            return text
        if states:
            raise RefusedRowError(f'value "{text}" is no number and no state of the point; {meant(text, states)}')
        raise RefusedRowError(f'value "{text}" is not a number')


def wrong_columns(names: Iterable[str]) -> list[str]:
    """Says what is wrong with the names of the columns; nothing if they are right."""
    columns = list(names)
    problems = []
    for name in columns:
        if name not in COLUMNS:
            problems.append(f'column "{name}" is not known; {meant(name, COLUMNS)}')
        elif columns.count(name) > 1:
            problems.append(f'column "{name}" stands twice')
            break
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        problems.append(f"the first line must name the columns {', '.join(REQUIRED)}; missing: {', '.join(missing)}")
    return problems


def wrong_length(cells: int, columns: int) -> str:
    """Says that a row has not as many cells as there are columns."""
    remedy = "put a value with a comma in quotes, or separate by semicolons" if cells > columns else "fill them in"
    return f"has {cells} columns where the first line has {columns}: {remedy}"


def _in_utc(text: str, zone: ZoneInfo) -> datetime:
    if ":" not in text:
        raise RefusedRowError(f'time "{text}" has no time of day: write it as 2026-03-01 08:00')
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedRowError(f'time "{text}" is not understood: write it as 2026-03-01 08:00') from error
    if time.tzinfo is None:
        return _local_in_utc(time, text, zone)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise RefusedRowError(f'time "{text}" is beyond all calendars: correct it') from error


def _local_in_utc(time: datetime, text: str, zone: ZoneInfo) -> datetime:
    """Refuses a local time that occurs twice or never on the night when the clocks change."""
    try:
        first, second = (time.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError as error:
        raise RefusedRowError(f'time "{text}" is beyond all calendars: correct it') from error
    if first.astimezone(zone).replace(tzinfo=None) != time:
        raise RefusedRowError(f'time "{text}" does not exist in {zone.key}: the clocks were put forward over it')
    if first != second:
        offset = first.astimezone(zone).strftime("%z")
        raise RefusedRowError(f'time "{text}" occurs twice in {zone.key}: add its offset, as {text}{offset[:3]}:{offset[3:]}')
    return first


def _quality(written: object) -> Quality:
    if written is None or written == "":
        return Quality.GOOD
    quality = _QUALITIES.get(str(written).lower())
    if quality is None:
        raise RefusedRowError(f'quality "{written}" is not known; write good, uncertain or bad')
    return quality


def meant(word: str, known: Iterable[str]) -> str:
    """Names the known word that was probably meant, or some of those there are."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names[:10])}{', …' if len(names) > 10 else ''}"  # noqa: PLR2004 - as many as fit a line
