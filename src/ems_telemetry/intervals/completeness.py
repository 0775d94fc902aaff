"""How complete a period is: what was expected is what was measured, what was substituted, and what is missing."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ems_telemetry.intervals.interval import Interval
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.availability import Layers


@exactly
def completeness_of(expected: int, measured: Iterable[Interval], substituted: Mapping[int, Decimal]) -> Layers:
    """Counts the intervals of a period.

    Args:
        expected: how many intervals the period has.
        measured: the intervals; null ones count as missing.
        substituted: amounts by the start of their interval, in µs; where a value was measured, that one counts.

    Raises:
        CannotComputeError: there are more intervals than were expected.
    """
    known = {interval.start_us: interval for interval in measured if interval.value is not None}
    filled = [amount for start_us, amount in substituted.items() if start_us not in known]
    amounts = (Decimal(repr(each.value)) if each.exact is None else each.exact for each in known.values())
    return Layers(expected, len(known), len(filled), sum(amounts, ZERO), sum(filled, ZERO))
