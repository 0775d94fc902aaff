"""The hash of the intervals that a record was made of: a month of quarters is three thousand rows, and every record has some.

It is that of their canonical form (RFC 8785), written here row by row since every row has the same few kinds of values.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Protocol

from ems_telemetry.evidence.canonical import decimal_words, time_words


class Hashed(Protocol):
    """What is hashed of an interval. `flags` are names, of small letters and underscores."""

    @property
    def start(self) -> datetime:
        """Tells when it begins."""

    @property
    def value(self) -> Decimal | None:
        """Gives its value."""

    @property
    def coverage(self) -> Decimal:
        """Tells which share of it was measured."""

    @property
    def quality(self) -> int:
        """Gives its quality."""

    @property
    def flags(self) -> Sequence[str]:
        """Gives the names of its flags."""

    @property
    def revision(self) -> int:
        """Counts its revisions."""


def interval_digest(intervals: Iterable[Hashed]) -> str:
    """Gives the SHA-256, hexadecimal, of the canonical form of `[[start, value, coverage, quality, flags, revision], …]`."""
    return sha256(f"[{','.join(map(_row, intervals))}]".encode()).hexdigest()


def _row(interval: Hashed) -> str:
    value = "null" if interval.value is None else f'"{decimal_words(interval.value)}"'
    flags = ",".join(f'"{flag}"' for flag in interval.flags)
    covered = decimal_words(interval.coverage)
    return f'["{time_words(interval.start)}",{value},"{covered}",{interval.quality},[{flags}],{interval.revision}]'
