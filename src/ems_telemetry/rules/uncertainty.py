"""How uncertain a sum is, and which tier of the EU's monitoring regulation that reaches (CR-47)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import ZERO, digits, exactly

MRR_FUEL_TIERS: Final[Mapping[int, Decimal]] = MappingProxyType(
    {1: Decimal("7.5"), 2: Decimal(5), 3: Decimal("2.5"), 4: Decimal("1.5")}
)
"""How uncertain the amount of a fuel may be over the reporting period, percent by tier: Regulation (EU) 2018/2066, annex II."""


class Uncertain(NamedTuple):
    """An amount and its uncertainty in percent of it."""

    amount: Decimal
    uncertainty_percent: Decimal


@exactly
def uncertainty_of_sum(parts: Sequence[Uncertain]) -> Decimal:
    """Gives the uncertainty of a sum of parts that are measured apart, in percent of it: root of squares.

    What is taken away, as the closing stock, is a negative amount.

    Raises:
        CannotComputeError: the sum is zero, or an uncertainty is negative.
    """
    for part in parts:
        if part.uncertainty_percent < 0:
            raise CannotComputeError(f"the uncertainty is {digits(part.uncertainty_percent)} %; it cannot be negative")
    total = sum((part.amount for part in parts), ZERO)
    if not total:
        raise CannotComputeError("amounts add up to zero; an uncertainty in percent of nothing does not exist")
    squares = sum(((part.amount * part.uncertainty_percent) ** 2 for part in parts), ZERO)
    return squares.sqrt() / abs(total)


def tier_of(uncertainty_percent: Decimal, tiers: Mapping[int, Decimal] = MRR_FUEL_TIERS) -> int | None:
    """Gives the highest tier whose limit an uncertainty does not exceed, None where it reaches none."""
    return max((tier for tier, limit_percent in tiers.items() if uncertainty_percent <= limit_percent), default=None)
