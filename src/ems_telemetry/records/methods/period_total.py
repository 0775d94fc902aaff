"""The total of a point over a day, month or year (R2)."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import CHILD_OF, gather_point, require_totals, total_of
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of


class PeriodTotalParams(Params):
    """What it needs to know."""

    point: str


class PeriodTotal:
    """Adds up what a counter counted, with the layers over it."""

    name = "period_total"
    version = 1
    record = RecordType.PERIOD_TOTAL
    formula = (
        "The sum of the increments of the period (CR-2 to CR-7), exact. Corrections take the place of what was measured, "
        "substitution of what is missing; both are told apart. With a part missing there is no total."
    )
    params: type[BaseModel] = PeriodTotalParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads days of a month, months of a year, quarters of a day; quarters wherever a layer lies over them."""
        point = await sources.point(params_of(PeriodTotalParams, asked).point)
        require_totals([point])
        return await gather_point(sources, point, asked.start, asked.end, CHILD_OF[asked.item.period])

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Adds up."""
        return total_of(inputs)
