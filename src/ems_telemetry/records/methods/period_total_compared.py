"""The total of a point over a day, month or year by where its amounts are from, and against the period before (R2)."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from ems_telemetry.intervals.calendar import edges_of, microseconds, moment_of
from ems_telemetry.records.inputs.sourced import gather_by_source, total_by_source
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import CHILD_OF, gather_point, require_totals, total_of
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.methods.period_total import PeriodTotalParams
from ems_telemetry.records.parameters import params_of
from ems_telemetry.rules.arithmetic import exactly, percent_of, settle

Json = dict[str, Any]


class PeriodTotalCompared:
    """Adds up what a counter counted, by where it is from, and compares."""

    name = "period_total"
    version = 2
    record = RecordType.PERIOD_TOTAL
    formula = (
        "The sum of the increments of the period (CR-2 to CR-7), exact, as `period_total@1`, by where each quarter is "
        "from: measured, manual, estimated (spread over a gap), corrected, substituted. Change = total - that of the period "
        "before, which is added up again at the same time. With a part missing there is no total."
    )
    params: type[BaseModel] = PeriodTotalParams

    async def gather(self, sources: Sources, asked: Asked) -> Json:
        """Reads quarters of an hour and brings equal ones together; of the period before, what it is put together of."""
        point = await sources.point(params_of(PeriodTotalParams, asked).point)
        require_totals([point])
        at = microseconds(asked.start) - 1
        start, end = (moment_of(edge) for edge in edges_of(asked.item.period, at, at + 1, asked.zone)[:2])
        by_source, _ = await gather_by_source(sources, point, asked.start, asked.end)
        return {
            **by_source,
            "before": await gather_point(sources, point, start, end, CHILD_OF[asked.item.period]),
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Adds up and compares."""
        figure = total_by_source(inputs)
        return replace(figure, details={**figure.details, **_compared(figure.value, inputs["before"])})


def _compared(total: Decimal | None, before: Mapping[str, Any]) -> Json:
    earlier = total_of(before).value
    earlier = None if earlier is None else settle(earlier)
    change = None if total is None or earlier is None else settle(total) - earlier
    percent = settle(percent_of(change, earlier)) if change is not None and earlier else None
    return {"before": earlier, "change": change, "change_percent": percent}
