"""Greenhouse gases through the keeper: CR-44 to CR-46 with their numbers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ghg_plant import (
    AFTER,
    ELECTRICITY,
    EU_GAS,
    GAS,
    NATURAL_GAS,
    NEXT_YEAR,
    YEAR,
    make_ghg_plant,
    state_contract,
    state_factor,
    state_plan,
    state_shipped,
    tell_months,
)
from record_plant import APRIL, ENERGY, MARCH, QUARTER, Plant

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Quality
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.intervals import IntervalRow
from ems_telemetry.storage.records import RecordRow


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    """With the factors that travel with the product; what is special to a server is tried with other records."""
    async with Database(timescaledb_url) as database:
        made = await make_ghg_plant(database)
        await state_shipped(made)
        yield made


async def line_of(plant: Plant, plan: str) -> RecordRow:
    (line,) = await plant.records("ghg_line", plan=plan)
    return line


async def put_quarters(plant: Plant, key: str, start: datetime, values: list[str]) -> None:
    """Stores quarters with values of their own."""
    rows = [
        IntervalRow(
            plant.ids[key], Period.QUARTER, start + n * QUARTER, float(value), Decimal(value), None, None, 15, 15, 1.0,
            Quality.GOOD, 0, has_ended=True,
        )
        for n, value in enumerate(values)
    ]  # fmt: skip
    await plant.put(key, rows, start + len(values) * QUARTER)


@pytest.mark.parametrize(("gwp_set", "co2e"), [("AR4", "53.1148"), ("AR5", "53.1145"), ("AR6", "53.1143")])
async def test_cr44_10000_therm_of_natural_gas(plant: Plant, gwp_set: str, co2e: str) -> None:
    await tell_months(plant, GAS, "10000")
    await state_plan(plant, "boilers", "ghg_scope1@1", {**NATURAL_GAS, "gwp_set": gwp_set})
    plant.go_to(AFTER)
    await plant.catch_up()
    line = await line_of(plant, "boilers")
    details = line.envelope["details"]
    assert (line.value, line.unit, line.quantity, line.quality) == (Decimal(co2e), "t", "co2e", "good")
    assert {each["gas"]: each["mass_t"] for each in details["gases"]} == {"CO2": "53.06", "CH4": "0.001", "N2O": "0.0001"}
    assert [each["factor"] for each in details["lines"]] == ["us-natural-gas-co2", "us-natural-gas-ch4", "us-natural-gas-n2o"]
    assert (details["biogenic_co2_t"], details["gwp_set"]["id"]) == ("0", gwp_set)
    kinds = {(ref["kind"], ref["id"]) for ref in line.envelope["inputs"]}
    assert {("factor", "us-natural-gas-co2"), ("gwp_set", gwp_set), ("interval", GAS)} <= kinds
    async with plant.database.connection() as connection:
        assert (await recompute(connection, line, asked_of(line))).equal


async def test_cr44_natural_gas_under_the_mrr_with_biomass_beside_it(plant: Plant) -> None:
    await tell_months(plant, EU_GAS, "1000000")
    params = {
        "point": EU_GAS, "activity": "natural_gas", "region": "EU", "gases": ["CO2"], "gwp_set": "AR5",
        "calorific_value": {"value": "0.000036", "unit": "TJ/Nm3"},
    }  # fmt: skip
    await state_plan(plant, "furnace", "ghg_scope1@1", params)
    await state_plan(plant, "mixed", "ghg_scope1@1", {**params, "biomass_fraction": "0.25"})
    in_mj = {**params, "calorific_value": {"value": "36", "unit": "MJ/Nm3"}, "reported": "half_even"}
    await state_plan(plant, "in-mj", "ghg_scope1@1", in_mj)
    plant.go_to(AFTER)
    await plant.catch_up()
    exact, reported = await line_of(plant, "furnace"), await line_of(plant, "in-mj")
    assert (exact.value, "reported_t" in exact.envelope["details"]) == (Decimal("2019.6"), False)
    details = reported.envelope["details"]
    assert (reported.value, details["reported_t"], details["reported_by"]) == (Decimal("2019.6"), "2020", "half_even")
    async with plant.database.connection() as connection:
        assert (await recompute(connection, reported, asked_of(reported))).equal
    mixed = await line_of(plant, "mixed")
    assert mixed.value == Decimal("1514.7")
    assert mixed.envelope["details"]["biogenic_co2_t"] == "504.9"


async def test_an_activity_in_a_unit_no_factor_is_by_is_refused_with_the_remedy(plant: Plant) -> None:
    await tell_months(plant, EU_GAS, "1000000")
    params = {"point": EU_GAS, "activity": "natural_gas", "region": "EU", "gases": ["CO2"], "gwp_set": "AR5"}
    await state_plan(plant, "furnace", "ghg_scope1@1", params)
    plant.go_to(AFTER)
    await plant.catch_up()
    line = await line_of(plant, "furnace")
    assert (line.value, list(line.flags)) == (None, ["cannot_compute"])
    assert "Nm3 does not convert to TJ: give the item a calorific_value" in line.envelope["details"]["refused"]


async def test_cr45_12000_mwh_by_the_grid_and_by_contracts(plant: Plant) -> None:
    await tell_months(plant, ENERGY, "12000000")
    await state_factor(plant, "grid", "0.350")
    await state_contract(plant, "GO-1", "certificate", "5000", "0")
    await state_contract(plant, "PPA-1", "supplier", "4000", "0.200", retired_at=None)
    await state_plan(plant, "bought", "ghg_scope2@1", ELECTRICITY)
    plant.go_to(AFTER)
    await plant.catch_up()
    line = await line_of(plant, "bought")
    details = line.envelope["details"]
    assert (line.value, details["market_based_t"], list(line.flags)) == (Decimal(4200), "1850", ["no_residual_mix"])
    await state_factor(plant, "residual", "450", activity="electricity_residual_mix", unit="kg/MWh")
    await plant.catch_up()
    line = await line_of(plant, "bought")
    details = line.envelope["details"]
    assert (line.revision, line.value, details["location_based_t"], list(line.flags)) == (2, Decimal(4200), "4200", [])
    assert details["market_based_t"] == "2150"
    assert [(each["origin"], each["instrument"], each["mwh"]) for each in details["parts"]] == [
        ("certificate", "GO-1", "5000"), ("supplier", "PPA-1", "4000"), ("residual_mix", None, "3000"),
    ]  # fmt: skip
    assert line.envelope["reason"] == "factor_changed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"volume_mwh": "12001"}, "take 1 MWh of them out"),
        ({"vintage_from": datetime(2025, 1, 1, tzinfo=UTC)}, "outside the window"),
        ({"retired_at": None}, "is not retired"),
        ({"applies_to": NEXT_YEAR + timedelta(days=31)}, "beyond the period"),
    ],
)
async def test_cr45_a_contract_that_does_not_count_leaves_no_figure(plant: Plant, change: dict[str, Any], words: str) -> None:
    await tell_months(plant, ENERGY, "12000000")
    await state_factor(plant, "grid", "0.350")
    told = {"volume": "5000", **change}
    await state_contract(plant, "GO-1", "certificate", factor="0", **told)
    await state_plan(plant, "bought", "ghg_scope2@1", ELECTRICITY)
    plant.go_to(AFTER)
    await plant.catch_up()
    line = await line_of(plant, "bought")
    assert line.value is None
    assert words in line.envelope["details"]["refused"]


async def test_cr46_10_kwh_over_a_change_at_midnight_are_3_8_kg(plant: Plant) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    await plant.measure(ENERGY, MARCH, midnight - timedelta(hours=1), "0")
    await put_quarters(plant, ENERGY, midnight - timedelta(hours=1), ["1.25"] * 8)
    await plant.measure(ENERGY, midnight + timedelta(hours=1), APRIL, "0")
    await state_factor(plant, "grid-old", "0.40", until=midnight, unit="kg/kWh")
    await state_factor(plant, "grid-new", "0.36", since=midnight, unit="kg/kWh")
    await state_plan(plant, "bought", "ghg_scope2@1", ELECTRICITY, "1d")
    plant.go_to(APRIL)
    await plant.catch_up()
    lines = await plant.records("ghg_line", since=midnight, until=midnight + timedelta(minutes=1))
    assert [line.value for line in lines] == [Decimal("0.0038")]
    assert [(each["factor"], each["amount"], each["mass_t"]) for each in lines[0].envelope["details"]["lines"]] == [
        ("grid-old", "5", "0.002"), ("grid-new", "5", "0.0018"),
    ]  # fmt: skip


async def test_cr46_each_factor_counts_for_what_was_measured_and_not_for_its_time(plant: Plant) -> None:
    change = datetime(2026, 3, 2, 0, 5, tzinfo=UTC)
    start = datetime(2026, 3, 1, 23, tzinfo=UTC)
    await put_quarters(plant, ENERGY, start, [*["2"] * 4, "3", *["0"] * 91])
    await state_factor(plant, "grid-old", "0.40", until=change, unit="kg/kWh")
    await state_factor(plant, "grid-new", "0.36", since=change, unit="kg/kWh")
    await state_plan(plant, "bought", "ghg_scope2@1", ELECTRICITY, "1d")
    plant.go_to(APRIL)
    await plant.catch_up()
    (line,) = await plant.records("ghg_line", since=change, until=change + timedelta(minutes=1))
    amounts = [each["amount"] for each in line.envelope["details"]["lines"]]
    assert amounts == ["9", "2"]  # five of the fifteen minutes in which 3 kWh were taken
    assert line.value == (9 * Decimal("0.40") + 2 * Decimal("0.36")) / 1000
    assert "prorated" in line.flags


async def test_cr46_without_a_factor_in_force_there_is_no_figure_until_one_is_stated(plant: Plant) -> None:
    await tell_months(plant, ENERGY, "12000000")
    await state_factor(plant, "grid", "0.350", until=MARCH)
    await state_plan(plant, "bought", "ghg_scope2@1", ELECTRICITY)
    plant.go_to(AFTER)
    await plant.catch_up()
    line = await line_of(plant, "bought")
    assert (line.value, line.quality) == (None, "missing")
    assert (
        "no factor for electricity, DE, CO2e is in force from 2026-02-28T23:00:00+00:00" in line.envelope["details"]["refused"]
    )
    await state_factor(plant, "grid", "0.350")
    await plant.catch_up()
    line = await line_of(plant, "bought")
    assert (line.value, line.revision) == (Decimal(4200), 2)


async def test_cr46_superseding_a_factor_leaves_what_was_computed_before(plant: Plant) -> None:
    await plant.measure(ENERGY, YEAR, APRIL, "8636")  # 1 kWh in each quarter of an hour
    await state_factor(plant, "grid-a", "0.350")
    await state_plan(plant, "bought", "ghg_scope2@1", ELECTRICITY, "1mo")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    before = await plant.records("ghg_line")
    assert len(before) == 3
    seen_at = plant.clock.now()
    plant.go_to(APRIL + timedelta(days=20))
    await state_factor(plant, "grid-a", "0.350", until=MARCH)
    await state_factor(plant, "grid-b", "0.300", since=MARCH)
    await plant.catch_up()
    then, now = await plant.records("ghg_line", as_of=seen_at), await plant.records("ghg_line")
    assert [(line.hash, line.value) for line in then] == [(line.hash, line.value) for line in before]
    assert [line.revision for line in now] == [1, 1, 2]
    assert (before[2].value, now[2].value) == (Decimal("1.0402"), Decimal("0.8916"))


async def test_the_activity_may_be_what_other_records_tell_and_is_amended_with_them(plant: Plant) -> None:
    await tell_months(plant, GAS, "10000")
    params = {**NATURAL_GAS, "point": None, "plan": "gas-of-the-year"}
    await state_plan(plant, "gas-of-the-year", "period_total@1", {"point": GAS})
    await state_plan(plant, "boilers", "ghg_scope1@1", params)
    plant.go_to(AFTER)
    await plant.keeper.catch_up()
    await plant.catch_up()
    line = await line_of(plant, "boilers")
    assert line.value == Decimal("53.1145")
    await tell_months(plant, GAS, "20000")
    await plant.catch_up()
    line = await line_of(plant, "boilers")
    assert (line.value, line.quality) == (Decimal("106.229"), "good")


async def test_a_hole_in_the_activity_leaves_no_figure_and_says_why(plant: Plant) -> None:
    await tell_months(plant, GAS, "10000", unknown=3)
    await state_plan(plant, "boilers", "ghg_scope1@1", NATURAL_GAS)
    plant.go_to(AFTER)
    await plant.catch_up()
    line = await line_of(plant, "boilers")
    assert (line.value, line.quality) == (None, "missing")
    assert "missing is not zero" in line.envelope["details"]["reason"]
