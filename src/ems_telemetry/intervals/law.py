"""What is configured of a point, as far as its intervals follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from ems_telemetry.config.quantities import Law
from ems_telemetry.model import Kind

HOUR_US: Final = 3_600_000_000


class Mean(StrEnum):
    """How the values of a gauge are brought to one; it follows from the quantity."""

    TIME_WEIGHTED = "time_weighted"
    ENERGETIC = "energetic"
    """Of levels in decibels: ten times the logarithm of the mean of what they stand for."""
    RANGE_ONLY = "range_only"
    """Least and greatest, no mean: a mean of pH values means nothing."""


class Slope(StrEnum):
    """What a gauge does between two readings."""

    STEPPED = "stepped"
    """It holds the earlier one."""
    SLOPED = "sloped"
    """It goes straight from one to the other."""


_MEANS: Mapping[str, Mean] = {Law.ENERGETIC_MEAN: Mean.ENERGETIC, Law.RANGE: Mean.RANGE_ONLY}


def mean_of(law: str) -> Mean:
    """Tells how values are averaged, by the law of their quantity."""
    return _MEANS.get(law, Mean.TIME_WEIGHTED)


def max_gap_of(expected_us: int | None) -> int:
    """Gives how far apart readings may lie before the time between them is a gap: twice the expected interval, or one hour."""
    return HOUR_US if expected_us is None else 2 * expected_us


@dataclass(frozen=True, slots=True)
class PointLaw:
    """What is configured of a point, in its canonical unit.

    `expected_us` is the expected interval, None where none is known. Readings further apart than `max_gap_us` have a gap
    between them. `max_rate_per_h` is the fastest a counter can rise, in units per hour; `modulus` where its register starts
    from zero again. `good_percent` and `bad_percent` are the shares of time from which an interval is good, or bad.
    """

    kind: Kind
    mean: Mean = Mean.TIME_WEIGHTED
    slope: Slope = Slope.STEPPED
    expected_us: int | None = None
    max_gap_us: int = HOUR_US
    max_rate_per_h: Decimal | None = None
    modulus: Decimal | None = None
    good_percent: Decimal = Decimal(100)
    bad_percent: Decimal = Decimal(100)
