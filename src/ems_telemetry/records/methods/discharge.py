"""The figures of a discharge monitoring report: one parameter of one outfall over a month (R7)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.blocks import BlockLength, days_as_inputs
from ems_telemetry.records.averages.outfall import MG_PER_L, DischargeParams, OutfallDay, in_unit, known_loads, outfall_days
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.quarters import gather_quarters
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import ADDITIVE
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import params_of
from ems_telemetry.rules.arithmetic import mean, percent_of, settle
from ems_telemetry.rules.discharge import Result, Statistic, discharge_of

BELOW_DETECTION: Final = "below_detection"
EXCEEDS: Final = "exceeds_daily_limit"
NO_DISCHARGE: Final = {"reason": "no_discharge", "nodi": "C"}
NO_SAMPLE: Final = {"reason": "no_sample", "nodi": "E"}
NOT_DETECTED: Final = {"reason": "below_detection", "nodi": "B"}
"""Why there is no number, and the no-data indicator (NODI) of NetDMR for it."""


class DischargeMonitoring:
    """Averages the results of an outfall and counts the days beyond the limit."""

    name = "discharge"
    version = 1
    record = RecordType.DISCHARGE
    formula = (
        "The average of the daily values, arithmetic or geometric, the least, the greatest, how many exceed the daily limit "
        "(CR-32); what stands for a result below detection is as the permit says (CR-33); load in kg a day = m3/d x mg/L / "
        "1000 (CR-34)."
    )
    params: type[BaseModel] = DischargeParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the samples, and the quarters of the point and the flow."""
        params = params_of(DischargeParams, asked)
        _check(params)
        gathered: dict[str, Any] = {
            "params": params.model_dump(mode="json"),
            "days": days_as_inputs(asked.start, asked.end, BlockLength.HOUR, asked.zone),
            "samples": await _gather_samples(sources, asked, params),
            "point": None,
            "flow": None,
        }
        if params.point is not None:
            point = await sources.point(params.point)
            if point.unit != params.unit or point.kind in ADDITIVE:
                raise CannotComputeError(f"{point.key} is a {point.kind} in {point.unit}; a gauge in {params.unit} is needed")
            gathered["point"] = await gather_quarters(sources, point, asked.start, asked.end)
        if params.flow is not None:
            flow = await sources.point(params.flow)
            if flow.unit != ("m3" if flow.kind in ADDITIVE else "m3/h"):
                raise CannotComputeError(
                    f"{flow.key} is a {flow.kind} in {flow.unit}; a counter in m3 or a gauge in m3/h is needed"
                )
            gathered["flow"] = await gather_quarters(sources, flow, asked.start, asked.end)
        return gathered

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Makes the figures."""
        params = DischargeParams.model_validate(inputs["params"])
        days = list(outfall_days(inputs, params))
        limit = None if params.daily_limit is None else params.daily_limit.to_limit()
        daily = _due(days, params)
        there = [each for each in daily if each is not None]
        found = discharge_of(daily, params.reporting(), limit) if there else None
        average = None if found is None else found.average
        no_data = _no_data(days, average)
        exceeding = [day.day for day in days if day.exceeds(limit)]
        share = settle(percent_of(len(there), len(daily))) if daily else None
        return Figure(
            value=None if average is None or average.value is None else settle(average.value),
            unit=params.unit,
            quality=_quality(days, average),
            quantity=params.parameter,
            coverage=share,
            measured=share,
            flags=_flags(daily, no_data, exceeding),
            details={
                "outfall": params.outfall,
                "parameter": params.parameter,
                "average": _told(average),
                "minimum": _told(None if found is None else found.minimum),
                "maximum": _told(None if found is None else found.maximum),
                "averaging": params.average,
                "non_detects": params.non_detects,
                "n": len(there),
                "samples": sum(day.samples for day in days),
                "missing": len(daily) - len(there),
                "daily_limit": None if limit is None else limit.value,
                "exceedances": len(exceeding),
                "exceedance_days": exceeding,
                "no_data": no_data,
                "load": _load(days) if params.load else None,
                "days": [day.details(limit) for day in days if day.result is not None or day.volume_m3 is not None],
            },
        )


def _check(params: DischargeParams) -> None:
    if params.load and params.flow is None:
        raise CannotComputeError("a load needs a flow; name the point that measures it")
    if params.load and params.unit not in MG_PER_L:
        raise CannotComputeError(f"{params.unit} times m3 is no mass; a load is made of {', '.join(MG_PER_L)}")


async def _gather_samples(sources: Sources, asked: Asked, params: DischargeParams) -> list[dict[str, Any]]:
    """Reads the samples of the outfall in order of time, each with its day by the clock of the site."""
    rows = await sources.happened("sample", asked.start, asked.end, site=asked.item.site, use=False)
    own = [
        row for row in rows
        if row.body["place"] == params.outfall and row.body["parameter"] == params.parameter
        and row.valid_from is not None and asked.start <= row.valid_from < asked.end
    ]  # fmt: skip
    sources.use(own)
    return [
        {
            "id": row.id,
            "day": row.valid_from.astimezone(asked.zone).date(),
            "value": in_unit(decimal_of(row.body["value"]), row.body["unit"], params.unit),
            "qualifier": row.body["qualifier"],
            "lod": in_unit(decimal_of(row.body["lod"]), row.body["unit"], params.unit),
        }
        for row in sorted(own, key=lambda row: (row.valid_from or asked.start, row.id))
        if row.valid_from is not None
    ]


def _due(days: Sequence[OutfallDay], params: DischargeParams) -> list[Result | None]:
    """Gives the daily values that were due: of a point every day, of samples those taken and those that should have been."""
    if params.point is not None:
        return [day.result for day in days]
    there: list[Result | None] = [day.result for day in days if day.result is not None]
    return there + [None] * max(0, (params.samples_due or 0) - len(there))


def _no_data(days: Sequence[OutfallDay], average: Statistic | None) -> Mapping[str, str] | None:
    if average is not None:
        return NOT_DETECTED if average.below is not None else None
    return NO_DISCHARGE if all(day.volume_m3 == 0 for day in days) else NO_SAMPLE


def _told(statistic: Statistic | None) -> dict[str, Any] | None:
    if statistic is None:
        return None
    value = None if statistic.value is None else settle(statistic.value)
    return {"value": value, "text": statistic.text, "below": statistic.below}


def _quality(days: Sequence[OutfallDay], average: Statistic | None) -> RecordQuality:
    if average is None:
        return RecordQuality.MISSING
    return RecordQuality.UNCERTAIN if any(day.is_uncertain for day in days) else RecordQuality.GOOD


def _flags(daily: Sequence[Result | None], no_data: Mapping[str, str] | None, exceeding: Sequence[object]) -> tuple[str, ...]:
    flags = {"missing"} if None in daily else set()
    flags |= {no_data["reason"]} if no_data else set()
    flags |= {EXCEEDS} if exceeding else set()
    return tuple(sorted(flags))


def _load(days: Sequence[OutfallDay]) -> dict[str, Any]:
    """Gives the loads in kg a day of the days that have one, and how many lack what."""
    loads = known_loads(days)
    return {
        "average_kg_per_day": settle(mean(loads)) if loads else None,
        "maximum_kg_per_day": settle(max(loads)) if loads else None,
        "days": len(loads),
        "without_flow": sum(day.result is not None and day.volume_m3 is None for day in days),
        "without_result": sum(day.result is None and bool(day.volume_m3) for day in days),
    }
