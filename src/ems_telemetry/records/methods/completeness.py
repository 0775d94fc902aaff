"""How complete a period of a point is: measured, substituted, missing (R14)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from ems_telemetry.config.quantities import Law
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind
from ems_telemetry.records.inputs.layers import adjust
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.stretches import (
    Row,
    amounts_of,
    estimated_of,
    measured_of,
    stretches_of,
    substituted_of,
    sum_over,
)
from ems_telemetry.records.inputs.totals import ADDITIVE, adjustments_of, gather_adjustments
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Word
from ems_telemetry.rules.arithmetic import HUNDRED, exactly, percent_of, settle


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
        measured = sum_over(rows, measured_of)
        substituted = sum_over(rows, substituted_of)
        estimated = sum_over(rows, estimated_of)
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
                **amounts_of(rows, inputs["unit"]),
            },
        )


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


def _flags(rows: Sequence[Row]) -> tuple[str, ...]:
    told = {row["layer"] for row in rows if row["layer"] is not None}
    told |= {"missing"} if any(not row["is_known"] for row in rows) else set()
    told |= {"estimated"} if any(estimated_of(row) for row in rows) else set()
    return tuple(sorted(told))
