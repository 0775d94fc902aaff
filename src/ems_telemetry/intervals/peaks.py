"""Peak demand: the greatest mean power of a block, and what might have been greater."""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import NamedTuple

from ems_telemetry.intervals.counter import EXACTLY
from ems_telemetry.intervals.interval import Interval
from ems_telemetry.intervals.law import HOUR_US


class Peak(NamedTuple):
    """The block with the greatest mean, None where no block was measured as a whole.

    `unconfirmed_peak` is the greatest of the blocks measured in part that would have beaten it, if one would.
    """

    peak: Interval | None
    unconfirmed_peak: Interval | None


def peak_of(blocks: Iterable[Interval], *, partial: bool = False) -> Peak:
    """Finds the peak among the means of blocks that the clock aligns; of equal ones the earliest.

    Args:
        blocks: intervals of power, 15 or 30 minutes each, in any order.
        partial: let blocks count that were measured only in part.
    """
    known = sorted((block for block in blocks if block.value is not None), key=lambda block: block.start_us)
    peak = _greatest(block for block in known if partial or block.coverage >= 1)
    unconfirmed = None if partial else _greatest(block for block in known if block.coverage < 1)
    if peak is not None and unconfirmed is not None and _value(unconfirmed) <= _value(peak):
        unconfirmed = None
    return Peak(peak, unconfirmed)


def mean_power(increment: Interval, length_us: int) -> Interval:
    """Makes of the energy a block took, as a counter gave it in kWh, its mean power in kW."""
    if increment.value is None:
        return increment
    exact = Decimal(repr(increment.value)) if increment.exact is None else increment.exact
    with localcontext(EXACTLY):
        power = float(exact * HOUR_US / length_us)
    return increment._replace(value=power, exact=None, min=None, max=None)


def _greatest(blocks: Iterable[Interval]) -> Interval | None:
    return max(blocks, key=_value, default=None)


def _value(block: Interval) -> float:
    return float("-inf") if block.value is None else block.value
