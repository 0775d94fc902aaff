import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from fakes import until
from fakes_spool import MemorySpool
from small_plant import (
    ENERGY,
    POWER,
    START,
    WATER,
    batch,
    fetch,
    gap,
    letter,
    outcomes,
    prepare,
    reading,
    running,
    stored,
    write,
    writer,
)

from ems_telemetry.model import Batch, Declaration, Flag, Quality
from ems_telemetry.observe import Metrics
from ems_telemetry.storage.database import Database


async def reasons(database: Database) -> list[str]:
    return [reason for (reason,) in await fetch(database, "SELECT reason FROM dead_letters ORDER BY reason")]


async def test_a_batch_becomes_rows_with_all_their_columns(database: Database) -> None:
    full = reading(
        value=None,
        exact=Decimal(18446744073709551615),
        raw=65535.0,
        quality=Quality.BAD,
        flags=Flag.INVALID_VALUE | Flag.BACKFILLED,
        source_status=0x80AB0000,
        received_at=START + timedelta(seconds=3),
    )
    counted = await write(database, batch(full))
    assert counted == {"inserted": 1}
    rows = await fetch(
        database, "SELECT time, value, exact, raw, quality, flag_names(flags), source_status, received_at FROM readings"
    )
    assert rows == [
        (
            START,
            None,
            Decimal(18446744073709551615),
            65535.0,
            0,
            ["invalid_value", "backfilled"],
            0x80AB0000,
            full.received_at,
        )
    ]


async def test_many_batches_arrive_whole(database: Database) -> None:
    batches = [batch(*(reading(POWER, second=100 * n + k, value=float(k)) for k in range(100))) for n in range(120)]
    assert await write(database, *batches) == {"inserted": 12_000}
    assert await fetch(database, "SELECT count(*), min(time), max(time) FROM readings") == [
        (12_000, START, START + timedelta(seconds=11_999))
    ]


async def test_a_batch_sent_again_after_a_crash_before_its_removal_is_stored_once(database: Database) -> None:
    metrics = Metrics()
    spool = MemorySpool(Batch("hall-1", (reading(), reading(second=1)), (letter(),), (gap(),)))
    spool.failing_removals = 2
    async with running(writer(database, spool, metrics)):
        await spool.wait_until_empty()
    assert outcomes(metrics) == {"inserted": 2, "duplicate": 4}
    assert len(await stored(database)) == 2
    assert await reasons(database) == ["unreadable"]
    assert await fetch(database, "SELECT refused FROM gaps") == [(300,)]


async def test_the_same_value_again_is_a_duplicate_and_another_one_a_conflict(database: Database) -> None:
    await write(database, batch(reading(value=1.0)))
    again = batch(reading(value=1.0), reading(second=1, value=2.0))
    other = batch(reading(value=9.0), reading(second=1, value=2.0, quality=Quality.UNCERTAIN))
    assert await write(database, again, other) == {"inserted": 1, "duplicate": 1, "conflict": 2}
    assert await write(database, other) == {"conflict": 2}
    assert [value for _, value in await stored(database)] == [1.0, 2.0]
    assert await reasons(database) == ["conflict", "conflict"]
    details = await fetch(database, "SELECT detail FROM dead_letters ORDER BY detail")
    assert "stored with value 1.0 and quality 192" in details[0][0]


async def test_missing_values_and_not_a_number_equal_themselves(database: Database) -> None:
    odd = batch(reading(value=None, quality=Quality.BAD), reading(second=1, value=float("nan")))
    await write(database, odd)
    assert await write(database, odd) == {"duplicate": 2}


async def test_a_reading_of_an_unknown_point_becomes_a_dead_letter(database: Database) -> None:
    counted = await write(database, batch(reading("EM-99.energy", value=7.0), reading()))
    assert counted == {"inserted": 1, "rejected": 1}
    rows = await fetch(
        database, "SELECT reason, point, connector, convert_from(payload, 'UTF8')::json ->> 'value' FROM dead_letters"
    )
    assert rows == [("unknown_point", "EM-99.energy", "hall-1", "7.0")]


async def test_a_poisoned_row_is_set_aside_and_the_others_get_in(database: Database) -> None:
    await prepare(database)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE readings ADD CONSTRAINT poisoned CHECK (value <> 13)")
    good = [reading(POWER, second=second, value=float(second)) for second in range(100)]
    counted = await write(database, Batch("hall-1", good, (letter(),), (gap(),)), batch(reading(WATER)))
    assert counted == {"inserted": 100, "rejected": 1}
    rows = await fetch(database, "SELECT point, detail FROM dead_letters WHERE reason = 'rejected_by_database'")
    assert [name for name, _ in rows] == [POWER]
    assert "poisoned" in rows[0][1]
    assert await reasons(database) == ["rejected_by_database", "unreadable"]
    assert len(await stored(database, WATER)) == 1
    assert await write(database, batch(*good)) == {"duplicate": 99, "rejected": 1}
    assert await reasons(database) == ["rejected_by_database", "unreadable"]


async def test_values_no_column_can_hold_do_not_block_the_others(database: Database) -> None:
    wild = batch(reading(source_status=2**63), reading(second=1, quality=17), reading(second=2, flags=2**40), reading(second=3))
    counted = await write(database, wild, batch(reading(WATER)))
    assert counted == {"inserted": 2, "rejected": 3}


async def test_dead_letters_may_hold_anything(database: Database) -> None:
    strange = letter(detail="nul \x00 and half a pair \ud800", source="a\x00b", point="\x00", payload=b"\x00" * 100_000)
    await write(database, Batch("water-broker", (reading(),), (strange,)))
    rows = await fetch(database, "SELECT detail, source, length(payload) FROM dead_letters")
    assert rows == [("nul \ufffd and half a pair ?", "a\ufffdb", 16 * 1024)]


