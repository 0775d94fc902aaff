from datetime import timedelta

from record_plant import APRIL, ENERGY, MARCH, MAY, Plant

from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.records import RecordRow


async def of_april(plant: Plant) -> RecordRow:
    await plant.catch_up()
    (record,) = await plant.records("period_total", plan="T-2", since=APRIL, until=MAY)
    async with plant.database.connection() as connection:
        assert (await recompute(connection, record, asked_of(record))).equal
    return record


async def test_a_month_is_told_by_source_and_against_the_month_before_which_amends_it(plant: Plant) -> None:
    await plant.expect_nothing()
    hole = APRIL + timedelta(days=3), APRIL + timedelta(days=4)
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(ENERGY, APRIL, MAY, "72000", hole=hole)
    await plant.measure(ENERGY, APRIL + timedelta(days=9), APRIL + timedelta(days=10), "2400", flags=IntervalFlag.ESTIMATED)
    body = {"method": "period_total@2", "scope": ENERGY, "params": {"point": ENERGY}}
    await plant.state("plan", "T-2", body, since=MARCH)
    await plant.state("substitution", "S-1", {
        "point": ENERGY, "from": hole[0].isoformat(), "to": hole[1].isoformat(), "value": "2000", "method": "by_hand@1",
        "cause": "meter exchanged",
    })  # fmt: skip
    plant.go_to(MAY + timedelta(days=12))
    record = await of_april(plant)
    details = record.envelope["details"]
    assert [(each["source"], each["amount"]) for each in details["by_source"]] == [
        ("measured", "67200"), ("estimated", "2400"), ("substituted", "2000"),
    ]  # fmt: skip
    assert [record.revision, record.value, record.quality, details["before"], details["change"]] == [
        1, 71600, "estimated", "74300", "-2700",
    ]  # fmt: skip
    (march,) = await plant.records("period_total", plan="T-2", since=MARCH, until=APRIL)
    assert [march.value, march.envelope["details"]["before"], march.envelope["details"]["change"]] == [74300, None, None]
    await plant.measure(ENERGY, MARCH, APRIL, "74600")
    late = await of_april(plant)
    assert [late.revision, late.value, late.envelope["details"]["change"], late.envelope["reason"]] == [
        2, 71600, "-3000", "late_data",
    ]  # fmt: skip
