"""What intervals of a point come to over a period, with the layers over them: the part that methods share.

Measured, corrected and substituted parts are told apart; with a part missing there is no total (CR-7, CR-20).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Quality
from ems_telemetry.records.inputs.children import Child, children_as_inputs, children_of, decimal_of
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Adjustment, Part, adjust
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality
from ems_telemetry.records.method import Figure
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.point_facts import PointFacts

ADDITIVE: Final = frozenset({"counter", "interval_total", "event"})
"""Kinds of points whose intervals add up."""
CHILD_OF: Final[Mapping[Period, Period]] = {Period.DAY: Period.QUARTER, Period.MONTH: Period.DAY, Period.YEAR: Period.MONTH}
"""Of what a period is put together, where no layer lies over it."""


def require_totals(points: Iterable[PointFacts]) -> None:
    """Refuses points that do not add up over time.

    Raises:
        CannotComputeError: names the first of them.
    """
    for point in points:
        if point.kind not in ADDITIVE:
            raise CannotComputeError(f"{point.key} is a {point.kind} and has no total; name a counter or an interval total")


async def gather_point(sources: Sources, point: PointFacts, start: datetime, end: datetime, child: Period) -> dict[str, Any]:
    """Reads the intervals of a point and the layers over them, as inputs of `total_of` and `parts_of`.

    Args:
        sources: what is read through.
        point: whose.
        start: the beginning of the period.
        end: its end.
        child: which intervals are read; quarters wherever a layer lies over the period.
    """
    adjustments = await gather_adjustments(sources, point, start, end)
    children = await sources.children(point, Period.QUARTER if adjustments else child, start, end)
    return {
        "point": point.key,
        "quantity": point.quantity,
        "unit": point.unit,
        "additive": point.kind in ADDITIVE,
        "children": children_as_inputs(children),
        "adjustments": adjustments,
    }


async def gather_adjustments(sources: Sources, point: PointFacts, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Reads the layers over a point, as inputs of `adjustments_of`."""
    return [adjustment_inputs(layer, row) for layer, row in await gather_layers(sources, point, start, end)]


async def gather_layers(sources: Sources, point: PointFacts, start: datetime, end: datetime) -> list[tuple[str, EntryRow]]:
    """Gives the entries that lie over a point, with their layer: corrections, then substitution, as they were recorded."""
    return [
        (layer, row)
        for layer, kind in ((CORRECTED, "correction"), (SUBSTITUTED, "substitution"))
        for row in await sources.adjustments(kind, point, start, end)
    ]


def adjustment_inputs(layer: str, row: EntryRow) -> dict[str, Any]:
    """Writes an entry of a layer as inputs have it."""
    return {
        "layer": layer, "start": row.body["from"], "end": row.body["to"], "value": row.body["value"], "id": row.id,
        "method": row.body.get("method"),
    }  # fmt: skip


def adjustments_of(inputs: Iterable[Mapping[str, Any]]) -> list[Adjustment]:
    """Reads layers back from inputs."""
    return [Adjustment(each["layer"], _time(each["start"]), _time(each["end"]), decimal_of(each["value"])) for each in inputs]


def parts_of(inputs: Mapping[str, Any]) -> list[Part]:
    """Gives the children of a point with the layers over them."""
    return adjust(children_of(inputs["children"]), adjustments_of(inputs["adjustments"]), additive=inputs["additive"])


@exactly
def total_of(inputs: Mapping[str, Any]) -> Figure:
    """Adds up what a point counted."""
    parts = parts_of(inputs)
    known = [part.value for part in parts if part.value is not None]
    shares = Shares(parts)
    return Figure(
        value=sum(known, ZERO) if len(known) == len(parts) else None,
        unit=inputs["unit"],
        quality=quality_of(parts),
        quantity=inputs["quantity"],
        coverage=shares.measured,
        measured=shares.measured,
        estimated=shares.estimated,
        flags=flags_of(parts),
        details={
            "point": inputs["point"],
            "measured": _sum(parts, None),
            "corrected": _sum(parts, CORRECTED),
            "substituted": _sum(parts, SUBSTITUTED),
            "known": sum(known, ZERO) if known else None,
            **shares.details(),
        },
    )


class Shares:
    """Which share of the time was measured, estimated, corrected, substituted or is missing, in percent (CR-20).

    What was spread over a gap counts as estimated; substituted time never counts as measured.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._whole = sum((_length(part.child) for part in parts), ZERO) or Decimal(1)
        measured = [part for part in parts if part.layer is None and part.value is not None]
        self.measured = self._share(sum((_length(part.child) * part.child.coverage for part in measured), ZERO))
        self.estimated = self._share(sum((_length(part.child) * (1 - part.child.coverage) for part in measured), ZERO))
        self.corrected = self._share_of(parts, CORRECTED)
        self.substituted = self._share_of(parts, SUBSTITUTED)
        self.missing = self._share(sum((_length(part.child) for part in parts if part.value is None), ZERO))

    def details(self) -> dict[str, Decimal]:
        """Gives what an envelope does not have a place for."""
        return {
            "corrected_percent": self.corrected,
            "substituted_percent": self.substituted,
            "missing_percent": self.missing,
        }

    def _share_of(self, parts: Sequence[Part], layer: str) -> Decimal:
        return self._share(sum((_length(part.child) for part in parts if part.layer == layer and part.value is not None), ZERO))

    @exactly
    def _share(self, length: Decimal) -> Decimal:
        return round(HUNDRED * length / self._whole, 6)


def quality_of(parts: Sequence[Part]) -> RecordQuality:
    """Rates a figure by the worst of its parts."""
    if not parts or any(part.value is None for part in parts):
        return RecordQuality.MISSING
    if any(part.layer is not None or "estimated" in part.child.flags for part in parts):
        return RecordQuality.ESTIMATED
    if any(part.child.quality < Quality.GOOD for part in parts):
        return RecordQuality.UNCERTAIN
    return RecordQuality.GOOD


def flags_of(parts: Sequence[Part]) -> tuple[str, ...]:
    """Gathers the flags of the parts; those of what a layer lies over are left out, and the layer is named."""
    flags = {flag for part in parts if part.layer is None for flag in part.child.flags}
    return tuple(sorted(flags | {part.layer for part in parts if part.layer is not None}))


def _sum(parts: Sequence[Part], layer: str | None) -> Decimal:
    with_value = [part.value for part in parts if part.value is not None and part.layer == layer]
    return sum(with_value, ZERO)


def _length(child: Child) -> Decimal:
    return Decimal(str((child.end - child.start).total_seconds()))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
