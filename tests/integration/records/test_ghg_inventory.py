"""The inventory of a year over REST: one set, both ways of telling electricity, and why a total is not known."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ghg_plant import (
    AFTER,
    ELECTRICITY,
    GAS,
    NATURAL_GAS,
    make_ghg_plant,
    state_contract,
    state_factor,
    state_plan,
    state_shipped,
    tell_months,
)
from record_api import Clients, open_clients
from record_plant import APRIL, ENERGY, MARCH, SUB, Plant

from ems_telemetry.storage.database import Database

PATH = "/api/v1/ghg/inventory"


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    """Gas and electricity of 2026 are measured, planned and closed."""
    async with Database(timescaledb_url) as database:
        made = await make_ghg_plant(database)
        await state_shipped(made)
        await tell_months(made, GAS, "10000")
        await tell_months(made, ENERGY, "12000000")
        await state_factor(made, "grid", "0.350")
        await state_factor(made, "residual", "0.450", activity="electricity_residual_mix")
        await state_contract(made, "GO-1", "certificate", "5000", "0")
        await state_contract(made, "PPA-1", "supplier", "4000", "0.200", retired_at=None)
        await state_plan(made, "boilers", "ghg_scope1@1", {**NATURAL_GAS, "biomass_fraction": "0"})
        await state_plan(made, "bought", "ghg_scope2@1", ELECTRICITY)
        made.go_to(AFTER)
        await made.catch_up()
        yield made


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def inventory(clients: Clients, status: int = 200, **asked: str) -> dict[str, Any]:
    answer = await clients.alice.get(PATH, params={"site": "BER1", "year": "2026", **asked})
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def test_cr44_and_cr45_in_one_inventory_by_location_and_by_market(clients: Clients) -> None:
    whole = await inventory(clients)
    assert (whole["gwp_set"], whole["reasons"], whole["not_covered"]) == ("AR5", [], [])
    assert whole["totals"] == {
        "scope_1_t": "53.1145", "scope_2_location_t": "4200", "scope_2_market_t": "2150", "location_based_t": "4253.1145",
        "market_based_t": "2203.1145", "biogenic_co2_t": "0",
    }  # fmt: skip
    assert {each["gas"]: each["mass_t"] for each in whole["by_gas"]} == {"CO2": "53.06", "CH4": "0.001", "N2O": "0.0001"}
    first = next(line for line in whole["lines"] if line["gas"] == "CH4")
    assert (first["gwp"], first["co2e_t"], first["factors"]) == ("28", "0.028", ["us-natural-gas-ch4"])
    assert [line["instrument"] for line in whole["lines"] if line["basis"] == "market"] == ["GO-1", "PPA-1", None]
    market = await inventory(clients, method="market", gwp_set="AR5")
    assert {line["basis"] for line in market["lines"]} == {None, "market"}
    assert (market["totals"]["location_based_t"], market["totals"]["market_based_t"]) == (None, "2203.1145")


async def test_cr44_lines_by_several_sets_are_refused_in_words(plant: Plant, clients: Clients) -> None:
    asked = await inventory(clients, 422, gwp_set="AR6")
    assert "told by GWP set AR5, and AR6 is asked for" in asked["detail"]
    await tell_months(plant, SUB, "1200")
    await state_plan(plant, "other", "ghg_scope2@1", {**ELECTRICITY, "point": SUB, "market": "FR", "gwp_set": "AR4"})
    await plant.catch_up()
    mixed = await inventory(clients, 422)
    assert "compute all lines by one set" in mixed["detail"]


async def test_a_line_without_a_figure_leaves_its_totals_without_one_and_says_why(plant: Plant, clients: Clients) -> None:
    seen_at = plant.clock.now()
    plant.clock.turn(3600)
    doubtful = {"point": GAS, "from": MARCH, "to": APRIL, "value": None, "class": "wrong_meter"}
    await plant.state("correction", "C-1", doubtful)
    await plant.catch_up()
    now = await inventory(clients)
    assert (now["totals"]["scope_1_t"], now["totals"]["location_based_t"], now["by_gas"]) == (None, None, [])
    assert now["totals"]["scope_2_location_t"] == "4200"
    assert "boilers: a part of the activity" in now["reasons"][0]
    then = await inventory(clients, as_of=seen_at.isoformat())
    assert (then["totals"]["scope_1_t"], then["reasons"]) == ("53.1145", [])


async def test_what_counts_twice_is_refused_and_other_sites_and_years_hold_nothing(plant: Plant, clients: Clients) -> None:
    empty = await inventory(clients, year="2024")
    assert (empty["lines"], empty["totals"]["location_based_t"]) == ([], None)
    assert "is no site" in (await inventory(clients, 422, site="BER2"))["detail"]
    assert (await clients.munich.get(PATH, params={"site": "BER1", "year": "2026"})).status_code == 403
    await state_plan(plant, "again", "ghg_scope1@1", NATURAL_GAS)
    await plant.catch_up()
    assert "again and boilers tell the same activity twice" in (await inventory(clients, 422))["detail"]
