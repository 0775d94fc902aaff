"""How large an environmental aspect was over a period, by operating condition, beside the total and the period before (R19)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Self

from pydantic import BaseModel, Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.records.inputs.children import children_as_inputs, children_of, decimal_of
from ems_telemetry.records.inputs.conditions import (
    UNKNOWN,
    Segment,
    Shares,
    segments_of,
    shares_by_point,
    shares_by_segments,
    stated_of,
)
from ems_telemetry.records.inputs.joining import join, sum_of
from ems_telemetry.records.inputs.layers import Part
from ems_telemetry.records.inputs.metering import refuse_doubles
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.splitting import split_of
from ems_telemetry.records.inputs.totals import CHILD_OF, gather_point, parts_of, require_totals, total_of
from ems_telemetry.records.kinds import RecordStatus, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, PlanName, params_of
from ems_telemetry.records.registers.operations import Condition
from ems_telemetry.records.registers.register import Word
from ems_telemetry.rules.arithmetic import exactly, percent_of, settle
from ems_telemetry.storage.records import RecordFilter

PRORATED: Final = "prorated"
"""A quarter in which the condition changed was split by time."""


class ByPoint(Params):
    """A point that tells the state."""

    point: Word
    states: dict[str, Condition] = Field(
        min_length=2, description="The condition by what the point says.", examples=[{"0": "normal", "1": "abnormal"}]
    )

    @model_validator(mode="after")
    def _codes_are_numbers(self) -> Self:
        if any(not code.lstrip("-").isdecimal() for code in self.states):
            raise ValueError("the names of `states` are the whole numbers that the point gives")
        return self


class ByRegister(Params):
    """The register of operating states."""

    equipment: list[Word] = Field(default=[], description="Which units count, beside the whole site; none: all.")
    otherwise: Condition | None = Field(default=Condition.NORMAL, description="What holds where nothing is stated.")


class Total(Params):
    """What the share is of."""

    points: list[Word] = Field(default=[], max_length=200)
    plan: PlanName | None = Field(default=None, description="A plan item whose record of the same period is the total.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.points) == (self.plan is not None):
            raise ValueError("name `points` or a `plan` item")
        return self


class AspectMagnitudeParams(Params):
    """What it needs to know."""

    aspect: Word
    points: list[Word] = Field(min_length=1, max_length=200)
    by_point: ByPoint | None = None
    by_register: ByRegister | None = None
    total: Total | None = None
    allow_submeters: bool = False

    @model_validator(mode="after")
    def _one_split(self) -> Self:
        if self.by_point is not None and self.by_register is not None:
            raise ValueError("the condition is told `by_point` or `by_register`, not by both")
        return self


class AspectMagnitude:
    """Adds up an aspect's quantity, and splits it by condition."""

    name = "aspect_magnitude"
    version = 1
    record = RecordType.ASPECT_MAGNITUDE
    formula = (
        "Magnitude = sum over the points, split by operating condition quarter by quarter; a quarter of change is split by "
        "time. Share = magnitude / total; change = magnitude - that of the period before. What has a part missing is null."
    )
    params: type[BaseModel] = AspectMagnitudeParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the points, the conditions, the total and the record of the period before."""
        params = params_of(AspectMagnitudeParams, asked)
        is_split = params.by_point is not None or params.by_register is not None
        child = Period.QUARTER if is_split else CHILD_OF[asked.item.period]
        points = await _gather_points(sources, asked, params.points, child, allow=params.allow_submeters)
        return {
            "aspect": params.aspect,
            "start": asked.start,
            "end": asked.end,
            "points": points,
            "conditions": await _gather_conditions(sources, asked, params),
            "total": await gather_total(sources, asked, params, points[0]["unit"]),
            "before": await gather_before(sources, asked),
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Adds up, splits and compares."""
        totals = [total_of(each) for each in inputs["points"]]
        joined, value = join(totals), sum_of(figure.value for figure in totals)
        split, flags = _split(inputs)
        unit, total = inputs["points"][0]["unit"], total_or_none(inputs["total"])
        return Figure(
            value=value,
            unit=unit,
            quality=joined.quality,
            quantity=inputs["points"][0]["quantity"],
            coverage=joined.coverage,
            measured=joined.measured,
            estimated=joined.estimated,
            flags=(*joined.flags, *flags),
            details={
                "aspect": inputs["aspect"],
                "by_condition": split,
                "total": total,
                "share_percent": percent_or_none(value, total),
                **trend_of(value, unit, inputs["before"]),
                "points": [
                    {"point": each["point"], "amount": figure.value, "quality": figure.quality}
                    for each, figure in zip(inputs["points"], totals, strict=True)
                ],
            },
        )


