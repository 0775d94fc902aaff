"""Waste and substances through the keeper: CR-49 with its numbers."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from record_plant import APRIL, BERLIN, MARCH, MAY, Plant

from ems_telemetry.storage.records import RecordRow

CLOSED = APRIL + timedelta(days=12)
LOT = {"code": "150202*", "hp": ["HP14"], "stored_since": "2026-01-10"}
WEIGHED = {"gross": {"value": "18460", "unit": "kg"}, "tare": {"value": "12140", "unit": "kg"}, "operation": "R1"}


def local(*day: int) -> datetime:
    return datetime(2026, *day, tzinfo=BERLIN)  # type: ignore[arg-type, misc]  # month, day and hour


async def plan(plant: Plant, method: str, **params: object) -> None:
    body = {"method": method, "scope": "BER1", "period": "1mo", "params": params}
    await plant.state("plan", method.partition("@")[0], body, since=MARCH)


async def record_of(plant: Plant, type_: str, start: datetime = MARCH) -> RecordRow:
    return next(row for row in await plant.records(type_) if row.period_start == start)


async def stock(plant: Plant, id_: str, change: str, value: str, at: datetime, unit: str = "kg") -> None:
    body = {"at": at, "substance": "solvent", "change": change, "quantity": {"value": value, "unit": unit}}
    await plant.state("substance_movement", id_, body)


async def test_cr49_6320_kg_left_and_nothing_is_counted_twice_when_it_is_corrected(plant: Plant) -> None:
    await plan(plant, "waste_summary@1")
    await plant.state("waste_movement", "W-1", {**LOT, **WEIGHED, "moved_at": local(3, 20)})
    paper = {"code": "20 01 01", "net": {"value": "1.5", "unit": "t"}, "operation": "D1", "moved_at": local(3, 21)}
    await plant.state("waste_movement", "W-2", paper)
    plant.go_to(CLOSED)
    await plant.catch_up()
    record = await record_of(plant, "waste_summary")
    details = record.envelope["details"]
    assert (record.value, record.unit) == (Decimal(7820), "kg")
    assert (details["hazardous_kg"], details["non_hazardous_kg"]) == ("6320", "1500")
    assert (details["recovered_kg"], details["disposed_kg"]) == ("6320", "1500")
    assert details["by_code"][0] == {
        "code": "15 02 02*", "hazardous": True, "operation": "R1", "kg": "6320", "movements": 1,
    }  # fmt: skip
    await plant.state("waste_movement", "W-2", {**paper, "moved_at": local(4, 2)})
    await plant.catch_up()
    record = await record_of(plant, "waste_summary")
    assert (record.value, record.revision, record.envelope["reason"]) == (Decimal(6320), 2, "waste_movement_changed")


async def test_cr49_a_90_day_store_from_10_january_is_due_on_10_april(plant: Plant) -> None:
    await plan(plant, "waste_summary@1", storage_days=90, none_means_zero=True)
    await plant.state("waste_movement", "W-1", LOT)
    plant.go_to(CLOSED)
    await plant.catch_up()
    march = await record_of(plant, "waste_summary")
    assert (march.value, list(march.flags)) == (Decimal(0), [])
    (lot,) = march.envelope["details"]["storage"]
    assert (lot["due"], lot["days"], lot["moved_on"], lot["too_long"]) == ("2026-04-10", 80, None, False)
    await plant.state("waste_movement", "W-1", {**LOT, **WEIGHED, "moved_at": local(4, 11, 8)})
    plant.go_to(MAY + timedelta(days=12))
    await plant.catch_up()
    april = await record_of(plant, "waste_summary", APRIL)
    (lot,) = april.envelope["details"]["storage"]
    assert (april.value, list(april.flags)) == (Decimal(6320), ["stored_too_long"])
    assert (lot["moved_on"], lot["too_long"]) == ("2026-04-11", True)
    assert (await record_of(plant, "waste_summary")).revision == 1  # in March it was in store, whatever came later


async def test_a_month_for_which_nothing_was_stated_is_not_one_without_waste(plant: Plant) -> None:
    await plan(plant, "waste_summary@1")
    plant.go_to(CLOSED)
    await plant.catch_up()
    record = await record_of(plant, "waste_summary")
    assert (record.value, record.quality, list(record.flags)) == (None, "missing", ["nothing_stated"])


async def test_cr49_400_kg_of_solvent_are_unaccounted_for(plant: Plant) -> None:
    substance: dict[str, Any] = {
        "name": "Acetone", "cas": "67-64-1", "location": "hall-1", "max_quantity": {"value": "2", "unit": "t"},
    }  # fmt: skip
    await plant.state("substance", "solvent", substance, since=MARCH)
    await plan(plant, "substance_balance@1", substance="solvent")
    await stock(plant, "S-1", "stock-taking", "1200", MARCH)
    await stock(plant, "S-2", "in", "0.8", local(3, 10), "t")
    await stock(plant, "S-3", "use", "600", local(3, 15))
    await stock(plant, "S-4", "out", "50", local(3, 16))
    plant.go_to(CLOSED)
    await plant.catch_up()
    record = await record_of(plant, "substance_balance")
    assert record.value is None
    assert "no stock-taking of solvent is stated in the period" in record.envelope["details"]["refused"]
    await stock(plant, "S-5", "stock-taking", "950", APRIL)
    await plant.catch_up()
    record = await record_of(plant, "substance_balance")
    details = record.envelope["details"]
    assert (record.value, record.unit, details["unaccounted_percent"]) == (Decimal(400), "kg", "20")
    assert (details["max_stored_kg"], details["max_stored_percent"], list(record.flags)) == (
        "2000",
        "100",
        ["max_quantity_reached"],
    )
    assert (details["used_kg"], details["out_kg"], details["closing_kg"]) == ("600", "50", "950")
    used = {ref["id"] for ref in record.envelope["inputs"]}
    assert {"solvent", "S-1", "S-2", "S-3", "S-4", "S-5"} <= used
