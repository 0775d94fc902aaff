from datetime import timedelta

from record_plant import APRIL, ENERGY, MARCH, MAY, METERS, POINTS, POWER, QUARTER, SITES, Plant

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.intervals import IntervalRow
from ems_telemetry.storage.records import RecordRow
from ems_telemetry.storage.registry import synchronise

HOLE = (MARCH + timedelta(days=10), MARCH + timedelta(days=11))


async def close(plant: Plant) -> list[RecordRow]:
    """March is closed."""
    plant.go_to(APRIL + timedelta(days=12))
    while await plant.keeper.catch_up():
        pass
    return await plant.records("completeness")


async def test_every_point_that_is_expected_to_speak_has_its_completeness_by_month(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300", hole=HOLE)
    await plant.measure(POWER, MARCH, APRIL, "297200")
    records = await close(plant)
    assert {record.plan for record in records} == {f"completeness/{ENERGY}/1mo", f"completeness/{POWER}/1mo"}
    (record,) = [record for record in records if record.scope == ENERGY]
    details = record.envelope["details"]
    assert [details[name] for name in ("expected", "measured", "substituted", "missing")] == [2972, "2876", "0", "96"]
    assert (str(record.value)[:7], record.unit, record.quality) == ("96.7698", "%", "good")
    assert details["gaps"] == [{"start": "2026-03-10T23:00:00Z", "end": "2026-03-11T23:00:00Z", "quarters": 96}]
    async with plant.database.connection() as connection:
        assert (await recompute(connection, record, asked_of(record))).equal


async def test_a_substitution_completes_the_month_and_leaves_the_availability(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300", hole=HOLE)
    (before,) = await close(plant)
    body = {"point": ENERGY, "from": HOLE[0].isoformat(), "to": HOLE[1].isoformat(), "value": "2400"}
    await plant.state("substitution", "S-1", {**body, "method": "by_hand@1", "cause": "meter"}, since=HOLE[0], until=HOLE[1])
    (after,) = await close(plant)
    assert [after.revision, after.value, after.measured] == [2, 100, before.measured]
    assert after.envelope["details"]["total"] == "74300"


async def test_a_point_is_expected_from_its_first_interval_to_its_end(plant: Plant) -> None:
    first = MARCH + timedelta(days=20)
    nothing = (None, None, None, None, 0, 15, 0.0, 0, IntervalFlag.MISSING)
    rows = [IntervalRow(plant.ids[POWER], Period.QUARTER, first + n * QUARTER, *nothing, has_ended=True) for n in range(96)]
    await plant.put(POWER, rows, first + timedelta(days=1))
    await synchronise(plant.database, SITES, METERS, [point for point in POINTS if point.key != POWER])
    (record,) = await close(plant)
    assert [record.value, record.envelope["details"]["expected"]] == [0, 96]
    plant.go_to(MAY + timedelta(days=12))
    assert await plant.keeper.catch_up() == 0
