"""A plant that burns gas and buys electricity, with the facts that its greenhouse gases are computed by."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fakes import HandClock
from record_plant import BERLIN, METERS, POINTS, SITES, Plant, point

from ems_telemetry.config.document import read_document
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import Quality
from ems_telemetry.records.keeping.keeper import Keeper
from ems_telemetry.shipped import shipped
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.intervals import IntervalRow
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import MeterRow, synchronise

YEAR, NEXT_YEAR = (datetime(year, 1, 1, tzinfo=BERLIN).astimezone(UTC) for year in (2026, 2027))
GAS, EU_GAS = "GM-01.volume", "GM-02.volume"
SOURCE = {"document": "made up for a test", "edition": "1", "table": "1", "reference": "hypothetical"}
AFTER = NEXT_YEAR + timedelta(days=20)
NATURAL_GAS = {
    "point": GAS, "activity": "natural_gas", "region": "US", "gwp_set": "AR5",
    "calorific_value": {"value": "0.1", "unit": "MMBtu/therm_US", "source": "40 CFR 98.33, equation C-1a"},
}  # fmt: skip
ELECTRICITY = {"point": "EM-01.energy_import", "region": "DE", "market": "DE", "gwp_set": "AR5"}


async def make_ghg_plant(database: Database) -> Plant:
    """Brings the plant into an empty database, on the first of January 2026."""
    await migrate(database)
    meters = [
        *METERS,
        MeterRow("GM-01", "BER1", None, "Gas, in therms", "gas", "hand"),
        MeterRow("GM-02", "BER1", None, "Gas, in Nm3", "gas", "hand"),
    ]
    points = [
        *POINTS, point(GAS, "gas_energy", "therm_US", medium="gas"), point(EU_GAS, "gas_volume", "Nm3", medium="gas"),
    ]  # fmt: skip
    ids = await synchronise(database, SITES, meters, points)
    clock = HandClock(YEAR)
    return Plant(database, clock, ids, Keeper(database, clock))


async def tell_months(plant: Plant, key: str, total: str, *, unknown: int | None = None) -> None:
    """Lets a point come to a total over the year, to the last digit; the month `unknown` is missing."""
    zone = ZoneInfo("Europe/Berlin")
    part = Decimal(total) // 12
    rows = []
    for month in range(1, 13):
        start = datetime(2026, month, 1, tzinfo=zone).astimezone(UTC)
        value = None if month == unknown else part if month < 12 else Decimal(total) - 11 * part
        known = value is not None
        flags = 0 if known else IntervalFlag.MISSING
        rows.append(
            IntervalRow(
                plant.ids[key], Period.MONTH, start, None if value is None else float(value), value, None, None, 15 * known, 15,
                1.0 * known, Quality.GOOD * known, flags, has_ended=True,
            )
        )  # fmt: skip
    await plant.put(key, rows, NEXT_YEAR)


async def state_shipped(plant: Plant) -> None:
    """States the factors and potentials that travel with the product."""
    data = read_document(shipped("config") / "factors.yaml", {}).data
    for each in data["gwp_sets"]:
        await plant.state("gwp_set", each["name"], each, site=None)
    for each in data["factors"]:
        body = {name: value for name, value in each.items() if name not in {"id", "valid_from", "valid_to"}}
        await plant.state("factor", each["id"], body, since=datetime.fromisoformat(each["valid_from"]), site=None)


async def state_factor(
    plant: Plant, id_: str, value: str, since: datetime = YEAR, until: datetime | None = None, **other: object
) -> EntryRow:
    """States a made-up factor of electricity, t CO2e/MWh if not said otherwise."""
    body = {
        "activity": "electricity",
        "region": "DE",
        "gas": "CO2e",
        "value": value,
        "unit": "t/MWh",
        "source": SOURCE,
        **other,
    }
    return await plant.state("factor", id_, body, since=since, until=until, site=None)


async def state_plan(plant: Plant, id_: str, method: str, params: Mapping[str, Any], period: str = "1y") -> None:
    """Plans a record from the beginning of the year on."""
    body = {"method": method, "scope": id_, "period": period, "params": dict(params)}
    await plant.state("plan", id_, body, since=YEAR)


async def state_contract(plant: Plant, id_: str, origin: str, volume: str, factor: str, **other: object) -> None:
    """States a contract for the consumption of the year."""
    body = {
        "origin": origin, "volume_mwh": volume, "t_per_mwh": factor, "market": "DE", "vintage_from": YEAR,
        "vintage_to": NEXT_YEAR, "retired_at": NEXT_YEAR, "applies_from": YEAR, "applies_to": NEXT_YEAR, **other,
    }  # fmt: skip
    await plant.state("contract", id_, body)
