"""Peak demand: the greatest mean power of a block, and what might have been greater."""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Generic, NamedTuple, Protocol, TypeVar

from ems_telemetry.intervals.counter import EXACTLY
from ems_telemetry.intervals.interval import Interval
from ems_telemetry.intervals.law import HOUR_US


class Block(Protocol):
    """What a peak is found among: the mean of a block of time, None where nothing is known, and how much of it was measured."""

    @property
    def start_us(self) -> int:
        """Tells when it begins."""

    @property
    def value(self) -> float | Decimal | None:
        """Gives its mean."""

    @property
    def coverage(self) -> float | Decimal:
        """Tells which share of it was measured, 0 to 1."""


BlockT = TypeVar("BlockT", bound=Block)


class Peak(NamedTuple, Generic[BlockT]):
    """The block with the greatest mean, None where no block was measured as a whole.

    `unconfirmed_peak` is the greatest of the blocks measured in part that would have beaten it, if one would.
    """

    peak: BlockT | None
    unconfirmed_peak: BlockT | None


def peak_of(blocks: Iterable[BlockT], *, partial: bool = False) -> Peak[BlockT]:
    """Finds the peak among the means of blocks that the clock aligns; of equal ones the earliest.

    Args:
        blocks: of equal length, in any order; those without a mean are passed over.
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


def _greatest(blocks: Iterable[BlockT]) -> BlockT | None:
    return max(blocks, key=_value, default=None)


def _value(block: Block) -> Decimal:
    """Gives the mean exactly, a double's too."""
    return Decimal("-Infinity") if block.value is None else Decimal(block.value)
