"""Energy over a period by carrier and use (R3)."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from ems_telemetry.records.inputs.energy_units import BASIS_OF, Conversion, conversion_inputs, energy_kwh
from ems_telemetry.records.inputs.joining import join, known_of, sum_of
from ems_telemetry.records.inputs.metering import refuse_doubles
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import CHILD_OF, gather_point, require_totals, total_of
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Word
from ems_telemetry.rules.arithmetic import exactly, percent_of, settle
from ems_telemetry.storage.point_facts import PointFacts

MIXED_BASES = "mixed_calorific_values"


class Carrier(StrEnum):
    """In what energy comes."""

    ELECTRICITY = "electricity"
    NATURAL_GAS = "natural_gas"
    FUEL = "fuel"
    STEAM = "steam"
    HEAT = "heat"
    COOLING = "cooling"
    COMPRESSED_AIR = "compressed_air"
    RENEWABLE_ONSITE = "renewable_onsite"
    OTHER = "other"


BURNT = frozenset({Carrier.NATURAL_GAS, Carrier.FUEL})
"""Carriers whose energy is told gross or net."""


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
            _refuse_doubles(params.points, points, await sources.parents())
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

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Converts each point's total and adds up."""
        given = inputs["points"]
        totals = [total_of(each) for each in given]
        parts = [_part(each, total) for each, total in zip(given, totals, strict=True)]
        joined = join(totals)
        bases = {part["basis"] for part in parts} - {None}
        total = sum_of(part["kwh"] for part in parts)
        return Figure(
            value=total,
            unit="kWh",
            quality=joined.quality,
            quantity="energy",
            coverage=joined.coverage,
            measured=joined.measured,
            estimated=joined.estimated,
            flags=(*joined.flags, *((MIXED_BASES,) if len(bases) > 1 else ())),
            details={
                "by_carrier": _by(parts, "carrier"),
                "by_use": _by(parts, "use"),
                **_renewable(parts, total),
                **{layer: _settled(sum_of(part[layer] for part in parts)) for layer in LAYERS},
                "known": _settled(known_of(part["kwh"] for part in parts)),
                "points": [{name: _settled(value) for name, value in part.items()} for part in parts],
            },
        )


LAYERS = ("measured_kwh", "corrected_kwh", "substituted_kwh")


def _refuse_doubles(wanted: Sequence[EnergyPoint], points: Sequence[PointFacts], parents: Mapping[str, str]) -> None:
    """What is added up must not be counted twice; what is taken off, or comes in another carrier, may stand behind the rest."""
    for (one, first), (other, second) in combinations(zip(wanted, points, strict=True), 2):
        if first.key == second.key or (one.carrier, one.sign) == (other.carrier, other.sign):
            refuse_doubles([first, second], parents)


def _part(given: Mapping[str, Any], total: Figure) -> dict[str, Any]:
    conversion, unit, sign = given["conversion"], given["unit"], given["sign"]

    def energy(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else sign * energy_kwh(amount, unit, conversion)

    return {
        "point": given["point"],
        "carrier": given["carrier"],
        "use": given["use"],
        "renewable": given["renewable"],
        "sign": sign,
        "amount": total.value,
        "unit": unit,
        "kwh": energy(total.value),
        "measured_kwh": energy(total.details["measured"]),
        "corrected_kwh": energy(total.details["corrected"]),
        "substituted_kwh": energy(total.details["substituted"]),
        "measured_percent": total.measured,
        "estimated_percent": total.estimated,
        "quality": total.quality,
        "basis": BASIS_OF.get(given["quantity"]) if conversion is None else conversion["basis"],
        "conversion": conversion,
    }


def _by(parts: Iterable[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    groups: dict[str | None, list[Decimal | None]] = {}
    for part in parts:
        groups.setdefault(part[name], []).append(part["kwh"])
    return [
        {name: key, "kwh": _settled(sum_of(amounts)), "known": _settled(known_of(amounts))} for key, amounts in groups.items()
    ]


def _renewable(parts: Sequence[Mapping[str, Any]], total: Decimal | None) -> dict[str, Any]:
    renewable = sum_of(part["kwh"] for part in parts if part["renewable"])
    known = renewable is not None and total is not None and total > 0
    return {
        "renewable_kwh": _settled(renewable),
        "renewable_percent": settle(percent_of(renewable, total)) if known and renewable is not None and total else None,
    }


def _settled(value: Any) -> Any:  # noqa: ANN401  # what a detail holds
    return settle(value) if isinstance(value, Decimal) else value
