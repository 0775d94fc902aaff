"""Times as devices write them: ISO 8601 text, or a count since 1970 in seconds, milli-, micro- or nanoseconds.

A time is read to the microsecond; finer digits are cut off. Nothing here judges whether a time is plausible.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

ReadTime: TypeAlias = Callable[[object, datetime], datetime]
"""From what stands at a time path, and when it was received, to aware UTC; raises ValueError in words."""


class TimeFormat(StrEnum):
    """How a device writes its times."""

    AUTO = "auto"
    ISO8601 = "iso8601"
    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"
    EPOCH_US = "epoch_us"
    EPOCH_NS = "epoch_ns"


_PER_SECOND: Mapping[TimeFormat, int] = {
    TimeFormat.EPOCH_S: 1,
    TimeFormat.EPOCH_MS: 10**3,
    TimeFormat.EPOCH_US: 10**6,
    TimeFormat.EPOCH_NS: 10**9,
}
_MAGNITUDES: tuple[tuple[float, TimeFormat], ...] = (
    # Each bound is the year 5138 in the unit before it and 1973 in the unit after it: no plausible time is near one.
    (1e11, TimeFormat.EPOCH_S),
    (1e14, TimeFormat.EPOCH_MS),
    (1e17, TimeFormat.EPOCH_US),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_LARGEST_S = 253_402_300_799  # the last second of the year 9999


def compile_time(time_format: TimeFormat, zone: ZoneInfo | timezone = UTC) -> ReadTime:
    """Makes the reader of one format.

    Args:
        time_format: `AUTO` tells text from numbers, and the unit of numbers by their size.
        zone: where times without a zone of their own are local. Of the two instants of an hour that is repeated in
            autumn, the one nearer to the reception is taken.
    """

    def read(said: object, received_at: datetime) -> datetime:
        number = None if time_format is TimeFormat.ISO8601 else _as_number(said)
        if number is not None:
            return _from_epoch(number, _unit_of(number) if time_format is TimeFormat.AUTO else time_format)
        if isinstance(said, str) and time_format in {TimeFormat.AUTO, TimeFormat.ISO8601}:
            return _from_text(said, zone, received_at)
        raise ValueError(f"{_shown(said)} is not a time in the format {time_format}")

    return read


def _as_number(said: object) -> int | float | None:
    if isinstance(said, str) and _NUMBER.fullmatch(said.strip()):
        return float(said) if "." in said else int(said)
    return said if isinstance(said, int | float) and not isinstance(said, bool) else None


def _unit_of(number: float) -> TimeFormat:
    size = abs(number)
    for bound, unit in _MAGNITUDES:
        if size < bound:
            return unit
    return TimeFormat.EPOCH_NS


def _from_epoch(number: float, unit: TimeFormat) -> datetime:
    per_second = _PER_SECOND[unit]
    if not abs(number) <= _LARGEST_S * per_second:  # also where it is no number at all
        raise ValueError(f"{number} is beyond all times in the format {unit}")
    if isinstance(number, int):
        return _EPOCH + timedelta(microseconds=number * 10**6 // per_second)
    return _EPOCH + timedelta(seconds=number / per_second)


def _from_text(text: str, zone: ZoneInfo | timezone, received_at: datetime) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip())
        if ":" not in text and "T" not in text:
            raise ValueError("a day without a time")  # noqa: TRY301 - both ways end in the same words
        return _in_utc(time, zone, received_at)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{_shown(text)} is not a time") from error


def _in_utc(time: datetime, zone: ZoneInfo | timezone, received_at: datetime) -> datetime:
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    if zone is UTC:
        return time.replace(tzinfo=UTC)
    candidates = (time.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return min(candidates, key=lambda candidate: abs(candidate - received_at))


def _shown(said: object) -> str:
    text = f'"{said}"' if isinstance(said, str) else repr(said)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - what fits a line of a log