async def _gather_points(
    sources: Sources, asked: Asked, keys: Sequence[str], child: Period, *, allow: bool
) -> list[dict[str, Any]]:
    points = await sources.points(keys)
    require_totals(points)
    if not allow:
        refuse_doubles(points, await sources.parents())
    for point in points:
        if point.unit != points[0].unit:
            words = f"{points[0].key} counts {points[0].unit} and {point.key} {point.unit}"
            raise CannotComputeError(f"{words}; an aspect is of one unit: make it several plan items")
    return [await gather_point(sources, point, asked.start, asked.end, child) for point in points]


async def _gather_conditions(sources: Sources, asked: Asked, params: AspectMagnitudeParams) -> dict[str, Any] | None:
    if params.by_point is not None:
        point = await sources.point(params.by_point.point)
        quarters = await sources.children(point, Period.QUARTER, asked.start, asked.end)
        return {"states": params.by_point.states, "quarters": children_as_inputs(quarters)}
    if params.by_register is None:
        return None
    return await stated_conditions(sources, asked, params.by_register)


async def stated_conditions(sources: Sources, asked: Asked, wanted: ByRegister) -> dict[str, Any]:
    """Reads what the register of operating states says of a period, as inputs of `stated_of`."""
    rows = await sources.happened("operating_state", asked.start, asked.end, site=asked.item.site)
    equipment = {None, *wanted.equipment}
    return {
        "otherwise": wanted.otherwise or UNKNOWN,
        "stated": [
            {**{name: row.body[name] for name in ("from", "to", "state", "equipment")}, "id": row.id}
            for row in rows
            if not wanted.equipment or row.body["equipment"] in equipment
        ],
    }


async def gather_total(sources: Sources, asked: Asked, params: AspectMagnitudeParams, unit: str) -> dict[str, Any] | None:
    """Reads what the share is of, as inputs of `total_or_none`."""
    if params.total is None:
        return None
    counted: dict[str, Any]
    if params.total.plan is None:
        child = CHILD_OF[asked.item.period]
        points = await _gather_points(sources, asked, params.total.points, child, allow=params.allow_submeters)
        told, counted = points[0]["unit"], {"points": points}
    else:
        found = await _record(sources, params.total.plan, asked.start, asked.end)
        told = unit if found is None else found["unit"]
        counted = {"plan": params.total.plan, "record": found}
    if told != unit:
        raise CannotComputeError(f"the total is in {told} and the aspect in {unit}; name a total in {unit}")
    return counted


async def gather_before(sources: Sources, asked: Asked) -> dict[str, Any] | None:
    """Gives the figure of the period before."""
    at = microseconds(asked.start) - 1
    start, end = (moment_of(edge) for edge in edges_of(asked.item.period, at, at + 1, asked.zone)[:2])
    return await _record(sources, asked.item.id, start, end)


async def _record(sources: Sources, plan: str, start: datetime, end: datetime) -> dict[str, Any] | None:
    """Gives the figure that a plan item has for a period; None where there is no record, or one that is void."""
    for row in await sources.records(RecordFilter(plan=plan, since=start, until=end)):
        if (row.period_start, row.period_end) == (start, end) and row.status != RecordStatus.VOIDED:
            return {"record_id": row.id, "value": row.value, "unit": row.unit}
    return None


def _split(inputs: Mapping[str, Any]) -> tuple[list[dict[str, Any]] | None, tuple[str, ...]]:
    """Splits the amounts by condition; amounts are null where a part of them is missing."""
    if inputs["conditions"] is None:
        return None, ()
    split = split_of([parts_of(point) for point in inputs["points"]], _shares_at(inputs))
    return split.rows(), ((PRORATED,) if split.is_prorated else ())


def _shares_at(inputs: Mapping[str, Any]) -> Callable[[Part], Shares]:
    conditions = inputs["conditions"]
    if "quarters" in conditions:
        by_start = {child.start: shares_by_point(child, conditions["states"]) for child in children_of(conditions["quarters"])}
        return lambda part: by_start.get(part.child.start, {UNKNOWN: Decimal(1)})
    start, end = (datetime.fromisoformat(inputs[edge]) for edge in ("start", "end"))
    segments: list[Segment] = segments_of(stated_of(conditions["stated"]), start, end, conditions["otherwise"])
    return lambda part: shares_by_segments(segments, part.child.start, part.child.end)


def total_or_none(given: Mapping[str, Any] | None) -> Decimal | None:
    """Gives what the share is of; None where it is not known, or not asked for."""
    if given is None:
        return None
    if "points" in given:
        return sum_of(total_of(each).value for each in given["points"])
    return None if given["record"] is None else decimal_of(given["record"]["value"])


def percent_or_none(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """Gives a share in percent, where both are known and there is something to share."""
    return None if part is None or not whole else settle(percent_of(part, whole))


def trend_of(value: Decimal | None, unit: str, before: Mapping[str, Any] | None) -> dict[str, Decimal | None]:
    """Compares with the period before, if that was told in the same unit."""
    earlier = None if before is None or before["unit"] != unit else decimal_of(before["value"])
    change = None if value is None or earlier is None else value - earlier
    return {"before": earlier, "change": change, "change_percent": percent_or_none(change, earlier)}