async def test_latest_readings_follow_the_newest_time_only(database: Database) -> None:
    await write(database, batch(reading(second=10, value=10.0), reading(second=5, value=5.0)))
    await write(database, batch(reading(second=7, value=7.0), reading(second=10, value=99.0)))
    latest = "SELECT point, time, value FROM latest_by_point"
    assert await fetch(database, latest) == [(ENERGY, START + timedelta(seconds=10), 10.0)]
    await write(database, batch(reading(second=11, value=None, quality=Quality.BAD)))
    assert await fetch(database, latest) == [(ENERGY, START + timedelta(seconds=11), None)]


async def test_what_was_read_later_never_moves_the_latest_reading_although_it_is_newer_by_its_time(database: Database) -> None:
    latest = "SELECT time, value FROM latest_by_point"
    later = reading(second=30, value=30.0, flags=Flag.BACKFILLED)
    await write(database, batch(reading(second=20, value=20.0), later))
    assert await fetch(database, latest) == [(START + timedelta(seconds=20), 20.0)]
    await write(database, batch(reading(second=40, value=40.0, flags=Flag.BACKFILLED)))
    assert await fetch(database, latest) == [(START + timedelta(seconds=20), 20.0)]
    await write(database, batch(reading(second=25, value=25.0)))
    assert await fetch(database, latest) == [(START + timedelta(seconds=25), 25.0)]
    assert len(await stored(database)) == 4


async def test_unless_there_is_no_other_and_then_it_gives_way_to_the_first(database: Database) -> None:
    latest = "SELECT time, value FROM latest_by_point"
    for second in (10, 30, 20):
        await write(database, batch(reading(second=second, value=float(second), flags=Flag.BACKFILLED)))
    assert await fetch(database, latest) == [(START + timedelta(seconds=30), 30.0)]
    await write(database, batch(reading(second=15, value=15.0)))
    assert await fetch(database, latest) == [(START + timedelta(seconds=15), 15.0)]


async def test_readings_long_past_and_to_come_find_their_place(database: Database) -> None:
    times = [START.replace(year=year) for year in (2000, 2019, 2026, 2031)]
    counted = await write(database, batch(*(reading(time=time) for time in times)))
    assert counted == {"inserted": 4}
    assert [time for time, _ in await stored(database)] == times


async def test_two_writers_at_once_lose_and_double_nothing(database: Database) -> None:
    await prepare(database)
    one = [batch(*(reading(POWER, second=n * 50 + k) for k in range(50))) for n in range(40)]
    spools = MemorySpool(*one), MemorySpool(*reversed(one))
    metrics = Metrics()
    async with running(writer(database, spools[0], metrics)), running(writer(database, spools[1], metrics)):
        await asyncio.gather(*(spool.wait_until_empty() for spool in spools))
    assert outcomes(metrics) == {"inserted": 2000, "duplicate": 2000}


async def test_stop_ends_it_at_once_when_there_is_nothing_to_do(database: Database) -> None:
    one = writer(database, MemorySpool())
    async with asyncio.timeout(10), running(one):
        await until(lambda: one.state.connected)
    assert not one.state.connected
    one.stop()
    await one.run()


async def test_cancelling_lets_the_transaction_in_flight_end(database: Database) -> None:
    spool = MemorySpool(batch(*(reading(POWER, second=second) for second in range(3_000))))
    task = asyncio.create_task(writer(database, spool).run())
    await until(lambda: spool.reads > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not spool.entries
    assert len(await stored(database, POWER)) == 3_000


async def test_a_schema_that_does_not_fit_makes_it_wait_and_sets_nothing_aside(database: Database) -> None:
    await prepare(database)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE latest_readings RENAME TO hidden")
    spool = MemorySpool(batch(reading()))
    one = writer(database, spool)
    async with running(one):
        await until(lambda: one.state.last_error is not None)
        assert "latest_readings" in (one.state.last_error or "")
        assert spool.entries
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE hidden RENAME TO latest_readings")
        await spool.wait_until_empty()
    assert await reasons(database) == []


async def test_a_gap_that_lasts_is_one_row_that_grows(database: Database) -> None:
    begun = gap()
    longer, longest = (begun._replace(end=begun.end + timedelta(minutes=minutes)) for minutes in (1, 2))
    await write(database, Batch("c", gaps=[begun, longest]), Batch("c", gaps=[longer]))
    assert await fetch(database, "SELECT id, started_at, ended_at FROM gaps") == [(begun.id, begun.start, longest.end)]
    await write(database, Batch("c", gaps=[begun]))
    assert await fetch(database, "SELECT ended_at FROM gaps") == [(longest.end,)]


async def test_what_a_device_gave_another_meaning_stays_shut_out_when_the_writer_prepares_anew(database: Database) -> None:
    found = Declaration(
        *("EM-30.power", "EM-30", "Line 3", "BER1", None, "electricity", "Power", "active_power", "kW", "gauge"),
        *("spBv1.0/P/DDATA/line-3/EM-30 Power", "W", None),
    )
    other = found._replace(quantity="active_energy_import", unit="kWh", kind="counter")
    await write(database, Batch("hall-1", [reading(found.key)], declarations=[found]))
    spool = MemorySpool(Batch("hall-1", declarations=[other]))
    async with running(writer(database, spool)) as one:
        await spool.wait_until_empty()
        one.renew()
        await spool.put(batch(reading(found.key, 1), reading(ENERGY)))
        await spool.wait_until_empty()
    assert await stored(database, found.key) == [(START, 1.0)]
    assert await stored(database, ENERGY) == [(START, 1.0)]
    assert await fetch(database, "SELECT reason, point FROM dead_letters") == [("unknown_point", found.key)]
