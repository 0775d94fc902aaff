"""How complete a period of a point is: measured, substituted, missing (R14)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from pydantic import BaseModel

from ems_telemetry.config.quantities import Law
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Part, adjust
from ems_telemetry.records.inputs.sources import Sources, decimal_of
from ems_telemetry.records.inputs.totals import ADDITIVE, adjustments_of, gather_adjustments
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Word
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly, percent_of, settle

_ONE = Decimal(1)


class CompletenessParams(Params):
    """What it needs to know."""

    point: Word


class Completeness:
    """Counts the quarters of an hour of a period by what is known of them."""

    name = "completeness"
    version = 1
    record = RecordType.COMPLETENESS
    formula = (
        "expected = measured + substituted + missing, in quarters of an hour; a quarter that was measured in part counts in "
        "part. Complete is what was measured or substituted; availability counts what was measured alone, and never what was "
        "spread over a gap (CR-20)."
    )
    params: type[BaseModel] = CompletenessParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the quarters and brings equal ones that adjoin together: a month without gaps is one row."""
        point = await sources.point(params_of(CompletenessParams, asked).point)
        if point.kind == Kind.EVENT:
            raise CannotComputeError(f"{point.key} is a point of events, which are never due; it has no completeness")
        layers = adjustments_of(await gather_adjustments(sources, point, asked.start, asked.end))
        quarters = await sources.children(point, Period.QUARTER, asked.start, asked.end)
        known_from = asked.start if point.first is None else max(asked.start, point.first)
        until = asked.end if point.active or point.computed_to is None else min(asked.end, point.computed_to)
        due = [quarter for quarter in quarters if quarter.end > known_from and quarter.start < until]
        parts = adjust(due, layers, additive=point.kind in ADDITIVE)
        by_range = point.law == Law.RANGE
        return {
            "point": point.key,
            "quantity": point.quantity,
            "unit": point.unit if point.kind in ADDITIVE else None,
            "expected_s": None if point.expected is None else str(point.expected.total_seconds()),
            "stretches": [stretch._asdict() for stretch in stretches_of(parts, by_range=by_range)],
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Adds up the stretches."""
        rows = inputs["stretches"]
        expected = sum(row["quarters"] for row in rows)
        if not expected:
            raise CannotComputeError(f"nothing was expected of {inputs['point']} in this period")
        measured = _sum(rows, _measured)
        substituted = _sum(rows, _substituted)
        estimated = _sum(rows, _estimated)
        complete, available, spread = (
            settle(percent_of(part, expected)) for part in (measured + substituted, measured, estimated)
        )  # fmt: skip
        return Figure(
            value=complete,
            unit="%",
            quality=RecordQuality.GOOD,
            quantity="completeness",
            coverage=available,
            measured=available,
            estimated=spread,
            flags=_flags(rows),
            details={
                "point": inputs["point"],
                "expected": expected,
                "measured": measured,
                "substituted": substituted,
                "missing": expected - measured - substituted,
                "estimated": estimated,
                "measured_percent": available,
                "substituted_percent": settle(percent_of(substituted, expected)),
                "missing_percent": settle(HUNDRED - percent_of(measured + substituted, expected)),
                "complete_percent": complete,
                "availability_percent": available,
                "readings": sum(row["readings"] for row in rows),
                "readings_expected": _readings_expected(rows),
                "gaps": _gaps(rows),
                **_amounts(rows, inputs["unit"]),
            },
        )


class Stretch(NamedTuple):
    """Adjacent quarters that are alike. `coverage` is the share of each that was measured; `amount` the sum of all."""

    start: Any
    end: Any
    quarters: int
    layer: str | None
    is_known: bool
    coverage: Decimal
    is_spread: bool
    """A part was spread over a gap."""
    amount: Decimal | None
    readings: int
    readings_expected: int | None


def stretches_of(parts: Iterable[Part], *, by_range: bool) -> list[Stretch]:
    """Brings adjacent parts that are alike together.

    Args:
        parts: quarters of an hour.
        by_range: of a quantity that has no mean, as pH: a quarter is known by its least and greatest value.
    """

    def likeness(part: Part) -> tuple[object, ...]:
        return part.layer, _is_known(part, by_range=by_range), part.child.coverage, "estimated" in part.child.flags

    return [_stretch(list(group), by_range=by_range) for _, group in groupby(parts, key=likeness)]


def _is_known(part: Part, *, by_range: bool) -> bool:
    return part.value is not None or (by_range and part.layer is None and part.child.coverage > 0)


@exactly
def _stretch(parts: Sequence[Part], *, by_range: bool) -> Stretch:
    first, values = parts[0], [part.value for part in parts if part.value is not None]
    due = [part.child.expected for part in parts]
    return Stretch(
        first.child.start,
        parts[-1].child.end,
        len(parts),
        first.layer,
        _is_known(first, by_range=by_range),
        first.child.coverage,
        "estimated" in first.child.flags,
        sum(values, ZERO) if values else None,
        sum(part.child.samples for part in parts),
        None if any(each is None for each in due) else sum(each for each in due if each is not None),
    )


Row = Mapping[str, Any]


def _measured(row: Row) -> Decimal:
    return Decimal(row["coverage"]) if row["is_known"] and row["layer"] != SUBSTITUTED else ZERO


def _substituted(row: Row) -> Decimal:
    """What a correction says beyond what was measured is in its place too."""
    if not row["is_known"] or row["layer"] is None:
        return ZERO
    return _ONE if row["layer"] == SUBSTITUTED else _ONE - Decimal(row["coverage"])


def _estimated(row: Row) -> Decimal:
    return _ONE - Decimal(row["coverage"]) if row["is_known"] and row["layer"] is None and row["is_spread"] else ZERO


def _sum(rows: Sequence[Row], share: Callable[[Row], Decimal]) -> Decimal:
    return sum((row["quarters"] * share(row) for row in rows), ZERO)


def _readings_expected(rows: Sequence[Row]) -> int | None:
    due = [row["readings_expected"] for row in rows]
    return None if any(each is None for each in due) else sum(due)


def _gaps(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Gives the stretches of which nothing is known, adjacent ones as one."""
    gaps: list[dict[str, Any]] = []
    for row in rows:
        if row["is_known"]:
            continue
        if gaps and gaps[-1]["end"] == row["start"]:
            gaps[-1] = {**gaps[-1], "end": row["end"], "quarters": gaps[-1]["quarters"] + row["quarters"]}
        else:
            gaps.append({"start": row["start"], "end": row["end"], "quarters": row["quarters"]})
    return gaps


def _amounts(rows: Sequence[Row], unit: str | None) -> dict[str, Any]:
    if unit is None:
        return {}
    amounts = dict.fromkeys((None, CORRECTED, SUBSTITUTED), ZERO)
    for row in rows:
        amounts[row["layer"]] += decimal_of(row["amount"]) or ZERO
    return {
        "unit": unit,
        "measured_total": amounts[None] + amounts[CORRECTED],
        "substituted_total": amounts[SUBSTITUTED],
        "total": sum(amounts.values(), ZERO),
    }


def _flags(rows: Sequence[Row]) -> tuple[str, ...]:
    told = {row["layer"] for row in rows if row["layer"] is not None}
    told |= {"missing"} if any(not row["is_known"] for row in rows) else set()
    told |= {"estimated"} if any(_estimated(row) for row in rows) else set()
    return tuple(sorted(told))
