"""Energy over a period by carrier and use (R3)."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from ems_telemetry.records.inputs.energy_parts import BURNT, added_up
from ems_telemetry.records.inputs.energy_units import Conversion, conversion_inputs
from ems_telemetry.records.inputs.metering import refuse_doubles
from ems_telemetry.records.inputs.selecting import Carrier
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import CHILD_OF, gather_point, require_totals
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Word
from ems_telemetry.storage.point_facts import PointFacts


class EnergyPoint(Params):
    """A point that is added up."""

    point: Word
    carrier: Carrier
    use: Word | None = Field(default=None, description="The significant energy use it belongs to.", examples=["compressed air"])
    renewable: bool = False
    sign: Literal[1, -1] = Field(default=1, description="-1: taken off, as energy that is passed on.")
    conversion: Conversion | None = Field(default=None, description="Needed where the point counts no energy.")

    @model_validator(mode="after")
    def _basis_is_told(self) -> Self:
        if self.conversion is not None and self.carrier in BURNT and self.conversion.basis is None:
            raise ValueError(f"the conversion of {self.point} needs its `basis`: Hs (gross) or Hi (net)")
        return self


class EnergyParams(Params):
    """What it needs to know."""

    points: list[EnergyPoint] = Field(min_length=1, max_length=500)
    allow_submeters: bool = Field(default=False, description="Add up meters although one stands behind the other.")


class Energy:
    """Adds up what points of several carriers counted, as energy."""

    name = "energy"
    version = 1
    record = RecordType.ENERGY
    formula = (
        "E = sum of sign x amount x conversion, in kWh. MWh, GJ and MJ are converted by definition (1 kWh = 3.6 MJ); volumes "
        "and masses by named constants: gas m3 x correction x calorific value / 3.6 MJ (CR-37), steam mass x (enthalpy - "
        "enthalpy of the feed water) (CR-39). With a part missing there is no total. What is counted behind another point is "
        "refused."
    )
    params: type[BaseModel] = EnergyParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads each point as a total of its own."""
        params = params_of(EnergyParams, asked)
        points = await sources.points(each.point for each in params.points)
        require_totals(points)
        if not params.allow_submeters:
            refuse_doubles_of(params.points, points, await sources.parents())
        return {
            "points": [
                {
                    **await gather_point(sources, point, asked.start, asked.end, CHILD_OF[asked.item.period]),
                    "carrier": wanted.carrier,
                    "use": wanted.use,
                    "renewable": wanted.renewable,
                    "sign": wanted.sign,
                    "conversion": conversion_inputs(point.key, point.unit, wanted.conversion),
                }
                for wanted, point in zip(params.points, points, strict=True)
            ]
        }

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Converts each point's total and adds up."""
        return added_up(inputs["points"])


def refuse_doubles_of(wanted: Sequence[EnergyPoint], points: Sequence[PointFacts], parents: Mapping[str, str]) -> None:
    """What is added up must not be counted twice; what is taken off, or comes in another carrier, may stand behind the rest."""
    for (one, first), (other, second) in combinations(zip(wanted, points, strict=True), 2):
        if first.key == second.key or (one.carrier, one.sign) == (other.carrier, other.sign):
            refuse_doubles([first, second], parents)
