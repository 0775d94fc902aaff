"""For how long a point was in which state, told from its quarters of an hour: their mean, least and greatest value."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from ems_telemetry.records.inputs.children import Child
from ems_telemetry.rules.arithmetic import ZERO, exactly

_TWO: Final = 2


@exactly
def shares_of(child: Child, codes: Sequence[Decimal]) -> Mapping[Decimal, Decimal]:
    """Tells which share of a quarter a point was in each state, 0 to 1; what is left of the quarter is not known.

    Of two states the mean tells it; of more, a quarter in which the state changed is not known, for a mean of several is
    ambiguous.

    Args:
        child: a quarter; its mean is weighted by time.
        codes: the numbers that the states have, each once.
    """
    value = child.value
    if value is None or not child.coverage or any(each is not None and each not in codes for each in (child.min, child.max)):
        return {}
    if value in codes and (child.min is None or child.min == child.max == value):
        return {value: child.coverage}
    if len(codes) != _TWO or not min(codes) < value < max(codes):
        return {}
    low, high = sorted(codes)
    above = (value - low) / (high - low)
    return {low: child.coverage * (1 - above), high: child.coverage * above}


def known_share(shares: Mapping[Decimal, Decimal]) -> Decimal:
    """Gives which share of a quarter is known."""
    return sum(shares.values(), ZERO)
