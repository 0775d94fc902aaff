"""A stack from its gauges to the load of a year, through the keeper."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from record_plant import APRIL, BERLIN, MARCH, Plant
from stack_plant import FLOW, NOX, OXYGEN, hold, make_stack, recomputes_equal, show

from ems_telemetry.storage.database import Database
from ems_telemetry.storage.records import RecordRow

NOVEMBER, DECEMBER, NEW_YEAR = (
    datetime(year, month, 1, tzinfo=BERLIN).astimezone(UTC) for year, month in ((2026, 11), (2026, 12), (2027, 1))
)
AVERAGE = {
    "point": NOX,
    "substance": "NOx",
    "basis": {"o2_ref": "3"},
    "measured_state": {"normal": True, "dry": True, "o2_dry": True},
    "auxiliaries": {"o2": OXYGEN},
    "block": "30min",
    "block_profile": "eu_cems_half_hour@1",
    "day_profile": "de_half_hour_day@1",
    "elv": "200",
    "ci_percent": "20",
}


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url) as database:
        yield await make_stack(database)


async def plan(  # an item has so many sides
    plant: Plant, id_: str, method: str, params: dict[str, Any], period: str = "1mo", *, since: datetime = MARCH
) -> None:
    body = {"method": method, "scope": "stack-1", "period": period, "params": params}
    await plant.state("plan", id_, body, since=since)


async def run_march(plant: Plant, *, hole: int = 14) -> None:
    """The stack ran all of March; at its end half-hours of NOx are missing, two quarters each."""
    await hold(plant, NOX, MARCH, APRIL, 200, hole=hole)
    await hold(plant, OXYGEN, MARCH, APRIL, 5)
    await hold(plant, FLOW, MARCH, APRIL, 10_000)


async def one(plant: Plant, type_: str, **asked: Any) -> RecordRow:  # noqa: ANN401  # whatever the filter takes
    (record,) = await plant.records(type_, **asked)
    return record


async def test_a_month_of_a_stack_is_averaged_at_its_basis_and_follows_late_data(plant: Plant) -> None:
    await plan(plant, "nox-1", "air_emission@1", AVERAGE)
    await plan(plant, "a-mass", "emission_mass@1", {"emission": "nox-1", "flow": {"point": FLOW, "at_reference_oxygen": True}})
    await run_march(plant)
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    average, mass = await one(plant, "air_emission"), await one(plant, "emission_mass")
    details = average.envelope["details"]
    assert [average.value, average.unit, details["validated"]] == [225, "mg/Nm3", "185"]
    assert [len(details["blocks"]), details["valid_blocks"], details["invalid_days"]] == [1486, 1479, 1]
    assert [details["days"][28]["valid"], details["days"][30]["standing"]] == [46, "invalid"]
    assert details["blocks"][0]["o2_percent"] == "5"
    assert [mass.value, mass.revision, mass.envelope["details"]["without_concentration"]] == [None, 1, 7]
    await hold(plant, NOX, MARCH, APRIL, 200)
    await plant.catch_up()
    average, mass = await one(plant, "air_emission"), await one(plant, "emission_mass")
    assert [average.revision, average.envelope["reason"], average.coverage] == [2, "late_data", 100]
    assert [mass.revision, mass.envelope["reason"]] == [2, "input_amended"]
    assert mass.value == Decimal(743) * 10_000 * 225 / 1_000_000
    assert await recomputes_equal(plant, "air_emission") == await recomputes_equal(plant, "emission_mass") == 1


async def test_a_year_is_made_of_the_blocks_of_its_months(plant: Plant) -> None:
    hourly = {**AVERAGE, "block": "1h", "block_profile": "eu_ets_hour@1", "day_profile": "lcp_day@1"}
    await plan(plant, "nox-1", "air_emission@1", hourly, since=NOVEMBER)
    flow = {"point": FLOW, "at_reference_oxygen": False}
    load = {"emission": "nox-1", "flow": flow, "partial": True}
    await plan(plant, "nox-year", "emission_mass@1", load, "1y", since=NOVEMBER)
    for key, value in ((NOX, 200), (OXYGEN, 5), (FLOW, 10_000)):
        await hold(plant, key, NOVEMBER, DECEMBER, value)
        await show(plant, key, DECEMBER, [], until=NEW_YEAR)
    plant.go_to(NEW_YEAR + timedelta(days=12))
    await plant.catch_up()
    november, december = await plant.records("air_emission")
    assert [november.value, december.value] == [225, None]
    details = december.envelope["details"]
    assert [details[name] for name in ("notify_on", "invalid_days_of_year", "counted_from")] == ["2026-12-11", 31, "2026-11-01"]
    assert "notify_invalid_days" in december.flags
    year = await one(plant, "emission_mass")
    assert round(year.value or 0, 9) == Decimal(720) * 10_000 * 200 / 1_000_000
    assert [year.envelope["details"][name] for name in ("used", "blocks")] == [720, 8760]


async def test_an_item_that_cannot_be_served_says_what_to_correct(plant: Plant) -> None:
    await run_march(plant)
    await plan(plant, "nox-1", "air_emission@1", {**AVERAGE, "auxiliaries": {}})
    await plan(plant, "so2-1", "air_emission@1", {**AVERAGE, "point": FLOW})
    await plan(plant, "mass", "emission_mass@1", {"emission": "nox-2", "flow": {"point": FLOW}})
    await plan(plant, "mass-2", "emission_mass@1", {"emission": "mass", "flow": {"point": FLOW}})
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    refused = {
        row.plan: row.envelope["details"]["refused"]
        for type_ in ("air_emission", "emission_mass")
        for row in await plant.records(type_)
    }
    assert "no point tells oxygen" in refused["nox-1"]
    assert "a gauge of a concentration" in refused["so2-1"]
    assert 'no plan "nox-2" is in force' in refused["mass"]
    assert "name one of air_emission@1 at BER1" in refused["mass-2"]
