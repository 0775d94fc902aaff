"""What the checks of instruments do to records (R15, CR-47)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from record_plant import APRIL, ENERGY, MARCH, MAY, Plant

from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.records import RecordRow, Source, list_dependents

AS_FOUND = {"reference": "250", "reading": "262", "full_scale": "500"}
FEBRUARY = MARCH - timedelta(days=28)


@pytest.fixture
async def plant(any_plant: Plant) -> Plant:
    return any_plant


async def install(plant: Plant, **other: Any) -> None:  # noqa: ANN401  # parts of a body
    body = {"serial": "A123", "meters": ["EM-01"], "calibration_interval_days": 365, "tolerance_percent": "2", **other}
    await plant.state("instrument", "A123", body, since=FEBRUARY)


async def check(plant: Plant, id_: str, at: datetime, **other: Any) -> dict[str, Any]:  # noqa: ANN401  # parts of a body
    body = {"instrument": "A123", "at": at.isoformat(), **other}
    return dict((await plant.state("calibration", id_, body, since=at)).body)


async def closed(plant: Plant) -> RecordRow:
    """March is measured and closed."""
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    (record,) = await plant.records("period_total")
    return record


async def test_a_record_names_the_instrument_that_measured_it_and_its_calibration(plant: Plant) -> None:
    await install(plant)
    await check(plant, "C-1", FEBRUARY, result="pass")
    record = await closed(plant)
    refs = {(ref["kind"], ref["id"]) for ref in record.envelope["inputs"]}
    assert {("instrument", "A123"), ("calibration", "C-1")} <= refs
    assert record.flags == []
    (told,) = record.envelope["details"]["instruments"]
    assert (told["point"], told["serial"], told["flags"]) == (ENERGY, "A123", [])
    assert told["due"] == "2027-01-31T23:00:00Z"
    assert told["calibrations"] == [{"id": "C-1", "revision": 1}]


async def test_cr_47_failed_as_found_amends_what_was_measured_since_the_last_pass(plant: Plant) -> None:
    await install(plant)
    await check(plant, "C-1", FEBRUARY, result="pass")
    before = await closed(plant)
    failed = await check(plant, "C-2", APRIL + timedelta(days=10), as_found=AS_FOUND, as_left="pass")
    assert failed["result"] == "fail"  # 2.4 % of full scale at a tolerance of 2 %
    await plant.catch_up()
    (after,) = await plant.records("period_total")
    assert (after.revision, after.status, after.envelope["reason"]) == (2, "amended", "calibration_changed")
    assert after.flags == ["suspect_calibration"]
    assert (after.value, after.quality) == (before.value, "uncertain")
    async with plant.database.connection() as connection:
        assert (await recompute(connection, after, asked_of(after))).equal
        assert (await recompute(connection, before, asked_of(before))).equal
        suspect = Source("instrument", "A123", FEBRUARY, APRIL + timedelta(days=10))
        assert after.id in [row.id for row in await list_dependents(connection, suspect, 10)]


async def test_cr_47_as_found_within_a_wider_tolerance_passes_and_changes_nothing(plant: Plant) -> None:
    await install(plant, tolerance_percent="5")
    await check(plant, "C-1", FEBRUARY, result="pass")
    await closed(plant)
    passed = await check(plant, "C-2", APRIL + timedelta(days=10), as_found=AS_FOUND)
    assert passed["result"] == "pass"
    assert await plant.catch_up() == 0


async def test_what_was_measured_before_the_last_pass_is_not_in_doubt(plant: Plant) -> None:
    await install(plant)
    await check(plant, "C-1", FEBRUARY, result="pass")
    await closed(plant)
    await check(plant, "C-2", APRIL, result="pass")
    await check(plant, "C-3", APRIL + timedelta(days=10), result="fail")
    assert await plant.catch_up() == 0
    (record,) = await plant.records("period_total")
    assert record.flags == []


async def test_readings_after_the_due_date_are_flagged_and_kept(plant: Plant) -> None:
    await install(plant)
    await check(plant, "C-1", FEBRUARY, result="pass", due=(MARCH + timedelta(days=20)).isoformat())
    record = await closed(plant)
    assert (list(record.flags), record.value, record.quality) == (["calibration_overdue"], Decimal(74300), "good")


async def test_an_instrument_without_any_pass_is_told_and_none_at_all_is_not(plant: Plant) -> None:
    record = await closed(plant)
    assert (record.flags, "instruments" in record.envelope["details"]) == ([], False)
    await install(plant)
    await plant.catch_up()
    (record,) = await plant.records("period_total")
    assert record.flags == ["not_calibrated"]
    assert record.envelope["reason"] == "instrument_changed"


async def test_an_instrument_counts_only_while_it_stands_there(plant: Plant) -> None:
    await install(plant)
    await check(plant, "C-1", FEBRUARY, result="pass")
    moved = MARCH + timedelta(days=10)
    await plant.state("instrument", "A123", {"serial": "A123", "meters": ["EM-02"]}, since=moved)
    await plant.state("instrument", "B7", {"serial": "B7", "points": [ENERGY]}, since=moved)
    record = await closed(plant)
    told = record.envelope["details"]["instruments"]
    assert [(each["instrument"], each["since"], each["until"]) for each in told] == [
        ("A123", "2026-02-28T23:00:00Z", "2026-03-10T23:00:00Z"),
        ("B7", "2026-03-10T23:00:00Z", "2026-03-31T22:00:00Z"),
    ]
    assert record.flags == ["not_calibrated"]
    await check(plant, "C-2", MAY, result="fail")
    await plant.catch_up()
    (record,) = await plant.records("period_total")
    assert record.flags == ["not_calibrated", "suspect_calibration"]
