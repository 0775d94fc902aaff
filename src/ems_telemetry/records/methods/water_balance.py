"""The water of a site over a period: taken, given back, used again, and consumed (R4)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from ems_telemetry.config.units import UnitError, parse_unit, scale_between
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.inputs.joining import join, sum_of
from ems_telemetry.records.inputs.metering import refuse_doubles
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import CHILD_OF, gather_point, require_totals, total_of
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Word
from ems_telemetry.rules.arithmetic import exactly, settle
from ems_telemetry.rules.water import WaterBalance, water_balance
from ems_telemetry.storage.point_facts import PointFacts

WATER_STRESS = "water_stress_area"
REUSE_MISSING = "reuse_missing"


class WaterSource(StrEnum):
    """Where water is taken from."""

    MUNICIPAL = "municipal"
    GROUND = "ground"
    SURFACE = "surface"
    RAIN = "rain"
    RECLAIMED = "reclaimed"
    """Treated waste water of somebody else."""


class Withdrawal(Params):
    """A meter of water that is taken."""

    point: Word
    source: WaterSource


class Stream(Params):
    """A meter of water that is given back, or used again."""

    point: Word
    name: Word | None = Field(default=None, description="Of the outfall or loop.", examples=["outfall 1"])


class WaterBalanceParams(Params):
    """What it needs to know."""

    withdrawal: list[Withdrawal] = Field(min_length=1, max_length=200)
    discharge: list[Stream] = Field(min_length=1, max_length=200)
    reuse: list[Stream] = Field(default=[], max_length=200)
    stress_area: bool = Field(default=False, description="The site lies in an area of high water stress.")
    allow_submeters: bool = Field(default=False, description="Add up meters although one stands behind the other.")


class WaterBalanced:
    """Balances withdrawal against discharge."""

    name = "water_balance"
    version = 1
    record = RecordType.WATER_BALANCE
    formula = (
        "Consumption = withdrawal - discharge; reuse percent = reuse / (withdrawal + reuse); all in m3 (CR-36). What has a "
        "part missing is null."
    )
    params: type[BaseModel] = WaterBalanceParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads each point as a total of its own."""
        params = params_of(WaterBalanceParams, asked)
        parents = {} if params.allow_submeters else await sources.parents()
        gathered: dict[str, Any] = {"stress_area": params.stress_area}
        groups: Mapping[str, Sequence[Withdrawal | Stream]] = {
            "withdrawal": params.withdrawal, "discharge": params.discharge, "reuse": params.reuse,
        }  # fmt: skip
        for part, streams in groups.items():
            points = await sources.points(each.point for each in streams)
            require_totals(points)
            if not params.allow_submeters:
                refuse_doubles(points, parents)
            gathered[part] = [
                {
                    **await gather_point(sources, point, asked.start, asked.end, CHILD_OF[asked.item.period]),
                    **stream.model_dump(mode="json"),
                    "m3_per_unit": _m3(point),
                }
                for stream, point in zip(streams, points, strict=True)
            ]
        return gathered

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Balances what each part comes to."""
        figures = {part: [total_of(each) for each in inputs[part]] for part in PARTS}
        parts = {part: [_in_m3(*pair) for pair in zip(inputs[part], figures[part], strict=True)] for part in PARTS}
        balance = water_balance(*([each["m3"] for each in parts[part]] for part in PARTS))
        joined = join([*figures["withdrawal"], *figures["discharge"]])
        return Figure(
            value=balance.consumption,
            unit="m3",
            quality=joined.quality,
            quantity="water_consumption",
            coverage=joined.coverage,
            measured=joined.measured,
            estimated=joined.estimated,
            flags=(*joined.flags, *_own_flags(inputs, balance)),
            details={
                "withdrawal_m3": balance.withdrawal,
                "discharge_m3": balance.discharge,
                "reuse_m3": balance.reuse,
                "reuse_percent": None if balance.reuse_percent is None else settle(balance.reuse_percent),
                "by_source": _by_source(parts["withdrawal"]),
                "stress_area": inputs["stress_area"],
                **parts,
            },
        )


PARTS = ("withdrawal", "discharge", "reuse")


def _m3(point: PointFacts) -> Decimal:
    try:
        scale = scale_between(parse_unit(point.unit), parse_unit("m3"))
    except UnitError:
        scale = None
    if scale is None:
        raise CannotComputeError(f"{point.key} counts {point.unit}, which is no volume of water; name a point that counts m3")
    return scale


def _in_m3(given: Mapping[str, Any], total: Figure) -> dict[str, Any]:
    told = {name: given[name] for name in ("source", "name") if name in given}
    return {
        "point": given["point"],
        **told,
        "m3": None if total.value is None else total.value * Decimal(given["m3_per_unit"]),
        "quality": total.quality,
        "measured_percent": total.measured,
    }


def _by_source(withdrawals: Sequence[Mapping[str, Any]]) -> dict[str, Decimal | None]:
    sources = dict.fromkeys(each["source"] for each in withdrawals)
    return {source: sum_of(each["m3"] for each in withdrawals if each["source"] == source) for source in sources}


def _own_flags(inputs: Mapping[str, Any], balance: WaterBalance) -> list[str]:
    missing = [REUSE_MISSING] if inputs["reuse"] and balance.reuse is None else []
    return [*missing, *([WATER_STRESS] if inputs["stress_area"] else [])]
