"""The greenhouse gas inventory of a year, as its records tell it or told it."""

from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Query as QueryParameter
from pydantic import BaseModel, Field
from starlette.responses import Response

from ems_telemetry.api.access import Reader
from ems_telemetry.api.description import make_router
from ems_telemetry.api.parameters import Name, Query, Time
from ems_telemetry.api.problem import Suggestion, wrong_parameter
from ems_telemetry.api.record_parameters import AS_OF
from ems_telemetry.api.services import Services
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.ghg.inventory import Basis, InventoryLine, YearInventory, year_inventory
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.registers import Number
from ems_telemetry.storage.records import RecordFilter, list_records
from ems_telemetry.storage.site_zones import read_zones

router = make_router("Records")
MOST_RECORDS = 50_000


class Told(StrEnum):
    """How purchased electricity is to be told."""

    LOCATION = "location"
    MARKET = "market"
    BOTH = "both"


class InventoryQuery(Query):
    """Which inventory is asked for."""

    site: Name = Field(description="The site.", examples=["BER1"])
    year: int = Field(ge=1990, le=2200, description="By the clock of the site.", examples=[2026])
    gwp_set: Name | None = Field(default=None, description="The set the lines must be by.", examples=["AR5"])
    method: Told = Field(default=Told.BOTH, description="How purchased electricity is told.")
    as_of: Time | None = AS_OF


class GhgLine(BaseModel):
    """What one record tells of one gas; of purchased electricity once by location, and by market once for each part."""

    record_id: UUID = Field(description="The record.")
    revision: int = Field(description="Which revision of it.")
    plan: str = Field(description="The item of the monitoring plan.")
    about: str = Field(description="The scope of the record.")
    ghg_scope: int = Field(description="1 or 2.")
    category: str | None = Field(examples=["stationary_combustion"])
    activity: str | None = Field(description="Of the market-based figure, what the factor is from.", examples=["natural_gas"])
    start: datetime
    end: datetime = Field(description="No longer part of it.")
    basis: Basis | None = Field(description="Of scope 2: how it is told.")
    gas: str | None = Field(examples=["CO2"])
    mass_t: Number | None = Field(description="Tonnes of the gas.")
    gwp: Number | None = Field(description="Its potential.")
    co2e_t: Number | None = Field(description="Tonnes of CO2 equivalent; null without a figure, and of biogenic CO2.")
    factors: list[str] = Field(description="The entries of the register it was computed by.")
    instrument: str | None = Field(description="The contract.")
    quality: RecordQuality
    flags: list[str]
    reason: str | None = Field(description="Why there is no figure.")


class GhgTotals(BaseModel):
    """Sums in tonnes of CO2 equivalent. Null where a line has no figure, where there is none, or where it was not asked for."""

    scope_1_t: Number | None
    scope_2_location_t: Number | None
    scope_2_market_t: Number | None
    location_based_t: Number | None = Field(description="Scope 1, and scope 2 by location.")
    market_based_t: Number | None = Field(description="Scope 1, and scope 2 by market.")
    biogenic_co2_t: Number | None = Field(description="Tonnes of CO2, in none of the sums.")


class GhgGas(BaseModel):
    """A gas of scope 1."""

    gas: str = Field(examples=["CH4"])
    mass_t: Number


class GhgCategory(BaseModel):
    """The sum of a category."""

    ghg_scope: int
    category: str | None
    basis: Basis | None
    co2e_t: Number | None


class GhgNotCovered(BaseModel):
    """A part of the year for which an item of the plan has no record, or none yet."""

    plan: str
    start: datetime
    end: datetime


class GhgInventory(BaseModel):
    """The greenhouse gases of a site and year, under one set of potentials."""

    site: str
    year: int
    tz: str
    start: datetime
    end: datetime
    as_of: datetime | None = Field(description="Known then; null: as known now.")
    method: Told
    gwp_set: str | None = Field(description="Null where no line has one.", examples=["AR5"])
    lines: list[GhgLine]
    totals: GhgTotals
    by_gas: list[GhgGas] = Field(description="Of scope 1; empty where a line of it has no figure.")
    by_category: list[GhgCategory]
    reasons: list[str] = Field(description="Why totals are null.")
    not_covered: list[GhgNotCovered] = Field(description="Parts of the year that are in no sum since they have no records.")


@router.get("/ghg/inventory", response_model=GhgInventory)
async def get_ghg_inventory(services: Services, caller: Reader, query: Annotated[InventoryQuery, QueryParameter()]) -> Response:
    """Puts the greenhouse gases of a year together from its records, also as they were known at a time.

    Lines by several sets of potentials, or that count something twice, are refused.
    """
    caller.check_site(query.site)
    async with services.database.connection() as connection:
        zones = await read_zones(connection)
        if query.site not in zones:
            raise wrong_parameter("site", query.site, f"is no site{Suggestion(query.site, list(zones))}")
        zone = ZoneInfo(zones[query.site])
        start, end = (datetime(year, 1, 1, tzinfo=zone).astimezone(UTC) for year in (query.year, query.year + 1))
        asked = RecordFilter(
            sites=caller.sites, site=query.site, type=RecordType.GHG_LINE, since=start, until=end, as_of=query.as_of
        )
        rows = await list_records(connection, asked, MOST_RECORDS)
    try:
        found = year_inventory(rows, start, end, query.gwp_set)
    except CannotComputeError as error:
        raise wrong_parameter("gwp_set", query.gwp_set, str(error)) from error
    body = _as_asked(found, query, zone.key, (start, end))
    return Response(body.model_dump_json(), media_type="application/json")


def _as_asked(found: YearInventory, query: InventoryQuery, zone: str, span: tuple[datetime, datetime]) -> GhgInventory:
    unwanted = {Told.LOCATION: Basis.MARKET, Told.MARKET: Basis.LOCATION}.get(query.method)
    return GhgInventory(
        site=query.site,
        year=query.year,
        tz=zone,
        start=span[0],
        end=span[1],
        as_of=query.as_of,
        method=query.method,
        gwp_set=found.gwp_set,
        lines=[_line(line) for line in found.lines if unwanted is None or line.basis is not unwanted],
        totals=GhgTotals(
            scope_1_t=found.scope_1_t,
            scope_2_location_t=None if unwanted is Basis.LOCATION else found.scope_2_location_t,
            scope_2_market_t=None if unwanted is Basis.MARKET else found.scope_2_market_t,
            location_based_t=None if unwanted is Basis.LOCATION else found.location_based_t,
            market_based_t=None if unwanted is Basis.MARKET else found.market_based_t,
            biogenic_co2_t=found.biogenic_co2_t,
        ),
        by_gas=[GhgGas(gas=gas, mass_t=mass_t) for gas, mass_t in found.by_gas_t.items()],
        by_category=[
            GhgCategory(**each._asdict()) for each in found.by_category if unwanted is None or each.basis is not unwanted
        ],
        reasons=list(found.reasons),
        not_covered=[GhgNotCovered(**each._asdict()) for each in found.not_covered],
    )


def _line(line: InventoryLine) -> GhgLine:
    return GhgLine(**asdict(line))
