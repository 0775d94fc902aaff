"""Greenhouse gases of what is burnt or escapes on site, gas by gas, and their sum as CO2 (R8; CR-44, CR-46)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.details import settled
from ems_telemetry.records.ghg.activity import (
    Activity,
    ActivityParams,
    activity_of,
    gather_activity,
    total_within,
    without_activity,
)
from ems_telemetry.records.ghg.emission_factors import (
    Calorific,
    Stretch,
    gather_factors,
    gather_gwp_set,
    gwp_set_of,
    scale_to,
    stretches_of,
)
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of, unsaid
from ems_telemetry.records.registers import Number
from ems_telemetry.rules.arithmetic import ZERO
from ems_telemetry.rules.factors import FactorKey
from ems_telemetry.rules.ghg import (
    BIOGENIC_CO2,
    CO2,
    GasLine,
    GwpSet,
    burnt_under_mrr,
    burnt_under_part_98,
    inventory_of,
    reported_tonnes,
)
from ems_telemetry.rules.limits import ROUNDINGS, Ties
from ems_telemetry.rules.masses import KG_PER_UNIT

SCOPE = 1
Share = Annotated[Number, Field(ge=0, le=1)]


class Category(StrEnum):
    """Where it is from (ISO 14064-1, annex B; GHG Protocol)."""

    STATIONARY_COMBUSTION = "stationary_combustion"
    MOBILE_COMBUSTION = "mobile_combustion"
    PROCESS = "process"
    FUGITIVE = "fugitive"


class CalorificValue(Params):
    """Energy by a unit of the activity, gross or net as the factor is."""

    value: Annotated[Number, Field(gt=0)]
    unit: str = Field(description="As MJ/Nm3 or MMBtu/therm_US.", pattern=r"^[^/\s]+/[^/\s]+$")
    source: str | None = None


class Scope1Params(ActivityParams):
    """What it needs to know."""

    activity: str = Field(description="As the register of factors names it.", examples=["natural_gas"])
    region: str = Field(examples=["US"])
    gases: Sequence[str] = Field(default=("CO2", "CH4", "N2O"), min_length=1)
    category: Category = Category.STATIONARY_COMBUSTION
    gwp_set: str = Field(description="The entry of the register.", examples=["AR5"])
    calorific_value: CalorificValue | None = Field(default=None, description="Where the factors are by energy alone.")
    oxidation: Share = Field(default=Decimal(1), description="The share of the carbon that is oxidised; of CO2.")
    biomass_fraction: Share = Field(default=ZERO, description="The share of the carbon that is from biomass; of CO2.")
    reported: Ties | None = Field(
        default=None, exclude_if=unsaid,
        description="Of a year: tell whole tonnes beside the exact figure, halves going to the even one or up.",
    )  # fmt: skip


class GhgScope1:
    """Multiplies what was burnt by the factors that were in force."""

    name = "ghg_scope1"
    version = 1
    record = RecordType.GHG_LINE
    formula = (
        "Activity x calorific value x factor, by gas (40 CFR 98.33; Regulation (EU) 2018/2066, article 24), with the "
        "factors that were in force: where one changes, each counts for what was measured while it was. CO2 equivalent by "
        "the one set of potentials that is named. Biogenic CO2 stands beside. With a part missing there is no figure."
    )
    params: type[BaseModel] = Scope1Params

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads factors, potentials and the activity."""
        said = params_of(Scope1Params, asked)
        if said.reported is not None and asked.item.period is not Period.YEAR:
            raise CannotComputeError("whole tonnes are reported of a year; plan this item by the year, or leave `reported` out")
        gwp_set = await gather_gwp_set(sources, said.gwp_set, asked.start)
        factors: list[dict[str, Any]] = []
        for gas in dict.fromkeys(said.gases):
            key = FactorKey(said.activity, said.region, gas)
            factors += await gather_factors(sources, key, (asked.start, asked.end), asked.item.site, gwp_set=said.gwp_set)
        activity = await gather_activity(sources, asked, said, cuts_of(factors))
        told = said.calorific_value
        calorific = None if told is None else Calorific(told.value, told.unit)
        scaled = [{**each, "scale": scale_to(activity["unit"], each["unit"], calorific)} for each in factors]
        params = said.model_dump(mode="json")
        return {"params": params, "gwp_set": gwp_set, "factors": scaled, "activity": activity}

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Multiplies and adds up."""
        params, stretches = inputs["params"], stretches_of(inputs["factors"])
        activity = activity_of(inputs["activity"], [stretch.since for stretch in stretches])
        oxidation, biomass = Decimal(params["oxidation"]), Decimal(params["biomass_fraction"])
        lines = [line for stretch in stretches for line in _lines(activity, stretch, oxidation, biomass)]
        details = {
            "ghg_scope": SCOPE, "category": params["category"], "activity": params["activity"], "region": params["region"],
            "amount": activity.total, "amount_unit": activity.unit, "gwp_set": inputs["gwp_set"], "lines": lines,
        }  # fmt: skip
        if activity.total is None:
            return without_activity(activity, "t", details)
        gwp_set = gwp_set_of(inputs["gwp_set"])
        inventory = inventory_of(_gas_lines(params["activity"], lines, gwp_set))
        gases = [
            {"gas": gas, "mass_t": mass_t, "gwp": gwp_set.of(gas), "co2e_t": mass_t * gwp_set.of(gas)}
            for gas, mass_t in inventory.masses_t.items()
        ]
        if params.get("reported") is not None:
            tonnes = reported_tonnes(inventory.co2e_t, ROUNDINGS[Ties(params["reported"])])
            details |= {"reported_t": tonnes, "reported_by": params["reported"]}
        return Figure(
            inventory.co2e_t, "t", activity.quality, "co2e", measured=activity.measured, estimated=activity.estimated,
            flags=activity.flags, details=settled({**details, "gases": gases, "biogenic_co2_t": inventory.biogenic_co2_t}),
        )  # fmt: skip


def cuts_of(factors: Iterable[Mapping[str, Any]]) -> list[datetime]:
    """Tells when factors change."""
    return [each["since"] for each in factors]


def _lines(activity: Activity, stretch: Stretch, oxidation: Decimal, biomass: Decimal) -> list[dict[str, Any]]:
    amount = total_within(activity.amounts, (stretch.since, stretch.until))
    told = {
        "factor": stretch.factor, "value": stretch.value, "unit": stretch.unit, "since": stretch.since, "until": stretch.until,
        "amount": amount,
    }  # fmt: skip
    if amount is None:
        return [{"gas": stretch.gas, **told, "mass_t": None}]
    if stretch.gas != CO2:
        kg = stretch.t_per_unit * KG_PER_UNIT["t"]
        return [{"gas": stretch.gas, **told, "mass_t": burnt_under_part_98(amount, kg, stretch.scale)}]
    burnt = burnt_under_mrr(amount, stretch.scale, stretch.t_per_unit, oxidation, biomass)
    lines = [{"gas": CO2, **told, "mass_t": burnt.fossil_t}]
    return [*lines, {"gas": BIOGENIC_CO2, **told, "mass_t": burnt.biogenic_t}] if biomass else lines


def _gas_lines(activity: str, lines: Sequence[Mapping[str, Any]], gwp_set: GwpSet) -> list[GasLine]:
    return [GasLine(activity, line["gas"], line["mass_t"], gwp_set) for line in lines]
