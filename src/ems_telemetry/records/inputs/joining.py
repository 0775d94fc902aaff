"""Figures of several points as one: quality is that of the worst, coverage that of the least (CR-40)."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from ems_telemetry.records.kinds import RecordQuality
from ems_telemetry.records.method import Figure
from ems_telemetry.rules.arithmetic import ZERO, mean

_BEST_FIRST: Final = (RecordQuality.GOOD, RecordQuality.UNCERTAIN, RecordQuality.ESTIMATED, RecordQuality.MISSING)
_PLACES: Final = 6


class Joined(NamedTuple):
    """What several figures of one period have in common. Shares are in percent.

    `coverage` is the least of them; `measured` and `estimated` are the means over the figures, each of which spans the period.
    """

    quality: RecordQuality
    coverage: Decimal | None
    measured: Decimal | None
    estimated: Decimal | None
    flags: tuple[str, ...]


def join(figures: Sequence[Figure]) -> Joined:
    """Joins figures; of none there is nothing to tell."""
    return Joined(
        max((figure.quality for figure in figures), key=_BEST_FIRST.index, default=RecordQuality.MISSING),
        min((figure.coverage for figure in figures if figure.coverage is not None), default=None),
        _mean(figure.measured for figure in figures),
        _mean(figure.estimated for figure in figures),
        tuple(sorted({flag for figure in figures for flag in figure.flags})),
    )


def sum_of(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Adds up amounts; None if one is missing. Of none the sum is zero."""
    given = list(amounts)
    known = [amount for amount in given if amount is not None]
    return sum(known, ZERO) if len(known) == len(given) else None


def known_of(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Adds up what is known of amounts; None if nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, ZERO) if known else None


def _mean(shares: Iterable[Decimal | None]) -> Decimal | None:
    known = [share for share in shares if share is not None]
    return round(mean(known), _PLACES) if known else None
