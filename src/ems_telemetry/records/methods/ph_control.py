"""The pH of a discharge over a month: excursions, least, greatest and the share of time in range; there is no mean (R7)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, Field

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.averages.blocks import ProfileId
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Part, adjust
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import adjustments_of, gather_adjustments
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Number, Text, Word
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly, settle
from ems_telemetry.rules.limits import Evidence
from ems_telemetry.rules.ph import Excursion, PhOutcome, PhProfile, PhRange, PhSpan, ph_outcome, ph_profile
from ems_telemetry.rules.runs import microseconds

COUNTED_WHOLE: Final = "quarters_counted_whole"
_QUARTER: Final = timedelta(minutes=15)
_MINUTE_US: Final = 60_000_000


class OwnPhProfile(Params):
    """How long the pH may be outside by a permit of its own."""

    id: ProfileId
    source: Text
    total_minutes: int = Field(ge=0, le=44_640, description="In a calendar month.")
    each_minutes: int = Field(ge=0, le=44_640, description="At a stretch.")


class PhControlParams(Params):
    """What it needs to know."""

    point: Word = Field(examples=["OF-01.ph"])
    low: Number = Field(description="Belongs to the range.", examples=["6.0"])
    high: Number = Field(description="Belongs to the range.", examples=["9.0"])
    profile: Word | OwnPhProfile = "ph_401_17@1"
    required_percent: Number = Field(
        default=HUNDRED, ge=0, le=100, description="Of the time that must be measured for `compliant`; the permit decides."
    )


class PhControl:
    """Finds the excursions."""

    name = "ph_control"
    version = 1
    record = RecordType.DISCHARGE
    formula = (
        "Minutes outside the range, in all and at a stretch, against a profile such as 40 CFR 401.17 (CR-35). A quarter of an "
        "hour with any value outside counts in full, so that what is told is never too little."
    )
    params: type[BaseModel] = PhControlParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads least and greatest value of each quarter."""
        params = params_of(PhControlParams, asked)
        if asked.item.period is Period.YEAR:
            raise CannotComputeError("excursions are counted by the calendar month; plan this item by month or day")
        _range_and_profile(params)
        point = await sources.point(params.point)
        layers = adjustments_of(await gather_adjustments(sources, point, asked.start, asked.end))
        children = await sources.children(point, Period.QUARTER, asked.start, asked.end)
        return {
            "params": params.model_dump(mode="json"),
            "start": asked.start,
            "quarters": [_row(part) for part in adjust(children, layers, additive=False)],
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Counts the minutes."""
        params = PhControlParams.model_validate(inputs["params"])
        start, rows = datetime.fromisoformat(inputs["start"]), inputs["quarters"]
        spans = [
            PhSpan(start + place * _QUARTER, start + (place + 1) * _QUARTER, decimal_of(least), decimal_of(greatest))
            for place, (least, greatest, _) in enumerate(rows)
        ]
        outcome = ph_outcome(spans, *_range_and_profile(params))
        covered = sum((Decimal(coverage) for _, _, coverage in rows), ZERO)
        share = settle(HUNDRED * covered / len(rows))
        is_known = bool(outcome.measured)
        return Figure(
            value=_minutes(outcome.outside) if is_known else None,
            unit="min",
            quality=RecordQuality.GOOD if is_known else RecordQuality.MISSING,
            quantity="ph_outside",
            coverage=share,
            measured=share,
            flags=tuple(sorted({COUNTED_WHOLE} | ({"missing"} if any(row[0] is None for row in rows) else set()))),
            details=_told(outcome, Evidence(share, params.required_percent), params),
        )


def _row(part: Part) -> list[Decimal | None]:
    """Gives least and greatest value of a quarter and how much of it was measured; what was substituted was not."""
    child = part.child
    if part.layer == SUBSTITUTED:
        return [None, None, ZERO]
    if part.layer == CORRECTED:
        return [part.value, part.value, ZERO if part.value is None else child.coverage]
    return [child.min, child.max, ZERO if child.min is None else child.coverage]


def _range_and_profile(params: PhControlParams) -> tuple[PhRange, PhProfile]:
    allowed, own = PhRange(params.low, params.high), params.profile
    if isinstance(own, str):
        return allowed, ph_profile(own)
    total, each = timedelta(minutes=own.total_minutes), timedelta(minutes=own.each_minutes)
    return allowed, PhProfile(own.id, total, each, own.source)


def _told(outcome: PhOutcome, evidence: Evidence, params: PhControlParams) -> dict[str, Any]:
    in_range = outcome.percent_in_range
    return {
        "point": params.point,
        "range": [params.low, params.high],
        "profile": outcome.profile.id,
        "minimum": outcome.minimum,
        "maximum": outcome.maximum,
        "measured_minutes": _minutes(outcome.measured),
        "minutes_outside": _minutes(outcome.outside),
        "percent_in_range": None if in_range is None else settle(in_range),
        "total_holds": outcome.total_holds,
        "too_long": len(outcome.too_long),
        "status": outcome.status(evidence),
        "excursions": [_excursion(each, outcome) for each in outcome.excursions],
    }


def _excursion(each: Excursion, outcome: PhOutcome) -> dict[str, Any]:
    return {
        "start": each.start,
        "end": each.end,
        "minutes": _minutes(each.duration),
        "minimum": each.minimum,
        "maximum": each.maximum,
        "too_long": each in outcome.too_long,
        "cut": each.cut,
    }


@exactly
def _minutes(duration: timedelta) -> Decimal:
    return Decimal(microseconds(duration)) / _MINUTE_US
