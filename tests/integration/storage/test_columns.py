"""What lies around a stretch is found however far away it is."""

from datetime import timedelta

from small_plant import ENERGY, POWER, START, WATER, batch, prepare, reading, write

from ems_telemetry.storage.columns import usable_before, usable_from
from ems_telemetry.storage.database import Database


async def test_the_last_readings_of_a_meter_are_found_however_long_it_has_been_silent(database: Database) -> None:
    known = (await prepare(database)).point_ids
    years_later = START + timedelta(days=1_500)
    await write(
        database,
        batch(*(reading(ENERGY, second) for second in range(3)), reading(ENERGY, 3, None)),
        batch(reading(POWER), reading(POWER, time=years_later)),
    )
    asked = {known[key]: years_later + timedelta(days=90) for key in (ENERGY, POWER, WATER)}
    async with database.connection() as connection:
        before = await usable_before(connection, asked, 2)
        after = await usable_from(connection, {known[POWER]: START + timedelta(seconds=1)}, 1)
    assert before == {
        known[ENERGY]: [START + timedelta(seconds=2), START + timedelta(seconds=1)],
        known[POWER]: [years_later, START],
    }
    assert after == {known[POWER]: [years_later]}
