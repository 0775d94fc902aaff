"""Purchased electricity told twice: by the grid it is from, and by the contracts it is bought under (R8; CR-45, CR-46)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from ems_telemetry.errors import CannotComputeError
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
    CO2E,
    Stretch,
    gather_factors,
    gather_gwp_set,
    multiply,
    scale_to,
    stretches_of,
)
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.methods.ghg_scope1 import cuts_of
from ems_telemetry.records.parameters import params_of
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.factors import FactorKey
from ems_telemetry.rules.scope_2 import Consumption, Instrument, Origin, Scope2, scope_2_of
from ems_telemetry.storage.entries import EntryRow

SCOPE = 2
MWH = "MWh"


class Scope2Params(ActivityParams):
    """What it needs to know."""

    activity: str = Field(default="electricity", description="As the register of factors names what the grid emits.")
    residual_activity: str = Field(default="electricity_residual_mix", description="Likewise, of the residual mix.")
    region: str = Field(description="Of both factors; their gas is CO2e.", examples=["DE"])
    market: str = Field(description="In which contracts count.", examples=["DE"])
    category: str = "purchased_electricity"
    gwp_set: str = Field(description="The set that the factors were computed by.", examples=["AR5"])
    vintage_before_d: int = Field(default=0, ge=0, le=366, description="So many days before the period a vintage may begin.")
    vintage_after_d: int = Field(default=0, ge=0, le=366, description="So many days after it a vintage may end.")


class GhgScope2:
    """Multiplies what was bought by the grid's factor, and by those of the contracts it was bought under."""

    name = "ghg_scope2"
    version = 1
    record = RecordType.GHG_LINE
    formula = (
        "Location-based: consumption x the grid's factor. Market-based: certificates and contracts, then the supplier's rate, "
        "each for what it covers, then the residual mix for the rest; the grid where no residual mix is known, flagged "
        "no_residual_mix (GHG Protocol, Scope 2 Guidance, chapters 6 and 7). Both figures are in the record; its value is the "
        "location-based one."
    )
    params: type[BaseModel] = Scope2Params

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads factors, contracts and the consumption."""
        said = params_of(Scope2Params, asked)
        within, site = (asked.start, asked.end), asked.item.site
        gwp_set = await gather_gwp_set(sources, said.gwp_set, asked.start)
        grid = await gather_factors(sources, FactorKey(said.activity, said.region, CO2E), within, site, gwp_set=said.gwp_set)
        residual = await gather_factors(
            sources, FactorKey(said.residual_activity, said.region, CO2E), within, site, gwp_set=said.gwp_set, optional=True
        )
        contracts = await _gather_contracts(sources, asked, said.market)
        activity = await gather_activity(sources, asked, said, cuts_of([*grid, *residual]))
        return {
            "params": said.model_dump(mode="json"),
            "gwp_set": gwp_set,
            "grid": _scaled(grid),
            "residual": _scaled(residual),
            "contracts": contracts,
            "to_mwh": scale_to(activity["unit"], f"t/{MWH}", None),
            "window": [asked.start - timedelta(days=said.vintage_before_d), asked.end + timedelta(days=said.vintage_after_d)],
            "activity": activity,
        }

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Multiplies and adds up."""
        params, grid, residual = inputs["params"], stretches_of(inputs["grid"]), stretches_of(inputs["residual"])
        activity = activity_of(inputs["activity"], [each.since for each in (*grid, *residual)])
        to_mwh = Decimal(inputs["to_mwh"])
        details = {
            "ghg_scope": SCOPE, "category": params["category"], "activity": params["activity"], "region": params["region"],
            "market": params["market"], "gwp_set": inputs["gwp_set"], "amount": activity.total, "amount_unit": activity.unit,
            "lines": [_line(activity, stretch, to_mwh) for stretch in grid],
        }  # fmt: skip
        if activity.total is None:
            return without_activity(activity, "t", details)
        first, last = (datetime.fromisoformat(moment) for moment in inputs["window"])
        consumption = Consumption(
            mwh=multiply(activity.total, to_mwh),
            market=params["market"],
            vintage_window=(first, last),
            grid_t_per_mwh=_mean_factor(activity, grid),
            residual_t_per_mwh=_mean_factor(activity, residual) if residual else None,
        )
        both = scope_2_of(consumption, [_instrument(each) for each in inputs["contracts"]])
        return Figure(
            both.location_based_t, "t", activity.quality, "co2e_location_based", measured=activity.measured,
            estimated=activity.estimated, flags=tuple(sorted({*activity.flags, *both.flags})),
            details=settled({**details, "consumption_mwh": consumption.mwh, **_market_based(both)}),
        )  # fmt: skip


