"""Troubles that users of other collectors had with their databases, each named after the thread that tells it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import until
from fakes_spool import MemorySpool
from integration.storage.test_columnstore import compress
from small_plant import (
    ENERGY,
    POWER,
    START,
    WATER,
    batch,
    fetch,
    outcomes,
    prepare,
    reading,
    running,
    stored,
    write,
    writer,
)

from ems_telemetry.errors import DatabaseNotReadyError
from ems_telemetry.observe import Metrics
from ems_telemetry.storage.capability import Capability
from ems_telemetry.storage.capability.detection import require_new_enough
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.provision import grant_reading
from ems_telemetry.storage.storing import Account, store

REFUSE_13 = "ALTER TABLE readings ADD CONSTRAINT poisoned CHECK (value <> 13)"
SWALLOW = """
    CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RETURN CASE WHEN new.value > 100 THEN NULL ELSE new END; END $$;
    CREATE TRIGGER swallow BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION swallow();
"""


async def execute(database: Database, statements: str) -> None:
    async with database.connection() as connection:
        await connection.execute(statements.encode())


# https://github.com/influxdata/telegraf/issues/17698
async def test_telegraf_17698_an_error_nobody_foresaw_costs_one_row_and_is_counted_as_such(database: Database) -> None:
    """There, a batch was dropped on any error that was not known to be temporary, and counted as written."""
    await prepare(database)
    await execute(database, REFUSE_13)
    sent = [reading(POWER, second=n, value=float(n)) for n in range(100)]
    assert await write(database, batch(*sent)) == {"inserted": 99, "rejected": 1}
    assert len(await stored(database, POWER)) == 99
    letters = await fetch(database, "SELECT point, reason, detail FROM dead_letters")
    assert [(point, reason, "poisoned" in detail) for point, reason, detail in letters] == [
        (POWER, "rejected_by_database", True)
    ]


# https://github.com/influxdata/telegraf/issues/17698
async def test_telegraf_17698_nothing_counts_as_written_and_nothing_leaves_the_spool_before_the_commit(
    database: Database,
) -> None:
    await prepare(database)
    spool, metrics = MemorySpool(), Metrics()
    async with database.connection() as blocking, running(writer(database, spool, metrics)) as one:
        await until(lambda: one.state.connected)
        await blocking.execute("LOCK TABLE latest_readings IN ACCESS EXCLUSIVE MODE")
        await spool.put(batch(reading()))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(20):
            while (await fetch(database, waiting))[0][0] == 0:
                await asyncio.sleep(0.05)
        assert (outcomes(metrics), len(spool.entries)) == ({}, 1)
        await blocking.rollback()
        await spool.wait_until_empty()
        assert outcomes(metrics) == {"inserted": 1}


# https://industrialmonitordirect.com/blogs/knowledgebase/ignition-60m-record-history-import-optimization-guide
async def test_ignition_one_duplicate_in_a_batch_is_no_error_and_the_others_get_in(database: Database) -> None:
    """There, one row that existed already put the whole batch into quarantine."""
    await prepare(database)
    await write(database, batch(reading(POWER, second=50, value=50.0)))
    sent = [reading(POWER, second=n, value=float(n)) for n in range(100)]
    assert await write(database, batch(*sent)) == {"inserted": 99, "duplicate": 1}
    assert [value for _, value in await stored(database, POWER)] == [float(n) for n in range(100)]
    assert await fetch(database, "SELECT count(*) FROM dead_letters") == [(0,)]


# https://github.com/timescale/timescaledb/issues/7672
@pytest.mark.parametrize("version", ["2.14.0", "2.17.2", "2.18.0"])
def test_timescaledb_7672_versions_that_lose_rows_are_refused_at_start(version: str) -> None:
    with pytest.raises(DatabaseNotReadyError, match=r"is too old; 2\.18\.1 or newer is needed"):
        require_new_enough(version)
    require_new_enough("2.18.1")


# https://github.com/timescale/timescaledb/issues/7672
async def test_timescaledb_7672_a_row_the_database_neither_takes_nor_refuses_is_found_and_told(database: Database) -> None:
    """There, rows behind the first conflict were not inserted, and the statement succeeded."""
    await prepare(database)
    await execute(database, SWALLOW)
    sent = [reading(POWER, second=n, value=float(n)) for n in range(104)]
    assert await write(database, batch(*sent)) == {"inserted": 101, "rejected": 3}
    assert len(await stored(database, POWER)) == 101
    details = await fetch(database, "SELECT point, reason, detail FROM dead_letters")
    assert {detail for *_, detail in details} == {"1 of 1 rows were neither inserted nor found"}
    assert len(details) == 3


# https://github.com/timescale/timescaledb/issues/7672
async def test_timescaledb_7672_a_batch_that_is_not_accounted_for_to_the_last_row_stays_in_the_spool(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent is inserted, duplicate, conflicting and rejected together, or nothing leaves the spool."""

    async def forgetful(*given: Any) -> Account:  # noqa: ANN401 - as the function in whose place it stands
        account = await store(*given)
        return replace(account, inserted=account.inserted - 1)

    await prepare(database)
    spool, metrics = MemorySpool(batch(*(reading(POWER, second=n) for n in range(10)))), Metrics()
    with monkeypatch.context() as patched:
        patched.setattr("ems_telemetry.storage.bisecting.store", forgetful)
        async with running(writer(database, spool, metrics)) as one:
            await until(lambda: "10 readings were sent and 9 are accounted for" in (one.state.last_error or ""))
    assert (len(spool.entries), outcomes(metrics)) == (1, {})


