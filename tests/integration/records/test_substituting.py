"""Substitutes by rule over REST: proposed from what was measured, approved by somebody else, told apart in records."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from record_api import Clients, open_clients
from record_plant import MARCH, Plant
from stack_plant import FLOW, NOX, hold, make_stack, recomputes_equal, show

from ems_telemetry.storage.database import Database

PROPOSE = "/api/v1/substitutions:propose"
HOUR = timedelta(hours=1)
DAY_END = MARCH + timedelta(days=1)
AS_IT_IS = {"normal": True, "dry": True}
HOURS = {"block": "1h", "block_profile": "eu_ets_hour@1"}


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url) as database:
        yield await make_stack(database)


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


def asked(from_h: int, to_h: int, method: str = "mrr45@1", **params: str) -> dict[str, Any]:
    span = {"from": (MARCH + from_h * HOUR).isoformat(), "to": (MARCH + to_h * HOUR).isoformat()}
    return {"point": NOX, **span, "method": method, "params": params, "cause": "lamp failed", "reason": "as the rule says"}


async def propose(client: httpx.AsyncClient, body: dict[str, Any], status: int = 201) -> Any:  # noqa: ANN401  # JSON
    answer = await client.post(PROPOSE, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()["items"] if status == 201 else answer.json()["detail"]


async def hours(plant: Plant, *values: int | None) -> None:
    """Shows hours from the beginning of March on; the rest of the day is missing too."""
    await show(plant, NOX, MARCH, [value for value in values for _ in range(4)], until=DAY_END)


async def test_cr_16_a_missing_hour_is_proposed_approved_and_goes_into_the_mass_alone(plant: Plant, clients: Clients) -> None:
    await hours(plant, 100, 110, 90, None, 105, 95)
    await show(plant, NOX, MARCH + 6 * HOUR, [100] * 72)
    await hold(plant, FLOW, MARCH, DAY_END, 10_000)
    emission = {"point": NOX, "substance": "NOx", "measured_state": AS_IT_IS, **HOURS}
    plan = {"scope": "stack-1", "period": "1d"}
    await plant.state("plan", "nox-1", {**plan, "method": "air_emission@1", "params": emission}, since=MARCH, until=DAY_END)
    load = {"emission": "nox-1", "flow": {"point": FLOW}, "substitutes": True}
    await plant.state("plan", "nox-mass", {**plan, "method": "emission_mass@1", "params": load}, since=MARCH, until=DAY_END)
    plant.go_to(DAY_END + timedelta(days=3))
    await plant.catch_up()
    (mass,) = await plant.records("emission_mass")
    assert mass.value is None

    until = (MARCH + 6 * HOUR).isoformat()
    (proposed,) = await propose(clients.alice, asked(0, 6, period_from=MARCH.isoformat(), period_to=until))
    assert proposed["status"] == "proposed"
    body = proposed["body"]
    assert round(Decimal(body["value"]), 6) == Decimal("115.811388")
    assert (body["method"], body["from"], body["to"]) == ("mrr45@1", "2026-03-01T02:00:00Z", "2026-03-01T03:00:00Z")
    assert body["inputs"][0] == "5 valid hours of the reporting period"
    assert "is proposed already" in await propose(clients.alice, asked(3, 4), 409)
    await plant.catch_up()
    assert (await plant.records("emission_mass"))[0].value is None

    approve = f"/api/v1/substitutions/{proposed['id']}/revisions/1:approve"
    assert (await clients.alice.post(approve, json={"reason": "mine"})).status_code == 403
    assert (await clients.bob.post(approve, json={"reason": "checked"})).status_code == 200
    await plant.catch_up()
    (average,), (mass,) = await plant.records("air_emission"), await plant.records("emission_mass")
    assert [average.value, average.envelope["details"]["valid_blocks"]] == [100, 23]
    assert "substituted:mrr45" in average.flags
    assert (mass.revision, mass.envelope["reason"], mass.quality) == (2, "input_amended", "estimated")
    assert round(mass.value or Decimal(0), 6) == Decimal("24.158114")
    assert await recomputes_equal(plant, "emission_mass") == 1
    assert "substituted already" in await propose(clients.alice, asked(3, 4), 409)


async def test_cr_17_each_missing_stretch_is_proposed_by_the_ladder(plant: Plant, clients: Clients) -> None:
    await hours(plant, 210, *[None] * 6, 230, None, 250)
    rows = await propose(clients.alice, asked(0, 10, "part75_so2@1", availability_percent="96"))
    assert [row["body"]["value"] for row in rows] == ["220", "240"]
    assert rows[0]["body"]["inputs"][0] == "availability as stated: 96 %"
    reject = f"/api/v1/substitutions/{rows[1]['id']}/revisions/1:reject"
    assert (await clients.bob.post(reject, json={"reason": "too much"})).status_code == 200
    lower = asked(8, 9, "part75_so2@1", availability_percent="78", maximum_potential="500")
    (again,) = await propose(clients.alice, lower)
    assert (again["id"], again["revision"], again["body"]["value"]) == (rows[1]["id"], 2, "500")


async def test_what_was_measured_or_is_no_gauge_is_refused_and_a_word_makes_it_once(plant: Plant, clients: Clients) -> None:
    await hours(plant, 100, 110, None, 90)
    assert "something was measured in all of it" in await propose(clients.alice, asked(0, 2), 409)
    within_year = asked(0, 4, period_to="2026-03-01T00:00:00Z")
    assert "reporting period" in await propose(clients.alice, within_year, 409)
    assert "there is no such point" in await propose(clients.munich, asked(0, 4), 422)
    counter = {**asked(0, 4), "point": "EM-01.energy_import"}
    assert "of gauges" in await propose(clients.alice, counter, 409)
    assert (await clients.bob.post(PROPOSE, json=asked(0, 4))).status_code == 403
    headers = {"Idempotency-Key": "gap-1"}
    first = await clients.alice.post(PROPOSE, json=asked(0, 4), headers=headers)
    second = await clients.alice.post(PROPOSE, json=asked(0, 4), headers=headers)
    assert (first.status_code, first.content) == (second.status_code, second.content)
