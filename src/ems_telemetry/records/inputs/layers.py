"""The layers over what was measured: corrections, then substitution, each kept apart from the values below it (CR-20).

A correction takes the place of what was measured; substitution fills what is missing then. Both cover whole quarters of an
hour; what they say of a span is spread evenly over its time, of counters and totals, or holds for all of it, of gauges.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ems_telemetry.records.inputs.children import Child
from ems_telemetry.rules.arithmetic import exactly

CORRECTED, SUBSTITUTED = "corrected", "substituted"


class Adjustment(NamedTuple):
    """What an entry says of `[start, end)`: a value for the whole span, None where what was measured does not hold."""

    layer: str
    start: datetime
    end: datetime
    value: Decimal | None


class Part(NamedTuple):
    """A child with the layer its value is from, None where it was measured or is missing."""

    child: Child
    value: Decimal | None
    layer: str | None


@exactly
def adjust(children: Sequence[Child], adjustments: Sequence[Adjustment], *, additive: bool) -> list[Part]:
    """Lays adjustments over measured quarters, the later ones of a layer over the earlier ones.

    Args:
        children: adjacent.
        adjustments: of both layers, in the order they were recorded.
        additive: whether a span's value is the sum of its parts, as of counters.
    """
    parts = []
    for child in children:
        value, layer = child.value, None
        for each in adjustments:
            covers = each.start <= child.start and child.end <= each.end
            if covers and each.layer == CORRECTED:
                value, layer = _share(each, child, additive=additive), CORRECTED
        for each in adjustments:
            covers = each.start <= child.start and child.end <= each.end
            if covers and each.layer == SUBSTITUTED and (value is None or layer == SUBSTITUTED):
                value, layer = _share(each, child, additive=additive), SUBSTITUTED
        parts.append(Part(child, value, layer))
    return parts


def _share(adjustment: Adjustment, child: Child, *, additive: bool) -> Decimal | None:
    if adjustment.value is None or not additive:
        return adjustment.value
    whole = Decimal((adjustment.end - adjustment.start).total_seconds())
    return adjustment.value * Decimal((child.end - child.start).total_seconds()) / whole
