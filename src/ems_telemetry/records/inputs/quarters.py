"""Quarters of an hour of a gauge as inputs have them: what was measured, how much of it, and what stands in for the rest."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Quality
from ems_telemetry.records.inputs.children import Child, decimal_of
from ems_telemetry.records.inputs.cutting import cut_children
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Part, adjust
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import ADDITIVE, adjustments_of, gather_adjustments
from ems_telemetry.rules.arithmetic import ZERO
from ems_telemetry.storage.point_facts import PointFacts


class Quarter(NamedTuple):
    """One quarter of an hour.

    `value` is what was measured or corrected, `coverage` the share of the time it was measured in, 0 to 1. `substitute` is what
    stands in where nothing was measured, and never counts as measured.
    """

    value: Decimal | None
    coverage: Decimal = Decimal(1)
    substitute: Decimal | None = None
    is_uncertain: bool = False
    is_corrected: bool = False


_USUAL: Final[Sequence[Any]] = (None, "0", None, False, False)
_CORRECTED: Final = 4


async def gather_quarters(
    sources: Sources, point: PointFacts, start: datetime, end: datetime, partly: Mapping[int, int] | None = None
) -> dict[str, Any]:
    """Reads the quarters of a point with the layers over them, as inputs of `quarters_of`.

    Args:
        sources: reads and notes.
        point: of what.
        start: when the first quarter begins.
        end: when the last is over.
        partly: the minutes that count, as bits, of quarters of a gauge of which only a part does, by their place.
    """
    adjustments = await gather_adjustments(sources, point, start, end)
    whole = await sources.children(point, Period.QUARTER, start, end)
    children = await cut_children(sources, point, whole, partly) if partly else whole
    parts = adjust(children, adjustments_of(adjustments), additive=point.kind in ADDITIVE)
    return {
        "point": point.key,
        "quantity": point.quantity,
        "unit": point.unit,
        "additive": point.kind in ADDITIVE,
        "quarters": quarters_as_inputs(parts),
        "substituted_by": sorted({each["method"] for each in adjustments if each["layer"] == SUBSTITUTED}),
    }


async def gather_extremes(sources: Sources, point: PointFacts, start: datetime, end: datetime) -> list[list[Decimal | None]]:
    """Reads mean, least and greatest value of each quarter of a point, as inputs."""
    return [[child.value, child.min, child.max] for child in await sources.children(point, Period.QUARTER, start, end)]


def extremes_of(rows: Iterable[Sequence[str | None]]) -> list[tuple[Decimal | None, Decimal | None, Decimal | None]]:
    """Reads them back."""
    return [(decimal_of(mean), decimal_of(least), decimal_of(greatest)) for mean, least, greatest in rows]


def quarters_as_inputs(parts: Iterable[Part]) -> list[list[Any]]:
    """Writes quarters in short: the value and the share that was measured, and after them only what is out of the ordinary."""
    return [_row(part) for part in parts]


def _row(part: Part) -> list[Any]:
    child = part.child
    if part.layer == SUBSTITUTED or (part.layer == CORRECTED and not child.coverage):
        return [None, ZERO, part.value]
    row = [part.value, child.coverage if part.value is not None else ZERO]
    return [*row, None, _is_uncertain(child), part.layer == CORRECTED] if part.layer or _is_uncertain(child) else row


def _is_uncertain(child: Child) -> bool:
    return child.value is not None and child.quality < Quality.GOOD


def quarters_of(inputs: Mapping[str, Any]) -> list[Quarter]:
    """Reads quarters back from inputs."""
    return [_quarter(row) for row in inputs["quarters"]]


def _quarter(row: Sequence[Any]) -> Quarter:
    value, coverage, substitute, is_uncertain, is_corrected = [*row, *_USUAL[len(row) :]]
    return Quarter(decimal_of(value), Decimal(coverage), decimal_of(substitute), is_uncertain, is_corrected)


def is_any_corrected(inputs: Mapping[str, Any]) -> bool:
    """Tells whether a person put a value in the place of a measured one."""
    return any(row[_CORRECTED:] == [True] for row in inputs["quarters"])
