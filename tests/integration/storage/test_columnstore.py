"""Compressed chunks and policies exist on the Community edition only; the writer must do the same with them as without."""

from datetime import timedelta
from decimal import Decimal

from fakes import HandClock
from small_plant import ENERGY, POWER, START, WATER, batch, fetch, make_maintenance, prepare, reading, stored, write

from ems_telemetry.config.service import RetentionSettings
from ems_telemetry.storage.capability import Capability
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.maintenance import Maintenance
from ems_telemetry.storage.raw_digests import compute_digest

POLICIES = """
    SELECT proc_name::text, coalesce(config ->> 'compress_after', config ->> 'drop_after')::interval
    FROM timescaledb_information.jobs WHERE hypertable_name = 'readings' ORDER BY 1
"""
DAY_S = 86_400.0


def maintenance(database: Database, keep_s: float | None, compress_after_s: float) -> Maintenance:
    settings = RetentionSettings.model_construct(readings=keep_s, compress_after=compress_after_s)
    return make_maintenance(database, settings, HandClock(START))


async def compress(database: Database, capability: Capability) -> None:
    if capability is Capability.COMMUNITY:
        async with database.connection() as connection:
            await connection.set_autocommit(True)
            for (chunk,) in await (await connection.execute("SELECT show_chunks('readings')::text")).fetchall():
                await connection.execute(f"CALL convert_to_columnstore('{chunk}')".encode())
            await connection.set_autocommit(False)
        assert await fetch(database, "SELECT bool_and(is_compressed) FROM timescaledb_information.chunks") == [(True,)]


async def test_late_readings_duplicates_and_conflicts_in_compressed_chunks(database: Database) -> None:
    capability = (await prepare(database)).capability
    before = [reading(key, second=2 * n, value=float(n)) for key in (POWER, WATER) for n in range(3_000)]
    await write(database, batch(*before))
    await compress(database, capability)
    late = [reading(POWER, second=2 * n + 1, value=float(n)) for n in range(3_000)]
    other = [reading(WATER, second=2 * n, value=-1.0) for n in range(10)]
    counted = await write(database, batch(*before[:100], *late, *other))
    assert counted == {"inserted": 3_000, "duplicate": 100, "conflict": 10}
    assert len(await stored(database, POWER)) == 6_000
    assert [value for _, value in await stored(database, WATER)] == [float(n) for n in range(3_000)]


async def test_a_poisoned_row_for_a_compressed_chunk_is_set_aside_alone(database: Database) -> None:
    capability = (await prepare(database)).capability
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE readings ADD CONSTRAINT poisoned CHECK (value <> 13)")
    await write(database, batch(*(reading(POWER, second=n, value=1.0) for n in range(1_000))))
    await compress(database, capability)
    late = [reading(POWER, second=n + 0.5, value=float(n)) for n in range(50)]
    assert await write(database, batch(*late)) == {"inserted": 49, "rejected": 1}


async def test_compressed_readings_are_to_the_last_digit_what_they_were_and_go_with_their_chunk(database: Database) -> None:
    target = await prepare(database)
    numbers = [0.1, -0.0, 1e-300, 1e300, 2.0**53 + 2, None]
    plain = [reading(POWER, second=60 * n, value=number) for n, number in enumerate(numbers * 20)]
    exact = [reading(ENERGY, second=60 * n, value=float(2**60), exact=2**60 + Decimal("0.10") + n) for n in range(120)]
    refused = [reading(WATER, second=n, value=None, raw=-n / 3, flags=4, quality=0, source_status=n) for n in range(120)]
    await write(database, batch(*plain, *exact, *refused))

    async def digests() -> list[tuple[int, str]]:
        async with database.connection() as connection:
            end = START + timedelta(days=1)
            return [await compute_digest(connection, target.point_ids[key], START, end) for key in (POWER, ENERGY, WATER)]

    before = await digests()
    await compress(database, target.capability)
    assert await digests() == before
    await write(database, batch(reading(POWER, second=30, value=0.2)))
    assert [count for count, _ in await digests()] == [121, 120, 120]
    year = make_maintenance(database, RetentionSettings.model_construct(readings=DAY_S), HandClock(START + timedelta(days=365)))
    await year.do()
    assert await fetch(database, "SELECT count(*) FROM readings") == [(0,)]


async def test_policies_follow_the_settings(database: Database) -> None:
    community = (await prepare(database)).capability is Capability.COMMUNITY
    for keep_s, compress_after_s in (
        (None, 14 * DAY_S),
        (3650 * DAY_S, 14 * DAY_S),
        (365 * DAY_S, 7 * DAY_S),
        (None, 7 * DAY_S),
    ):
        await maintenance(database, keep_s, compress_after_s).do()
        assert await maintenance(database, keep_s, compress_after_s).do() == []
        if community:
            expected = [("policy_compression", timedelta(seconds=compress_after_s))]
            assert await fetch(database, POLICIES) == expected


async def test_a_policy_of_an_older_version_that_drops_whatever_is_old_is_removed(database: Database) -> None:
    if (await prepare(database)).capability is not Capability.COMMUNITY:
        return
    async with database.connection() as connection:
        await connection.execute("SELECT add_retention_policy('readings', drop_after => interval '1 year')")
    assert "removed policy_retention" in await maintenance(database, 365 * DAY_S, DAY_S).do()
    assert await fetch(database, POLICIES) == [("policy_compression", timedelta(days=1))]


async def test_a_database_that_began_without_a_columnstore_gets_one(database: Database) -> None:
    if (await prepare(database)).capability is not Capability.COMMUNITY:
        return
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE readings SET (timescaledb.enable_columnstore = false)")
    await maintenance(database, None, DAY_S).do()
    enabled = "SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = %s"
    assert await fetch(database, enabled, "readings") == [(True,)]


async def test_a_failing_job_is_told_also_if_it_never_succeeded(database: Database) -> None:
    if (await prepare(database)).capability is not Capability.COMMUNITY:
        return
    # The job must not run in earnest meanwhile, and end otherwise than is told here.
    await fetch(database, "SELECT _timescaledb_functions.stop_background_workers()")
    one = maintenance(database, 365 * DAY_S, DAY_S)
    await one.do()
    assert not one.state.problems
    async with database.connection() as connection:
        await connection.execute("""
            INSERT INTO _timescaledb_internal.bgw_job_stat AS old
            SELECT id, now(), now(), now(), '-infinity', false, 1, interval '1 s', interval '1 s', 0, 3, 0, 3, 0, 0
            FROM _timescaledb_config.bgw_job WHERE proc_name = 'policy_compression'
            ON CONFLICT (job_id) DO UPDATE SET last_run_success = false, last_finish = now(), total_failures = 3
        """)
    await one.do()
    assert "(policy_compression) failed 3 times and last succeeded never" in " ".join(one.state.problems)
