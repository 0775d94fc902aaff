"""An outfall over a month, and the availability of an analyser, through the keeper."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from record_plant import APRIL, MARCH, Plant
from stack_plant import COD, EFFLUENT, NOX, PH, STATE, hold, make_stack, recomputes_equal, show

from ems_telemetry.storage.database import Database
from ems_telemetry.storage.records import RecordRow

COD_ITEM = {"outfall": "outfall-1", "parameter": "COD", "non_detects": "half", "daily_limit": {"value": "30"}, "load": True}


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url) as database:
        yield await make_stack(database)


async def plan(plant: Plant, method: str, params: dict[str, Any]) -> None:
    body = {"method": method, "scope": "outfall-1", "params": params}
    await plant.state("plan", method.replace("@", "-"), body, since=MARCH)


async def sample(plant: Plant, day: int, **result: str) -> None:
    taken = MARCH + timedelta(days=day, hours=9)
    told = {"taken_at": taken.isoformat(), "taken_by": "M. Schulz", "place": "outfall-1", "parameter": "COD", "method": "kit"}
    await plant.state("sample", f"S-{day}", {**told, "unit": "mg/L", **result}, since=taken)


async def by_plan(plant: Plant, type_: str) -> dict[str, RecordRow]:
    return {row.plan: row for row in await plant.records(type_)}


async def test_an_outfall_is_reported_from_samples_and_points_and_follows_a_late_sample(plant: Plant) -> None:
    await plan(plant, "discharge@1", {**COD_ITEM, "flow": EFFLUENT})
    await plan(plant, "ph_control@1", {"point": PH, "low": "6", "high": "9"})
    await hold(plant, EFFLUENT, MARCH, APRIL, 10)
    await show(plant, PH, MARCH, [*["7.2"] * 100, *["9.3"] * 5, *["7.2"] * (2972 - 105)])
    await sample(plant, 1, value="28")
    await sample(plant, 8, value="31")
    await sample(plant, 15, value="4", qualifier="<")
    await sample(plant, -1, value="999")
    await sample(plant, 2, value="999", parameter="AOX")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    records = await by_plan(plant, "discharge")
    cod, ph = records["discharge-1"], records["ph_control-1"]
    details = cod.envelope["details"]
    assert (str(cod.value)[:7], cod.unit, cod.flags) == ("20.3333", "mg/L", ["exceeds_daily_limit"])
    assert [details["n"], details["exceedances"], details["minimum"]["text"]] == [3, 1, "<4"]
    assert [details["load"]["maximum_kg_per_day"], details["load"]["days"]] == ["29.76", 3]
    assert {ref["id"] for ref in cod.envelope["inputs"] if ref["kind"] == "sample"} == {"S-1", "S-8", "S-15"}
    assert [ph.value, ph.envelope["details"]["status"], ph.envelope["details"]["too_long"]] == [75, "non_compliant", 1]
    await sample(plant, 22, value="35")
    await plant.catch_up()
    later = (await by_plan(plant, "discharge"))["discharge-1"]
    assert [later.revision, later.value, later.envelope["details"]["exceedances"]] == [2, 24, 2]
    assert await recomputes_equal(plant, "discharge") == 2


async def test_a_point_gives_the_daily_values_of_a_month(plant: Plant) -> None:
    await plan(plant, "discharge@1", {**COD_ITEM, "point": COD, "load": False})
    await hold(plant, COD, MARCH, APRIL, 20, hole=96)
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    record = (await by_plan(plant, "discharge"))["discharge-1"]
    assert [record.value, record.envelope["details"]["n"], record.envelope["details"]["missing"]] == [20, 30, 1]


async def test_the_availability_of_an_analyser_is_judged_by_day_and_quarter(plant: Plant) -> None:
    state = {"point": STATE, "off": ["stopped"]}
    await plan(plant, "availability@1", {"point": NOX, "state": state, "pma_profile": "us_part75_so2@1"})
    await hold(plant, NOX, MARCH, APRIL, 100, hole=40)
    await show(plant, STATE, MARCH, [*["1"] * (2972 - 16), *["0"] * 16])
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    record = (await by_plan(plant, "completeness"))["availability-1"]
    details = record.envelope["details"]
    assert "refused" not in details, details["refused"]
    assert [details["valid_h"], details["operating_h"], details["pma_operating_h"]] == [733, 739, 739]
    assert [details["days"][30]["operating"], details["days"][30]["meets"]] == [20, False]
    (quarter,) = details["quarters"]
    assert [quarter["quarter"], quarter["met"], quarter["operating_days"], quarter["meets"]] == ["2026-Q1", 30, 31, True]
