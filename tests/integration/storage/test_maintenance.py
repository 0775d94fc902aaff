import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fakes import HandClock, until
from servers.process import free_port
from small_plant import START, batch, fetch, make_maintenance, prepare, reading, stored, write

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.service import RetentionSettings
from ems_telemetry.errors import DatabaseNotReadyError, TransientError
from ems_telemetry.storage.capability.partitions import make_partitions, partition_of
from ems_telemetry.storage.database import SESSION_SETTINGS, Database
from ems_telemetry.storage.maintenance import Maintenance

DAY_S = 86_400.0
NOW = START + timedelta(days=30)


def maintenance(database: Database, keep_s: float | None = None) -> Maintenance:
    return make_maintenance(database, RetentionSettings.model_construct(readings=keep_s), HandClock(NOW))


async def test_old_readings_go_by_whole_partitions_or_chunks_and_others_stay(database: Database) -> None:
    days = [0, 10, 20, 29]
    await write(database, batch(*(reading(second=day * DAY_S) for day in days)))
    await maintenance(database, keep_s=15 * DAY_S).do()
    assert [time for time, _ in await stored(database)] == [START + timedelta(days=day) for day in (20, 29)]
    assert await maintenance(database, keep_s=15 * DAY_S).do() == []


async def test_old_chunks_go_some_at_a_time_so_that_one_in_use_keeps_only_those_with_it(
    timescaledb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems_telemetry.storage.capability.upkeep.CHUNKS_AT_ONCE", 2)
    monkeypatch.setitem(SESSION_SETTINGS, "lock_timeout", "1s")
    async with Database(timescaledb_url) as database:
        await write(database, batch(*(reading(second=day * DAY_S) for day in range(6))))
        (*_, (fifth,), _) = await fetch(database, "SELECT show_chunks('readings')::text")
        async with database.connection() as using:
            await using.execute(f"LOCK TABLE {fifth} IN ACCESS SHARE MODE".encode())
            with pytest.raises(TransientError):
                await maintenance(database, keep_s=15 * DAY_S).do()
        assert [time for time, _ in await stored(database)] == [START + timedelta(days=day) for day in (4, 5)]
        await maintenance(database, keep_s=15 * DAY_S).do()
        assert await stored(database) == []


async def test_nothing_is_dropped_unless_the_settings_say_so(database: Database) -> None:
    await write(database, batch(reading(time=datetime(2001, 1, 1, tzinfo=UTC))))
    await maintenance(database).do()
    assert len(await stored(database)) == 1


async def test_partitions_stand_ready_for_the_weeks_to_come(plain_url: str) -> None:
    async with Database(plain_url) as database:
        await prepare(database)
        assert await maintenance(database).do() == [f"made readings_2026w{week}" for week in range(14, 19)]
        assert await maintenance(database).do() == []


async def test_a_partition_is_made_while_others_read_and_write(plain_url: str) -> None:
    async with Database(plain_url) as database:
        await write(database, batch(reading()))
        async with database.connection() as busy:
            await busy.execute("SELECT * FROM readings")
            names = "point_id, flags, value, received_at, source_status, quality"
            await busy.execute(f"INSERT INTO readings SELECT time + interval '1 s', {names} FROM readings".encode())  # noqa: S608
            async with asyncio.timeout(5), database.connection() as connection:
                made = await make_partitions(connection, [partition_of(NOW)])
        assert made == [partition_of(NOW).name]


async def test_two_who_make_the_same_partition_do_not_collide(plain_url: str) -> None:
    async with Database(plain_url) as database:
        await prepare(database)

        async def make() -> list[str]:
            async with database.connection() as connection:
                return await make_partitions(connection, [partition_of(NOW)])

        made = await asyncio.gather(*(make() for _ in range(4)))
    assert sorted(made, key=len) == [[], [], [], [partition_of(NOW).name]]


async def test_a_database_without_tables_is_told_and_tried_again(empty_database: Database) -> None:
    with pytest.raises(DatabaseNotReadyError):
        await maintenance(empty_database).do()
    one = make_maintenance(empty_database, RetentionSettings(), SystemClock())
    async with asyncio.TaskGroup() as group:
        group.create_task(one.run())
        await until(lambda: bool(one.state.problems))
        await prepare(empty_database)
        await until(lambda: one.state.last_done_at is not None)
        # What a scheduled job of the database does meanwhile is another matter: some pairs of versions let every one fail.
        assert [problem for problem in one.state.problems if "(policy_compression)" not in problem] == []
        one.stop()


async def test_it_ends_at_once_when_asked_also_while_the_database_is_away() -> None:
    async with Database(f"postgresql://ems@127.0.0.1:{free_port()}/ems") as database, asyncio.timeout(10):
        one = make_maintenance(database, RetentionSettings(), SystemClock())
        async with asyncio.TaskGroup() as group:
            group.create_task(one.run())
            await until(lambda: bool(one.state.problems))
            one.stop()


async def test_it_works_on_every_day(plain_url: str) -> None:
    async with Database(plain_url) as database:
        await prepare(database)
        clock = HandClock(NOW)
        one = make_maintenance(database, RetentionSettings(), clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(one.run())
            await until(lambda: one.state.last_done_at == NOW)
            await clock.advance(7 * DAY_S)
            await until(lambda: one.state.last_done_at == NOW + timedelta(days=7))
            one.stop()
        assert await fetch(database, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'readings'::regclass") == [(6,)]
