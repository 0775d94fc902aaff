"""Peak demand: the greatest mean power of a block of time that several meters took together (CR-54)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pydantic import Field

from ems_telemetry.intervals.calendar import Period, microseconds, moment_of
from ems_telemetry.intervals.peaks import peak_of
from ems_telemetry.records.averages.blocks import BlockLength, DayBlocks, days_between, spans_of
from ems_telemetry.records.inputs.energy_units import energy_kwh
from ems_telemetry.records.inputs.layers import SUBSTITUTED, Part, adjust
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import adjustments_of, gather_adjustments
from ems_telemetry.records.method import Asked
from ems_telemetry.records.parameters import Params
from ems_telemetry.rules.arithmetic import ZERO, exactly, settle
from ems_telemetry.storage.point_facts import PointFacts

UNCONFIRMED: Final = "unconfirmed_peak"
_QUARTER: Final = timedelta(minutes=15)
_US_PER_HOUR: Final = Decimal(3_600_000_000)
Json = dict[str, Any]


class PeakDemand(Params):
    """How the peak is found."""

    block: BlockLength = Field(default=BlockLength.QUARTER, description="Over how long power is averaged.")
    partial: bool = Field(default=False, description="Let blocks count that were measured only in part.")


class Drawn(NamedTuple):
    """A point that takes part, and within which time; `conversion` makes energy of what it counts."""

    point: PointFacts
    sign: int
    since: datetime
    until: datetime
    conversion: Mapping[str, Any] | None


class PowerBlock(NamedTuple):
    """The mean power of a block in kW, of what is known, and the share of its time in which all points were measured."""

    start_us: int
    value: Decimal | None
    coverage: Decimal
    end_us: int


class Sum(NamedTuple):
    """What the points took in a quarter, kWh, and the least of their shares that were measured."""

    known: Decimal | None = None
    coverage: Decimal = Decimal(1)


async def gather_demand(sources: Sources, asked: Asked, wanted: PeakDemand, drawn: Sequence[Drawn]) -> Json:
    """Reads the quarters of each point, adds them up, and gives the greatest blocks of each day, as inputs of `demand_of`.

    A year of quarters of many points would not fit into a snapshot; the greatest of the year is one of the greatest of days.
    """
    days = days_between(asked.start, asked.end, wanted.block, asked.zone)
    sums = [Sum()] * sum(sum(day.blocks) for day in days)
    for each in drawn:
        adjustments = adjustments_of(await gather_adjustments(sources, each.point, each.since, each.until))
        children = await sources.children(each.point, Period.QUARTER, each.since, each.until)
        add_quarters(sums, adjust(children, adjustments, additive=True), each, days[0].start)
    return {
        "block_minutes": wanted.block.minutes,
        "partial": wanted.partial,
        "points": [each.point.key for each in drawn],
        "days": peaks_by_day(sums, days, partial=wanted.partial),
    }


def peaks_by_day(sums: Sequence[Sum], days: Sequence[DayBlocks], *, partial: bool) -> list[Json]:
    """Finds the greatest blocks of each day, as inputs.

    Args:
        sums: of the quarters of all days.
        days: cut into blocks.
        partial: let blocks count that were measured only in part.
    """
    rows = []
    for day, spans in spans_of(days):
        blocks = [block_of(sums[span.quarters], span.start, span.end) for span in spans]
        found = peak_of(blocks, partial=partial)
        rows.append(
            {
                "day": day.day, "blocks": len(blocks), "skipped": sum(block.coverage < 1 for block in blocks),
                "peak": found.peak, "unconfirmed": found.unconfirmed_peak,
            }
        )  # fmt: skip
    return rows


@exactly
def add_quarters(sums: list[Sum], parts: Iterable[Part], drawn: Drawn, first: datetime) -> None:
    """Adds the quarters of a point to the sums.

    What was substituted, or corrected where nothing was measured, counts as known and not as measured.
    """
    for part in parts:
        place = (part.child.start - first) // _QUARTER
        known, coverage = sums[place]
        measured = ZERO if part.value is None or part.layer == SUBSTITUTED else part.child.coverage
        if part.value is not None:
            known = (known or ZERO) + drawn.sign * energy_kwh(part.value, drawn.point.unit, drawn.conversion)
        sums[place] = Sum(known, min(coverage, measured))


@exactly
def block_of(quarters: Sequence[Sum], start: datetime, end: datetime) -> PowerBlock:
    """Gives the mean power of a block: its energy by its length."""
    known = [each.known for each in quarters if each.known is not None]
    start_us, end_us = microseconds(start), microseconds(end)
    power = sum(known, ZERO) * _US_PER_HOUR / (end_us - start_us) if known else None
    coverage = sum((each.coverage if each.known is not None else ZERO for each in quarters), ZERO) / len(quarters)
    return PowerBlock(start_us, power, coverage, end_us)


def demand_of(inputs: Mapping[str, Any]) -> Json:
    """Finds the greatest blocks of a period among those of its days."""
    days = inputs["days"]
    blocks = [_read(day[name]) for day in days for name in ("peak", "unconfirmed") if day[name] is not None]
    found = peak_of(blocks, partial=inputs["partial"])
    return {
        "peak_demand": _told(found.peak),
        UNCONFIRMED: _told(found.unconfirmed_peak),
        "block_minutes": inputs["block_minutes"],
        "blocks": sum(day["blocks"] for day in days),
        "skipped_blocks": 0 if inputs["partial"] else sum(day["skipped"] for day in days),
        "points": inputs["points"],
    }


def _read(row: Sequence[Any]) -> PowerBlock:
    start_us, value, coverage, end_us = row
    return PowerBlock(start_us, Decimal(value), Decimal(coverage), end_us)


def _told(block: PowerBlock | None) -> Json | None:
    if block is None:
        return None
    return {
        "value": None if block.value is None else settle(block.value),
        "unit": "kW",
        "start": moment_of(block.start_us),
        "end": moment_of(block.end_us),
        "coverage": settle(block.coverage),
    }
