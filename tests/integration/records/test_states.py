"""What people state of units and instruments, and what their certificates say, on its way into averages and evaluations."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from record_plant import BERLIN, MARCH, QUARTER, Plant
from stack_plant import NOX, OXYGEN, STATE, hold, make_stack, recomputes_equal, show

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.averages.filling import FillMethod, FillParams, propose
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.keeping.making import draft
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.point_facts import read_facts
from ems_telemetry.storage.records import RecordRow

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AVERAGE = {
    "point": NOX, "substance": "NOx", "measured_state": {"normal": True, "dry": True}, "block_profile": "us_hour@1",
    "state": {"by_register": {"equipment": ["boiler 1"]}},
}  # fmt: skip


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url) as database:
        yield await make_stack(database)


async def plan(plant: Plant, method: str, **params: Any) -> None:  # noqa: ANN401  # whatever the method takes
    body = {"method": method, "scope": "stack-1", "period": "1d", "params": params}
    await plant.state("plan", method.partition("@")[0], body, since=MARCH)


async def say(plant: Plant, id_: str, state: str, since: datetime, until: datetime | None, about: str = "boiler 1") -> None:
    ends = None if until is None else until.isoformat()
    await plant.state("operating_state", id_, {"state": state, "from": since.isoformat(), "to": ends, "equipment": about})


async def read_by_minute(plant: Plant, start: datetime, values: list[float]) -> None:
    """Stores a raw reading a minute."""
    rows = [(start + place * MINUTE, plant.ids[NOX], value) for place, value in enumerate(values)]
    async with plant.database.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO readings (time, point_id, value, exact, raw, received_at, quality, source_status) "
            "VALUES (%s, %s, %s, NULL, 0.1, now(), 192, 0)",
            rows,
        )


async def closed(plant: Plant, type_: str, *, of: str | None = None) -> RecordRow:
    plant.go_to(MARCH + 3 * DAY + HOUR)
    await plant.catch_up()
    row, *_ = await plant.records(type_, plan=of)
    return row


def blocks(row: RecordRow) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = row.envelope["details"]["blocks"]
    return found


async def test_cr_12_an_hour_with_a_calibration_is_that_of_its_readings_in_the_rest(plant: Plant) -> None:
    await plan(plant, "air_emission@2", **AVERAGE)
    await show(plant, NOX, MARCH, [*[100] * 5, "633.3333333333334", None, *[100] * 89])
    await read_by_minute(plant, MARCH + HOUR, [100.0] * 20 + [900.0] * 10)
    hour = MARCH + HOUR
    lost = await closed(plant, "air_emission")
    assert [blocks(lost)[1]["valid"], lost.revision] == [False, 1]
    await say(plant, "S-1", "calibration", hour + 20 * MINUTE, hour + 45 * MINUTE, NOX)
    mended = await closed(plant, "air_emission")
    assert [mended.revision, mended.envelope["reason"]] == [2, "operating_state_changed"]
    told = blocks(mended)[1]
    assert [told["valid"], told["raw"], told["state"], mended.value] == [True, "100", "maintenance", 100]
    assert {"operating_state"} <= {ref["kind"] for ref in mended.envelope["inputs"]}
    assert mended.envelope["details"]["maintained"][0]["id"] == "S-1"
    async with plant.database.connection() as connection:
        (nox,) = await read_facts(connection, [NOX])
        asked = (nox, hour, hour + HOUR, FillMethod.PART75_SO2)
        potential = FillParams(maximum_potential=Decimal(500))
        (proposed,) = await propose(Sources(connection, plant.clock.now()), *asked, potential)
        assert proposed.start == hour + 2 * QUARTER
        maintained = potential.model_copy(update={"instrument_maintenance": True})
        with pytest.raises(CannotComputeError, match="are valid"):
            await propose(Sources(connection, plant.clock.now()), *asked, maintained)
    assert await recomputes_equal(plant, "air_emission") == 1


async def test_a_check_that_lasted_is_maintenance_and_its_function_calibrates_from_then_on(plant: Plant) -> None:
    await plan(plant, "air_emission@2", **AVERAGE)
    await plan(plant, "availability@1", point=NOX, instrument_maintenance=True)
    await plan(plant, "emission_mass@2", emission="air_emission", flow={"point": "CEMS-01.flow"})
    await show(plant, NOX, MARCH, [*["7.42"] * 9, None, *["7.42"] * 86])
    await hold(plant, "CEMS-01.flow", MARCH, MARCH + DAY, 1_000_000)
    await plant.state("instrument", "A1", {"serial": "A1", "meters": ["CEMS-01"]}, since=MARCH - DAY)
    await plant.state("calibration", "C-0", {"instrument": "A1", "at": (MARCH - DAY).isoformat(), "result": "pass"})
    before = await closed(plant, "air_emission")
    assert [str(before.value), blocks(before)[2]["valid"]] == ["7.42", False]
    checked = MARCH + 2 * HOUR + QUARTER
    body = {
        "instrument": "A1", "at": (checked + 10 * MINUTE).isoformat(), "from": checked.isoformat(),
        "to": (checked + QUARTER).isoformat(), "result": "pass",
        "correction": {"a": "0.05", "b": "0.98", "point": NOX, "high": "7.3", "valid_from": MARCH.isoformat()},
    }  # fmt: skip
    await plant.state("calibration", "C-1", body)
    after = await closed(plant, "air_emission")
    told = blocks(after)[2]
    assert [told[name] for name in ("valid", "raw", "calibrated", "normalised")] == [True, "7.42", "7.3216", "7.3216"]
    assert [str(after.value), after.envelope["reason"]] == ["7.3216", "calibration_changed"]
    assert "outside_calibration_range" in after.flags
    (mass,) = [row for row in await plant.records("emission_mass") if row.period_start == MARCH]
    assert str(mass.value) == "175.7184"
    (available,) = [row for row in await plant.records("completeness", plan="availability") if row.period_start == MARCH]
    assert available.value == 100
    assert await recomputes_equal(plant, "air_emission") > 0


async def test_a_function_that_does_not_say_of_which_point_it_is_is_refused(plant: Plant) -> None:
    await plan(plant, "air_emission@2", **AVERAGE)
    await hold(plant, NOX, MARCH, MARCH + DAY, 100)
    await plant.state("instrument", "A1", {"serial": "A1", "meters": ["CEMS-01"]}, since=MARCH - DAY)
    body = {"instrument": "A1", "at": (MARCH - DAY).isoformat(), "result": "pass", "correction": {"a": "0", "b": "1.1"}}
    await plant.state("calibration", "C-1", body)
    refused = await closed(plant, "air_emission")
    assert "calibration C-1 gives a function without its `point`" in refused.envelope["details"]["refused"]


async def test_states_that_people_state_fill_what_the_point_does_not_tell(plant: Plant) -> None:
    state = {"point": STATE, "off": ["stopped"], "by_register": {"equipment": ["boiler 1"]}}
    await plan(plant, "air_emission@1", **AVERAGE | {"state": state})
    await hold(plant, NOX, MARCH, MARCH + DAY, 100)
    await show(plant, STATE, MARCH, [*[1] * 8, *[None] * 88])
    before = await closed(plant, "air_emission")
    assert "state_unknown" in before.flags
    await say(plant, "S-1", "off", MARCH + HOUR, MARCH + 23 * HOUR)
    await say(plant, "S-2", "start_up", MARCH + 23 * HOUR, None)
    await say(plant, "S-3", "off", MARCH, None, "boiler 2")
    after = await closed(plant, "air_emission")
    assert [each["standing"] for each in blocks(after)].count("not_operating") == 21
    assert [blocks(after)[place]["state"] for place in (0, 1, 2, 23)] == ["running", "running", "off", "startup"]
    assert [blocks(after)[23]["counts"], "state_unknown" in after.flags] == [False, False]
    assert [ref["id"] for ref in after.envelope["inputs"] if ref["kind"] == "operating_state"] == ["S-1", "S-2"]


PERMIT = {"reference": "Permit 12/2024", "issuer": "Regional authority", "title": "Operation of boiler 1"}
BY_HOUR = {
    "obligation": "O-1", "parameter": "NOx", "unit": "mg/Nm3", "statistic": "hourly_mean", "value": "200",
    "required_percent": "75",
}  # fmt: skip


async def permit(plant: Plant, **said: Any) -> None:  # noqa: ANN401  # any field of a limit
    await plant.state("obligation", "O-1", PERMIT, since=MARCH)
    await plant.state("limit", "L-1", BY_HOUR | said, since=MARCH)
    body = {"method": "compliance@1", "scope": "L-1", "period": "1d", "params": {"limit": "L-1"}}
    await plant.state("plan", "a-limit", body, since=MARCH)


async def test_cr_28_a_start_up_stated_late_evaluates_again_and_is_listed(plant: Plant) -> None:
    await permit(
        plant, point=NOX, block_validity="us_hour@1", state_register={"equipment": ["boiler 1"]}, exclude_states=["start_up"],
        instrument_maintenance=True,
    )  # fmt: skip
    await show(plant, NOX, MARCH, [*[300] * 4, 100, "700", None, 100, *[100] * 88])
    await read_by_minute(plant, MARCH + HOUR, [100.0] * 20 + [1000.0] * 10)
    before = await closed(plant, "compliance_evaluation")
    assert [before.envelope["details"][name] for name in ("result", "invalid")] == ["non_compliant", 1]
    await say(plant, "S-1", "start_up", MARCH - HOUR, MARCH + HOUR)
    await say(plant, "S-2", "maintenance", MARCH + HOUR + 20 * MINUTE, MARCH + HOUR + 40 * MINUTE, "CEMS-01")
    after = await closed(plant, "compliance_evaluation")
    details = after.envelope["details"]
    assert [details[name] for name in ("result", "exceedances", "excluded", "invalid")] == ["compliant", [], 1, 0]
    assert [(each["value"], each["state"]) for each in details["excluded_exceedances"]] == [("300", "start_up")]
    assert [after.revision, after.value, after.envelope["reason"]] == [2, 100, "operating_state_changed"]
    assert await recomputes_equal(plant, "compliance_evaluation") == 1


async def test_a_limit_judges_the_normalised_hours_of_an_item_of_the_plan(plant: Plant) -> None:
    average = AVERAGE | {
        "basis": {"o2_ref": "3"}, "measured_state": {"normal": True, "dry": True, "o2_dry": True},
        "auxiliaries": {"o2": OXYGEN},
        "block_profile": "eu_ets_hour@1", "day_profile": "lcp_day@1",
    }  # fmt: skip
    await plan(plant, "air_emission@2", **average)
    await permit(plant, plan="air_emission", statistic="lcp@1", value=None, values={"elv": "200"})
    await show(plant, NOX, MARCH, [*[400] * 4, *[None] * 8, *[160] * 84])
    await hold(plant, OXYGEN, MARCH, MARCH + DAY, 5)
    plant.go_to(MARCH + DAY + HOUR)
    item = PlanItem("evaluation/L-1", 0, "BER1", "L-1", "compliance@1", Period.DAY, {"limit": "L-1"})
    async with plant.database.connection() as connection:
        live = await draft(connection, Asked(item, MARCH, MARCH + DAY, BERLIN), plant.clock.now())
    kept = await closed(plant, "compliance_evaluation")
    assert [live.envelope["details"][name] for name in ("result", "invalid", "parts")] == [
        kept.envelope["details"][name] for name in ("result", "invalid", "parts")
    ]
    by_hour = kept.envelope["details"]["parts"][0]["criteria"][2][0]
    assert [by_hour["worst"], by_hour["limit"], by_hour["valid"], by_hour["missing"]] == ["450", "400", 22, 2]
    assert kept.envelope["details"]["result"] == "compliant"
    assert "record" in {ref["kind"] for ref in kept.envelope["inputs"]}
    await say(plant, "S-1", "start_up", MARCH, MARCH + HOUR)
    after = await closed(plant, "compliance_evaluation")
    assert [after.revision, after.envelope["reason"], after.envelope["details"]["excluded"]] == [2, "input_amended", 1]
    assert await recomputes_equal(plant, "compliance_evaluation") == 1
