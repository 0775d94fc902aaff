"""What a point counted by where it is from, in short: adjacent quarters of an hour that are alike are one row."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Quality
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Part, adjust
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import ADDITIVE, adjustments_of, gather_adjustments
from ems_telemetry.records.kinds import RecordQuality
from ems_telemetry.records.method import Figure
from ems_telemetry.rules.arithmetic import ZERO, exactly, percent_of, settle
from ems_telemetry.storage.point_facts import PointFacts

Json = dict[str, Any]
Row = Mapping[str, Any]


class SourceClass(StrEnum):
    """Where an amount is from."""

    MEASURED = "measured"
    MANUAL = "manual"
    """Read by a person, or imported."""
    ESTIMATED = "estimated"
    """A counter's increment over a gap, a part of which was spread over these quarters."""
    CORRECTED = "corrected"
    SUBSTITUTED = "substituted"


async def gather_by_source(sources: Sources, point: PointFacts, start: datetime, end: datetime) -> tuple[Json, list[Part]]:
    """Reads the quarters of a point with the layers over them, as inputs of `total_by_source`, and as they are."""
    layers = adjustments_of(await gather_adjustments(sources, point, start, end))
    quarters = await sources.children(point, Period.QUARTER, start, end)
    parts = adjust(quarters, layers, additive=point.kind in ADDITIVE)
    return {
        "point": point.key,
        "quantity": point.quantity,
        "unit": point.unit,
        "stretches": [each._asdict() for each in stretches_of_sources(parts)],
    }, parts


@exactly
def total_by_source(inputs: Mapping[str, Any]) -> Figure:
    """Adds up what a point counted, and tells where it is from."""
    rows = inputs["stretches"]
    amounts = [decimal_of(row["amount"]) for row in rows]
    known = [amount for amount in amounts if amount is not None]
    total = sum(known, ZERO) if rows and len(known) == len(rows) else None
    whole = sum(row["quarters"] for row in rows)
    measured = _time(row for row in rows if row["layer"] is None and row["amount"] is not None)
    bare = sum(row["quarters"] for row in rows if row["layer"] is None and row["amount"] is not None)
    share = settle(percent_of(measured, whole)) if whole else None
    return Figure(
        value=total,
        unit=inputs["unit"],
        quality=_quality(rows),
        quantity=inputs["quantity"],
        coverage=share,
        measured=share,
        estimated=settle(percent_of(bare - measured, whole)) if whole else None,
        flags=_flags(rows),
        details={
            "point": inputs["point"],
            "by_source": by_source(rows),
            "known": settle(sum(known, ZERO)) if known else None,
            "missing_percent": settle(percent_of(_missing(rows), whole)) if whole else None,
        },
    )


class SourceStretch(NamedTuple):
    """Adjacent quarters that are alike; `amount` is the sum of all, `coverage` the share of each that was measured."""

    start: datetime
    end: datetime
    quarters: int
    layer: str | None
    coverage: Decimal
    flags: Sequence[str]
    is_uncertain: bool
    amount: Decimal | None


@exactly
def stretches_of_sources(parts: Iterable[Part]) -> list[SourceStretch]:
    """Brings adjacent quarters together that are from the same."""
    found = []
    for (layer, coverage, flags, is_uncertain, is_known), group in groupby(parts, key=_likeness):
        run = list(group)
        amount = sum((part.value or ZERO for part in run), ZERO) if is_known else None
        ends = run[0].child.start, run[-1].child.end
        found.append(SourceStretch(*ends, len(run), layer, coverage, flags, is_uncertain, amount))
    return found


def _likeness(part: Part) -> tuple[str | None, Decimal, tuple[str, ...], bool, bool]:
    child = part.child
    flags = tuple(child.flags) if part.layer is None else ()
    return part.layer, child.coverage, flags, child.quality < Quality.GOOD, part.value is not None


def by_source(rows: Sequence[Row]) -> list[Json]:
    """Tells of each source that there is how much it gave, and of which share of the time."""
    whole, found = sum(row["quarters"] for row in rows), dict[SourceClass, list[Row]]()
    for row in rows:
        if row["amount"] is not None:
            found.setdefault(_class(row), []).append(row)
    return [
        {
            "source": source,
            "amount": settle(sum((Decimal(row["amount"]) for row in found[source]), ZERO)),
            "percent_of_time": settle(percent_of(sum(row["quarters"] for row in found[source]), whole)),
        }
        for source in SourceClass
        if source in found
    ]


def _class(row: Row) -> SourceClass:
    if row["layer"] is not None:
        return SourceClass.SUBSTITUTED if row["layer"] == SUBSTITUTED else SourceClass.CORRECTED
    if "estimated" in row["flags"]:
        return SourceClass.ESTIMATED
    return SourceClass.MANUAL if "manual" in row["flags"] else SourceClass.MEASURED


def _quality(rows: Sequence[Row]) -> RecordQuality:
    """Rates the total by the worst of its parts, as `period_total@1`."""
    if not rows or any(row["amount"] is None for row in rows):
        return RecordQuality.MISSING
    if any(row["layer"] is not None or "estimated" in row["flags"] for row in rows):
        return RecordQuality.ESTIMATED
    return RecordQuality.UNCERTAIN if any(row["is_uncertain"] for row in rows) else RecordQuality.GOOD


def _flags(rows: Iterable[Row]) -> tuple[str, ...]:
    told = set[str]()
    for row in rows:
        told |= {CORRECTED if row["layer"] == CORRECTED else SUBSTITUTED} if row["layer"] else set(row["flags"])
    return tuple(sorted(told))


def _missing(rows: Iterable[Row]) -> int:
    return sum(row["quarters"] for row in rows if row["amount"] is None)


def _time(rows: Iterable[Row]) -> Decimal:
    return sum((row["quarters"] * Decimal(row["coverage"]) for row in rows), ZERO)
