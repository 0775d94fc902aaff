"""How large an environmental aspect was by operating condition (R19), with inputs that stay short over a year."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.inputs.conditions import (
    UNKNOWN,
    Shares,
    segments_of,
    shares_by_point,
    shares_by_segments,
    stated_of,
)
from ems_telemetry.records.inputs.joining import join, sum_of
from ems_telemetry.records.inputs.layers import Part
from ems_telemetry.records.inputs.metering import refuse_doubles
from ems_telemetry.records.inputs.sourced import gather_by_source, total_by_source
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.splitting import joined, split_from, split_of
from ems_telemetry.records.inputs.totals import require_totals
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.methods.aspect_magnitude import (
    PRORATED,
    AspectMagnitudeParams,
    gather_before,
    gather_total,
    percent_or_none,
    stated_conditions,
    total_or_none,
    trend_of,
)
from ems_telemetry.records.parameters import params_of
from ems_telemetry.rules.arithmetic import exactly
from ems_telemetry.storage.point_facts import PointFacts

Json = dict[str, Any]
SharesAt = Callable[[Part], Shares]


class AspectMagnitudeByDay:
    """Adds up an aspect's quantity, and splits it by condition day by day."""

    name = "aspect_magnitude"
    version = 2
    record = RecordType.ASPECT_MAGNITUDE
    formula = (
        "As `aspect_magnitude@1`: magnitude = sum over the points, split by operating condition quarter by quarter. Quarters "
        "are split when the inputs are gathered; the record keeps what they came to by local day and condition, and their hash."
    )
    params: type[BaseModel] = AspectMagnitudeParams

    async def gather(self, sources: Sources, asked: Asked) -> Json:
        """Reads the quarters of the points, splits them, and keeps what they come to by day."""
        params = params_of(AspectMagnitudeParams, asked)
        points = await sources.points(params.points)
        _require_one_sum(points, {} if params.allow_submeters else await sources.parents(), allow=params.allow_submeters)
        shares_at, stated = await _gather_shares(sources, asked, params)
        gathered, parts = list[Json](), list[list[Part]]()
        for point in points:
            told, mine = await gather_by_source(sources, point, asked.start, asked.end)
            gathered.append(told)
            parts.append(mine)
        return {
            "aspect": params.aspect,
            "points": gathered,
            "conditions": stated,
            "days": None if shares_at is None else days_of_splits(parts, shares_at, asked.zone),
            "total": await gather_total(sources, asked, params, points[0].unit),
            "before": await gather_before(sources, asked),
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Adds up, by point and by day, and compares."""
        totals = [total_by_source(each) for each in inputs["points"]]
        common, value = join(totals), sum_of(figure.value for figure in totals)
        split = None if inputs["days"] is None else joined(split_from(day) for day in inputs["days"])
        unit, total = inputs["points"][0]["unit"], total_or_none(inputs["total"])
        return Figure(
            value=value,
            unit=unit,
            quality=common.quality,
            quantity=inputs["points"][0]["quantity"],
            coverage=common.coverage,
            measured=common.measured,
            estimated=common.estimated,
            flags=(*common.flags, *((PRORATED,) if split is not None and split.is_prorated else ())),
            details={
                "aspect": inputs["aspect"],
                "by_condition": None if split is None else split.rows(),
                "total": total,
                "share_percent": percent_or_none(value, total),
                **trend_of(value, unit, inputs["before"]),
                "points": [
                    {"point": each["point"], "amount": figure.value, "quality": figure.quality}
                    for each, figure in zip(inputs["points"], totals, strict=True)
                ],
            },
        )


def _require_one_sum(points: Sequence[PointFacts], parents: Mapping[str, str], *, allow: bool) -> None:
    require_totals(points)
    if not allow:
        refuse_doubles(points, parents)
    for point in points:
        if point.unit != points[0].unit:
            words = f"{points[0].key} counts {points[0].unit} and {point.key} {point.unit}"
            raise CannotComputeError(f"{words}; an aspect is of one unit: make it several plan items")


async def _gather_shares(sources: Sources, asked: Asked, params: AspectMagnitudeParams) -> tuple[SharesAt | None, Json | None]:
    """Tells how quarters are split, and what of it the record keeps."""
    if params.by_point is not None:
        states = params.by_point.states
        point = await sources.point(params.by_point.point)
        quarters = await sources.children(point, Period.QUARTER, asked.start, asked.end)
        by_start = {child.start: shares_by_point(child, states) for child in quarters}
        return lambda part: by_start.get(part.child.start, {UNKNOWN: Decimal(1)}), {"point": point.key, "states": states}
    if params.by_register is None:
        return None, None
    conditions = await stated_conditions(sources, asked, params.by_register)
    segments = segments_of(stated_of(conditions["stated"]), asked.start, asked.end, conditions["otherwise"])
    return lambda part: shares_by_segments(segments, part.child.start, part.child.end), conditions


def days_of_splits(points: Sequence[Sequence[Part]], shares_at: SharesAt, zone: ZoneInfo) -> list[Json]:
    """Splits the quarters of points, and adds up what comes of them by local day, as inputs of `split_from`."""

    def day_of(part: Part) -> date:
        return part.child.start.astimezone(zone).date()

    by_day = [{day: list(run) for day, run in groupby(parts, key=day_of)} for parts in points]
    rows = []
    for day in by_day[0]:
        split = split_of([parts[day] for parts in by_day], shares_at)
        told = {"known": split.known, "missing": split.missing, "hours": split.hours, "is_prorated": split.is_prorated}
        rows.append({"day": day, **told})
    return rows
