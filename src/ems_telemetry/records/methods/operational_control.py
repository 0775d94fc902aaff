"""Whether a control parameter stayed within its criteria over a period (R20)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, Field, model_validator

from ems_telemetry.config.quantities import Law
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind, Quality
from ems_telemetry.records.inputs.children import children_as_inputs, children_of, decimal_of
from ems_telemetry.records.inputs.layers import SUBSTITUTED, Part
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.states import known_share, shares_of
from ems_telemetry.records.inputs.totals import flags_of, gather_point, parts_of
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Number, Word
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly, percent_of, settle
from ems_telemetry.rules.runs import Run, in_order, microseconds, runs_of

_PER_MINUTE = Decimal(60_000_000)


class JudgedBy(StrEnum):
    """What of a quarter of an hour is compared."""

    MEAN = "mean"
    EXTREMES = "extremes"
    """Its least and greatest reading: one reading outside makes the quarter one outside."""


class Verdict(StrEnum):
    """How the control stands."""

    IN_CONTROL = "in_control"
    OUT_OF_CONTROL = "out_of_control"
    INDETERMINATE = "indeterminate"
    """Too little was measured to tell."""


class Criterion(Params):
    """A range; its ends belong to it."""

    name: Word
    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError(f"the criterion {self.name} has neither `min` nor `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"the criterion {self.name} has a `min` above its `max`")
        return self


class Bypass(Params):
    """A point that tells whether the control was passed by."""

    point: Word
    state: Number = Field(default=Decimal(1), description="What it says then.")
    otherwise: Number = Field(default=Decimal(0), description="What it says else.")
    most_minutes: Number | None = Field(default=None, ge=0, description="More than so many in a period are out of control.")


class OperationalControlParams(Params):
    """What it needs to know."""

    point: Word
    criteria: list[Criterion] = Field(min_length=1, max_length=20)
    required_percent: Number = Field(ge=0, le=100, description="Of the time measured, within all criteria.", examples=["99"])
    required_coverage_percent: Number = Field(ge=0, le=100, description="Of the period, measured.", examples=["90"])
    judged_by: JudgedBy = JudgedBy.MEAN
    bypass: Bypass | None = None


class OperationalControl:
    """Compares quarters of an hour with criteria."""

    name = "operational_control"
    version = 1
    record = RecordType.OPERATIONAL_CONTROL
    formula = (
        "In-range percent = measured time within all criteria / measured time, by quarters of an hour. Out of control where it "
        "is below what is required and enough was measured, or whatever was not measured could not mend it; indeterminate "
        "where too little was measured; else in control. Time not measured never counts as in range."
    )
    params: type[BaseModel] = OperationalControlParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the quarters of the parameter and of the bypass."""
        params = params_of(OperationalControlParams, asked)
        point = await sources.point(params.point)
        if point.kind != Kind.GAUGE:
            raise CannotComputeError(f"{point.key} is a {point.kind}; criteria are of gauges: name the control parameter")
        told = params.model_dump(mode="json")
        quarters = []
        if params.bypass is not None:
            bypass = await sources.point(params.bypass.point)
            quarters = await sources.children(bypass, Period.QUARTER, asked.start, asked.end)
        return {
            **await gather_point(sources, point, asked.start, asked.end, Period.QUARTER),
            **{name: told[name] for name in ("criteria", "required_percent", "required_coverage_percent", "bypass")},
            "judged_by": JudgedBy.EXTREMES if point.law == Law.RANGE else params.judged_by,
            "bypass_quarters": children_as_inputs(quarters),
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Judges quarter by quarter."""
        parts = parts_of(inputs)
        quarters = in_order(_checked(part, inputs["judged_by"]) for part in parts)
        criteria = [_Range(each["name"], decimal_of(each["min"]), decimal_of(each["max"])) for each in inputs["criteria"]]
        minutes = _Minutes.of(quarters, criteria)
        bypass = _bypass(inputs)
        percent = None if not minutes.measured else settle(percent_of(minutes.in_range, minutes.measured))
        coverage = settle(percent_of(minutes.measured, minutes.whole))
        required, least = Decimal(inputs["required_percent"]), Decimal(inputs["required_coverage_percent"])
        return Figure(
            value=percent,
            unit="%",
            quality=_quality(parts, percent),
            quantity=inputs["quantity"],
            coverage=coverage,
            measured=coverage,
            flags=flags_of(parts),
            details={
                "point": inputs["point"],
                "verdict": _both(_judge(minutes, required, least), _judge_bypass(bypass, inputs)),
                "in_range_percent": percent,
                "in_range_minutes": settle(minutes.in_range),
                "out_of_range_minutes": settle(minutes.measured - minutes.in_range),
                "not_measured_minutes": settle(minutes.whole - minutes.measured),
                "required_percent": required,
                "required_coverage_percent": least,
                "judged_by": inputs["judged_by"],
                "criteria": [
                    {**each, **_of_criterion(quarters, own)} for each, own in zip(inputs["criteria"], criteria, strict=True)
                ],
                "excursions": [told for each in criteria for told in _excursions(quarters, each, inputs["unit"])],
                **bypass,
            },
        )


class _Range(NamedTuple):
    name: str
    min: Decimal | None
    max: Decimal | None

    def beyond(self, low: Decimal, high: Decimal) -> Decimal:
        """Gives how far the worse end of what was measured lies outside; zero or less within."""
        below = ZERO if self.min is None else self.min - low
        return max(below, ZERO if self.max is None else high - self.max)


class _Checked(NamedTuple):
    """A quarter by its least and greatest value, None where nothing was measured, and how many minutes of it were."""

    start: datetime
    end: datetime
    low: Decimal | None
    high: Decimal | None
    measured: Decimal

    def is_out(self, *criteria: _Range) -> bool:
        return self.low is not None and self.high is not None and any(each.beyond(self.low, self.high) > 0 for each in criteria)


class _Minutes(NamedTuple):
    whole: Decimal
    measured: Decimal
    in_range: Decimal

    @classmethod
    def of(cls, quarters: Sequence[_Checked], criteria: Sequence[_Range]) -> "_Minutes":
        measured = sum((each.measured for each in quarters), ZERO)
        out = sum((each.measured for each in quarters if each.is_out(*criteria)), ZERO)
        return cls(sum((_minutes(each.start, each.end) for each in quarters), ZERO), measured, measured - out)


def _minutes(start: datetime, end: datetime) -> Decimal:
    return microseconds(end - start) / _PER_MINUTE


def _checked(part: Part, judged_by: str) -> _Checked:
    """What was substituted is not measured; what was corrected is judged by what it was corrected to."""
    child, low, high = part.child, part.value, part.value
    if judged_by == JudgedBy.EXTREMES and part.layer is None:
        low, high = (part.value if each is None else each for each in (child.min, child.max))
    if part.layer == SUBSTITUTED or low is None or high is None:
        return _Checked(child.start, child.end, None, None, ZERO)
    return _Checked(child.start, child.end, low, high, _minutes(child.start, child.end) * child.coverage)


def _quality(parts: Sequence[Part], percent: Decimal | None) -> RecordQuality:
    if percent is None:
        return RecordQuality.MISSING
    is_good = all(part.child.quality >= Quality.GOOD for part in parts if part.child.coverage)
    return RecordQuality.GOOD if is_good else RecordQuality.UNCERTAIN


def _judge(minutes: _Minutes, required: Decimal, least: Decimal) -> Verdict:
    best = minutes.whole - (minutes.measured - minutes.in_range)
    if best * HUNDRED < required * minutes.whole:
        return Verdict.OUT_OF_CONTROL
    if not minutes.measured or minutes.measured * HUNDRED < least * minutes.whole:
        return Verdict.INDETERMINATE
    is_enough = minutes.in_range * HUNDRED >= required * minutes.measured
    return Verdict.IN_CONTROL if is_enough else Verdict.OUT_OF_CONTROL


def _bypass(inputs: Mapping[str, Any]) -> dict[str, Decimal | None]:
    told = inputs["bypass"]
    if told is None:
        return {"bypass_minutes": None, "bypass_unknown_minutes": None}
    state, codes = Decimal(told["state"]), (Decimal(told["state"]), Decimal(told["otherwise"]))
    passed = unknown = ZERO
    for child in children_of(inputs["bypass_quarters"]):
        shares, length = shares_of(child, codes), _minutes(child.start, child.end)
        passed += length * shares.get(state, ZERO)
        unknown += length * (1 - known_share(shares))
    return {"bypass_minutes": settle(passed), "bypass_unknown_minutes": settle(unknown)}


def _judge_bypass(bypass: Mapping[str, Decimal | None], inputs: Mapping[str, Any]) -> Verdict:
    most = None if inputs["bypass"] is None else decimal_of(inputs["bypass"]["most_minutes"])
    passed, unknown = bypass["bypass_minutes"], bypass["bypass_unknown_minutes"]
    if most is None or passed is None or unknown is None or passed + unknown <= most:
        return Verdict.IN_CONTROL
    return Verdict.OUT_OF_CONTROL if passed > most else Verdict.INDETERMINATE


def _both(*verdicts: Verdict) -> Verdict:
    for worst in (Verdict.OUT_OF_CONTROL, Verdict.INDETERMINATE):
        if worst in verdicts:
            return worst
    return Verdict.IN_CONTROL


def _of_criterion(quarters: Sequence[_Checked], criterion: _Range) -> dict[str, Decimal | None]:
    minutes = _Minutes.of(quarters, [criterion])
    return {"in_range_percent": settle(percent_of(minutes.in_range, minutes.measured)) if minutes.measured else None}


def _excursions(quarters: Sequence[_Checked], criterion: _Range, unit: str) -> list[dict[str, Any]]:
    runs = runs_of(quarters, lambda each: each.is_out(criterion), lambda each: each.low is not None)
    return [_told(run, criterion, unit) for run in runs]


def _told(run: Run[_Checked], criterion: _Range, unit: str) -> dict[str, Any]:
    ends = [each for span in run.spans for each in (span.low, span.high) if each is not None]
    extreme = max(ends, key=lambda end: criterion.beyond(end, end))
    return {
        "criterion": criterion.name,
        "start": run.start,
        "end": run.end,
        "minutes": _minutes(run.start, run.end),
        "extreme": extreme,
        "unit": unit,
        "cut": run.cut,
    }
