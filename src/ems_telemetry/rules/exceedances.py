"""Exceedances: intervals beyond a limit that follow each other are one event, with its length, its worst and its excess."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.limits import Limit, compare
from ems_telemetry.rules.mass import KG_PER_MG
from ems_telemetry.rules.runs import Run, in_order, microseconds, runs_of


class Averaged(NamedTuple):
    """The mean of one interval, None where it is not valid; the state of operation and the volume that flowed, where known."""

    start: datetime
    end: datetime
    value: Decimal | None
    state: str | None = None
    volume: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Exceedance:
    """One event.

    `peak` is the value furthest beyond the limit and `peak_at` the start of its interval, the earliest of equal ones. `mean` is
    weighted by time. `excess_kg` is what was emitted above the limit; None where a volume is missing or the limit is a minimum.
    `cut` tells that a value is missing right before or after: it may have lasted longer.
    """

    start: datetime
    end: datetime
    duration: timedelta
    peak: Decimal
    peak_at: datetime
    mean: Decimal
    count: int
    excess_kg: Decimal | None
    cut: bool


@dataclass(frozen=True, slots=True)
class Exceedances:
    """The events of a period, the intervals that exceed in an excluded state, and how many of the others were compared."""

    events: tuple[Exceedance, ...]
    excluded: tuple[Averaged, ...]
    compared: int

    @property
    def exceeding(self) -> int:
        """Counts the intervals that exceed."""
        return sum(event.count for event in self.events)


def exceedances_of(
    intervals: Iterable[Averaged], limit: Limit, excluded_states: Collection[str] = (), kg_per_product: Decimal = KG_PER_MG
) -> Exceedances:
    """Merges intervals that exceed and follow each other into events.

    What ends an event: a value that does not exceed or is not known, an interval in an excluded state, a break in time.

    Args:
        intervals: of one series, in any order, none overlapping.
        limit: what they are compared with.
        excluded_states: states such as start-up in which the limit does not apply.
        kg_per_product: what value times volume is in kg.

    Raises:
        CannotComputeError: intervals overlap, end before they start, or are not in UTC.
    """
    ordered = in_order(intervals)
    exceeding = [each for each in ordered if each.value is not None and compare(each.value, limit).exceeds]
    counted = {each.start for each in exceeding if each.state not in excluded_states}
    runs = runs_of(ordered, lambda each: each.start in counted, lambda each: each.value is not None)
    return Exceedances(
        tuple(_event_of(run, limit, kg_per_product) for run in runs),
        tuple(each for each in exceeding if each.start not in counted),
        sum(each.value is not None and each.state not in excluded_states for each in ordered),
    )


@exactly
def _event_of(run: Run[Averaged], limit: Limit, kg_per_product: Decimal) -> Exceedance:
    values = [(each.value or ZERO, each.start) for each in run.spans]
    peak, peak_at = (min if limit.is_minimum else max)(values, key=lambda pair: pair[0])
    weighted = sum(((each.value or ZERO) * microseconds(each.end - each.start) for each in run.spans), ZERO)
    return Exceedance(
        run.start,
        run.end,
        run.duration,
        peak,
        peak_at,
        weighted / microseconds(run.duration),
        len(run.spans),
        _excess_kg(run, limit, kg_per_product),
        run.cut,
    )


def _excess_kg(run: Run[Averaged], limit: Limit, kg_per_product: Decimal) -> Decimal | None:
    volumes = [each.volume for each in run.spans if each.volume is not None]
    if limit.is_minimum or len(volumes) < len(run.spans):
        return None
    above = (max(ZERO, (each.value or ZERO) - limit.value) for each in run.spans)
    return sum((excess * volume for excess, volume in zip(above, volumes, strict=True)), ZERO) * kg_per_product
