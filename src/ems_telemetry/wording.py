"""Amounts as people read them: durations, sizes, rates; and words that spreadsheets leave alone."""

import re
from collections.abc import Sequence

_TIMES: Sequence[tuple[str, float]] = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))
_SIZES: Sequence[tuple[str, float]] = (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))
_SMALL = 10.0
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def duration_words(duration_s: float) -> str:
    """Writes a duration in its largest unit and, where that is few, the next: `4 d 3 h`, `12 min`, `0.3 s`."""
    for index, (unit, size_s) in enumerate(_TIMES[:-1]):
        if duration_s < size_s:
            continue
        whole, rest_s = divmod(duration_s, size_s)
        smaller, smaller_s = _TIMES[index + 1]
        more = int(rest_s // smaller_s) if whole < _SMALL and smaller != "s" else 0
        return f"{whole:.0f} {unit}" + (f" {more} {smaller}" if more else "")
    return f"{duration_s:.1f} s" if duration_s < _SMALL else f"{duration_s:.0f} s"


def size_words(size_bytes: float) -> str:
    """Writes a size: `4 GiB`, `1.5 MiB`, `120 B`."""
    for unit, size in _SIZES:
        if size_bytes >= size:
            return f"{_short(size_bytes / size)} {unit}"
    return f"{size_bytes:.0f} B"


def rate_words(per_second: float | None) -> str:
    """Writes a rate: `1,204`, `12.3`, `0.05`, `0`; `?` where it is not known yet."""
    return "?" if per_second is None else _short(per_second)


def spreadsheet_text(text: str) -> str:
    """Gives a text so that no spreadsheet runs it as a formula: words of devices and people get into files."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text) else text


def _short(number: float) -> str:
    if number == 0:
        return "0"
    if number < 1:
        return f"{number:.2f}"
    return f"{number:.1f}".removesuffix(".0") if number < 10 * _SMALL else f"{number:,.0f}"