# https://github.com/timescale/timescaledb/issues/7672
async def test_timescaledb_7672_behind_a_conflict_everything_is_inserted_also_where_it_is_compressed(
    database: Database,
) -> None:
    capability = (await prepare(database)).capability
    await write(database, batch(*(reading(POWER, second=2 * n, value=float(n)) for n in range(1_000))))
    await compress(database, capability)
    sent = [reading(POWER, second=n, value=n / 2) for n in range(2_000)]
    assert await write(database, batch(*sent)) == {"inserted": 1_000, "duplicate": 1_000}
    assert len(await stored(database, POWER)) == 2_000


# https://github.com/timescale/timescaledb/issues/9575
async def test_timescaledb_9575_no_column_of_the_key_can_be_null(database: Database) -> None:
    await prepare(database)
    nullable = "SELECT attname::text FROM pg_attribute WHERE attrelid = 'readings'::regclass AND NOT attnotnull AND attnum > 0"
    assert {"point_id", "time"}.isdisjoint(name for (name,) in await fetch(database, nullable))
    key = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'readings'::regclass AND indisunique"
    assert any("(point_id, " in definition and "time" in definition for (definition,) in await fetch(database, key))


# https://github.com/timescale/timescaledb/issues/5801 https://github.com/timescale/timescaledb/issues/6577
async def test_timescaledb_5801_a_late_reading_opens_no_more_of_a_compressed_chunk_than_its_own_point(
    database: Database,
) -> None:
    capability = (await prepare(database)).capability
    before = [reading(key, second=10 * n, value=1.0) for key in (ENERGY, POWER, WATER) for n in range(3_000)]
    await write(database, batch(*before))
    await compress(database, capability)
    assert await write(database, batch(reading(POWER, second=5, value=2.0))) == {"inserted": 1}
    assert len(await stored(database, POWER)) == 3_001
    if capability is Capability.COMMUNITY:
        chunks = await fetch(database, "SELECT show_chunks('readings')::text")
        loose = [await fetch(database, f"SELECT DISTINCT point_id FROM ONLY {chunk}") for (chunk,) in chunks]  # noqa: S608
        assert len({point for found in loose for point in found}) == 1


