"""How complete a period is: what was expected is what was measured, what was substituted, and what is missing."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from typing import NamedTuple

from ems_telemetry.intervals.counter import EXACTLY
from ems_telemetry.intervals.interval import Interval


class Completeness(NamedTuple):
    """Intervals of a period by what is known of them, and their amounts. What is substituted never counts as measured."""

    expected: int
    measured: int
    substituted: int
    measured_total: Decimal
    substituted_total: Decimal

    @property
    def missing(self) -> int:
        """Counts the intervals of which nothing is known."""
        return self.expected - self.measured - self.substituted

    @property
    def total(self) -> Decimal:
        """Gives the amount measured and substituted."""
        with localcontext(EXACTLY):
            return self.measured_total + self.substituted_total

    @property
    def measured_percent(self) -> Decimal:
        """Gives how much of what was expected was measured: the availability. Of nothing expected nothing is missing."""
        return _percent(self.measured, self.expected)

    @property
    def complete_percent(self) -> Decimal:
        """Gives how much of what was expected was measured or substituted."""
        return _percent(self.measured + self.substituted, self.expected)


def completeness_of(expected: int, measured: Iterable[Interval], substituted: Mapping[int, Decimal]) -> Completeness:
    """Counts the intervals of a period.

    Args:
        expected: how many intervals the period has.
        measured: the intervals; null ones count as missing.
        substituted: amounts by the start of their interval, in µs; where a value was measured, that one counts.

    Raises:
        ValueError: there are more intervals than were expected.
    """
    known = {interval.start_us: interval for interval in measured if interval.value is not None}
    filled = [amount for start_us, amount in substituted.items() if start_us not in known]
    if len(known) + len(filled) > expected:
        raise ValueError(f"{len(known)} intervals measured and {len(filled)} substituted; the period has {expected}")
    with localcontext(EXACTLY):
        amounts = (Decimal(repr(each.value)) if each.exact is None else each.exact for each in known.values())
        return Completeness(expected, len(known), len(filled), sum(amounts, Decimal(0)), sum(filled, Decimal(0)))


def _percent(part: int, whole: int) -> Decimal:
    return Decimal(100 * part) / whole if whole else Decimal(100)