async def _gather_contracts(sources: Sources, asked: Asked, market: str) -> list[dict[str, Any]]:
    """Reads the contracts that this item's consumption of the period is bought under."""
    rows = [
        row
        for row in await sources.happened("contract", asked.start, asked.end, site=asked.item.site, use=False)
        if row.body["market"] == market and row.body["plan"] in {None, asked.item.id}
    ]
    for row in rows:
        _refuse_beyond(row, asked)
    sources.use(rows)
    return [{"id": row.id, **row.body} for row in rows]


def _refuse_beyond(row: EntryRow, asked: Asked) -> None:
    if row.valid_from is None or row.valid_to is None or row.valid_from < asked.start or row.valid_to > asked.end:
        raise CannotComputeError(
            f"contract {row.id} applies to consumption from {row.body['applies_from']} to {row.body['applies_to']}, beyond the "
            f"period; state what of it is for this period as a contract of its own, or plan a period that holds all of it"
        )


def _instrument(body: Mapping[str, Any]) -> Instrument:
    retired_at = body["retired_at"]
    return Instrument(
        body["id"], Origin(body["origin"]), Decimal(body["volume_mwh"]), Decimal(body["t_per_mwh"]), body["market"],
        datetime.fromisoformat(body["vintage_from"]), datetime.fromisoformat(body["vintage_to"]),
        None if retired_at is None else datetime.fromisoformat(retired_at),
    )  # fmt: skip


def _scaled(factors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**each, "scale": scale_to(MWH, each["unit"], None)} for each in factors]


def _line(activity: Activity, stretch: Stretch, to_mwh: Decimal) -> dict[str, Any]:
    amount = total_within(activity.amounts, (stretch.since, stretch.until))
    return {
        "gas": CO2E, "factor": stretch.factor, "value": stretch.value, "unit": stretch.unit, "since": stretch.since,
        "until": stretch.until, "amount": amount,
        "mass_t": None if amount is None else multiply(amount, to_mwh, _t_per_mwh(stretch)),
    }  # fmt: skip


def _t_per_mwh(stretch: Stretch) -> Decimal:
    return multiply(stretch.t_per_unit, stretch.scale)


@exactly
def _mean_factor(activity: Activity, stretches: Sequence[Stretch]) -> Decimal:
    """Gives the factor of a period; where it changes, the mean, each weighed by what was consumed while it was in force."""
    factors = {_t_per_mwh(stretch) for stretch in stretches}
    if len(factors) == 1:
        return factors.pop()
    amounts = [total_within(activity.amounts, (stretch.since, stretch.until)) or ZERO for stretch in stretches]
    whole = sum(amounts, ZERO)
    if not whole:
        return _t_per_mwh(stretches[0])
    return sum((_t_per_mwh(each) * amount for each, amount in zip(stretches, amounts, strict=True)), ZERO) / whole


def _market_based(both: Scope2) -> dict[str, Any]:
    return {
        "location_based_t": both.location_based_t,
        "market_based_t": both.market_based_t,
        "parts": [
            {
                "origin": str(part.origin), "instrument": part.instrument, "mwh": part.mwh, "t_per_mwh": part.t_per_mwh,
                "co2e_t": part.tonnes,
            }
            for part in both.parts
        ],
    }  # fmt: skip