# https://github.com/timescale/timescaledb/issues/2285 https://github.com/timescale/timescaledb/issues/1428
async def test_timescaledb_2285_late_readings_are_where_the_others_are_and_leave_the_newest_alone(database: Database) -> None:
    """There, what came late was missing in the aggregates; here every view reads the table itself."""
    capability = (await prepare(database)).capability
    now = START + timedelta(days=30)
    current = reading(POWER, value=2.0, time=now, received_at=now)
    await write(database, batch(*(reading(POWER, second=n, value=1.0) for n in range(100))), batch(current))
    await compress(database, capability)
    late = [reading(POWER, second=n + 0.5, value=1.5, received_at=now) for n in range(100)]
    assert await write(database, batch(*late)) == {"inserted": 100}
    assert len(await stored(database, POWER)) == 201
    assert await fetch(database, "SELECT time, value FROM latest_by_point WHERE point = %s", POWER) == [(now, 2.0)]


# https://github.com/VOLTTRON/volttron/issues/2636
async def test_volttron_2636_writing_rests_for_maintenance_and_no_connection_is_held(database: Database) -> None:
    await prepare(database)
    spool = MemorySpool()
    async with running(writer(database, spool)) as one:
        await until(lambda: one.state.connected)
        one.gate.shut()
        await asyncio.wait_for(one.gate.at_rest.wait(), 20)
        await spool.put(batch(reading()))
        # What needs the table for itself gets it at once, and nothing is written behind its back.
        await execute(database, "SET LOCAL lock_timeout = '5s'; LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(0.5)
        assert (len(spool.entries), await stored(database), one.state.connected) == (1, [], False)
        one.gate.open()
        await spool.wait_until_empty()
    assert len(await stored(database)) == 1


# https://github.com/timescale/timescaledb/issues/5801
async def test_late_readings_of_a_chunk_that_is_held_by_who_compresses_it_hold_up_none_of_now(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compressing a day of a large plant takes minutes, and nothing can be inserted into it meanwhile."""
    monkeypatch.setattr("ems_telemetry.storage.postponed.AGAIN_AFTER_S", 0.5)
    await prepare(database)
    now = START + timedelta(days=30)
    old = [reading(POWER, second=2 * n) for n in range(10)]
    late = [reading(POWER, second=2 * n + 1, received_at=now) for n in range(10)]
    await write(database, batch(*old))
    ((chunk,),) = await fetch(database, "SELECT DISTINCT tableoid::regclass::text FROM readings")
    spool, metrics = MemorySpool(), Metrics()
    async with database.connection() as compressing, running(writer(database, spool, metrics)) as one:
        await until(lambda: one.state.connected)
        await compressing.execute(f"LOCK TABLE {chunk} IN EXCLUSIVE MODE".encode())
        await spool.put(batch(*late, reading(ENERGY, time=now, received_at=now)))
        for second in range(1, 4):
            moment = now + timedelta(seconds=second)
            await spool.put(batch(reading(ENERGY, time=moment, received_at=moment)))
            await until(lambda second=second: outcomes(metrics).get("inserted") == second + 1)  # type: ignore[misc]
        await until(lambda: len(spool.entries) == 1)
        assert (one.state.connected, len(await stored(database)), len(await stored(database, POWER))) == (True, 4, 10)
        await compressing.rollback()
        await spool.wait_until_empty()
    assert outcomes(metrics) == {"inserted": 14}
    assert len(await stored(database, POWER)) == 20


# https://github.com/timescale/timescaledb/issues/4936
async def test_timescaledb_4936_granting_again_and_again_over_one_connection_does_not_bring_the_server_down(
    database: Database,
) -> None:
    """Each start and each return to the database grants what is missing, over connections that live long."""
    await prepare(database)
    await write(database, batch(reading()))
    asked = "SELECT has_table_privilege('grafana_reader', 'readings', 'SELECT'), pg_backend_pid()"
    seen = set[object]()
    async with database.connection() as connection:
        for _ in range(12):
            await connection.execute("REVOKE SELECT ON readings FROM grafana_reader", prepare=False)
            await grant_reading(connection)
            seen.update(await (await connection.execute(asked)).fetchall())
        server = connection.info.backend_pid
        await connection.rollback()
    assert seen == {(True, server)}
