import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo, sql
from small_plant import batch, fetch, reading, write

from ems_telemetry.errors import DatabaseNotReadyError, SchemaError
from ems_telemetry.shipped import shipped
from ems_telemetry.storage.capability import Capability, detect
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import Migration, SchemaState, migrate, read_migrations, schema_state
from ems_telemetry.storage.provision import PUBLIC_NAMES, READER

SHIPPED = read_migrations(shipped("migrations"))
FILES = [migration.file for migration in SHIPPED]


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    return empty_database_url


@pytest.fixture
def timescaledb_url(empty_timescaledb_url: str) -> str:
    return empty_timescaledb_url


@pytest.fixture
def plain_url(empty_plain_url: str) -> str:
    return empty_plain_url


async def capability_of(database: Database) -> Capability:
    async with database.connection() as connection:
        return await detect(connection)


async def test_all_files_are_applied_once(database: Database) -> None:
    assert await schema_state(database) == SchemaState(0, len(FILES), tuple(FILES))
    assert await migrate(database) == FILES
    assert await migrate(database) == []
    assert await schema_state(database) == SchemaState(len(FILES), len(FILES), ())


async def test_of_two_at_once_one_applies_and_the_other_finds_it_done(database_url: str) -> None:
    async with Database(database_url) as one, Database(database_url) as other:
        applied = await asyncio.gather(migrate(one), migrate(other))
    assert sorted(file for files in applied for file in files) == FILES


async def test_a_file_changed_after_it_ran_is_refused(database: Database) -> None:
    await migrate(database)
    changed = [Migration(SHIPPED[0].version, SHIPPED[0].name, SHIPPED[0].sql + "\n"), *SHIPPED[1:]]
    with pytest.raises(SchemaError, match=r"0001_core\.sql was changed after it was applied; put the file back"):
        await migrate(database, changed)
    with pytest.raises(SchemaError, match=r"0001_core\.sql was changed"):
        await schema_state(database, changed)


async def test_a_database_newer_than_the_code_is_refused(database: Database) -> None:
    newer = [*SHIPPED, Migration(len(SHIPPED) + 1, "from_next_year", "CREATE TABLE next_year (id integer)")]
    assert await migrate(database, newer) == [one.file for one in newer]
    with pytest.raises(SchemaError, match=r"from_next_year\.sql, which this version .* does not know; run the newer version"):
        await migrate(database)


async def test_a_file_that_fails_is_undone_whole_and_named(database: Database) -> None:
    broken = [*SHIPPED, Migration(len(SHIPPED) + 1, "broken", "CREATE TABLE half (id integer); SELECT 1 / 0;")]
    with pytest.raises(SchemaError, match=r"broken\.sql failed and was undone: division by zero"):
        await migrate(database, broken)
    assert await fetch(database, "SELECT to_regclass('half')") == [(None,)]
    assert await migrate(database) == []


async def test_readings_are_a_hypertable_on_timescaledb(timescaledb_url: str) -> None:
    async with Database(timescaledb_url) as database:
        await migrate(database)
        assert await capability_of(database) is Capability.APACHE
        dimensions = "SELECT hypertable_name, column_name, time_interval::text FROM timescaledb_information.dimensions"
        assert await fetch(database, f"{dimensions} ORDER BY 1") == [
            ("intervals", "start", "28 days"),
            ("readings", "time", "1 day"),
        ]
        await write(database, batch(reading(), reading(second=86_400)))
        hypertables = "SELECT hypertable_name::text, num_chunks FROM timescaledb_information.hypertables"
        assert ("readings", 2) in await fetch(database, hypertables)
        # No second index on time: the primary key serves.
        assert await fetch(database, "SELECT indexname FROM pg_indexes WHERE tablename = 'readings'") == [("readings_pkey",)]


async def test_readings_are_partitioned_on_plain_postgresql(plain_url: str) -> None:
    async with Database(plain_url) as database:
        await migrate(database)
        assert await capability_of(database) is Capability.PLAIN
        await write(database, batch(reading(), reading(second=7 * 86_400)))
        partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'readings'::regclass ORDER BY 1"
        assert await fetch(database, partitions) == [("readings_2026w10",), ("readings_2026w11",)]


async def test_a_plain_database_stays_plain_when_timescaledb_comes_later(timescaledb_url: str) -> None:
    async with Database(timescaledb_url) as database:
        async with database.connection() as connection:
            await connection.execute("CREATE TABLE readings (time timestamptz NOT NULL) PARTITION BY RANGE (time)")
            await connection.execute("CREATE EXTENSION timescaledb")
        assert await capability_of(database) is Capability.PLAIN


async def test_an_unprivileged_owner_may_migrate_and_write(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS small_owner")
        admin.execute("CREATE ROLE small_owner LOGIN PASSWORD 'small'")
        admin.execute(f"ALTER DATABASE {conninfo.conninfo_to_dict(database_url)['dbname']} OWNER TO small_owner".encode())
    try:
        async with Database(conninfo.make_conninfo(database_url, user="small_owner", password="small")) as database:
            assert await migrate(database) == FILES
            assert await write(database, batch(reading())) == {"inserted": 1}
    finally:
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("DROP OWNED BY small_owner CASCADE")
            admin.execute(f"ALTER DATABASE {conninfo.conninfo_to_dict(database_url)['dbname']} OWNER TO CURRENT_USER".encode())
            admin.execute("DROP ROLE small_owner")


async def test_a_login_that_may_not_create_the_extension_is_told_what_an_administrator_must_do(timescaledb_url: str) -> None:
    with psycopg.connect(timescaledb_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS guest")
        admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    try:
        async with Database(conninfo.make_conninfo(timescaledb_url, user="guest", password="guest")) as database:
            with pytest.raises(DatabaseNotReadyError, match="let an administrator run there: CREATE EXTENSION timescaledb"):
                await migrate(database)
    finally:
        with psycopg.connect(timescaledb_url, autocommit=True) as admin:
            admin.execute("DROP ROLE guest")


async def test_grafana_reads_the_public_names_and_nothing_else(database: Database) -> None:
    await migrate(database)
    await write(database, batch(reading()))
    async with database.connection() as connection:
        await connection.execute(f"SET LOCAL ROLE {READER}".encode())
        for name in (name for name in PUBLIC_NAMES if not name.startswith("intervals")):
            await connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
        assert await (await connection.execute("SELECT flag_names(5)")).fetchone() == (["bad_status", "out_of_range"],)
    with pytest.raises(DatabaseNotReadyError, match="permission denied for table api_keys"):
        await read_keys_as_grafana(database)


async def read_keys_as_grafana(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(f"SET LOCAL ROLE {READER}".encode())
        await connection.execute("SELECT * FROM api_keys")


def test_files_must_be_numbered_without_a_hole(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("")
    (tmp_path / "0003_three.sql").write_text("")
    with pytest.raises(SchemaError, match="without a hole"):
        read_migrations(tmp_path)
    (tmp_path / "late.sql").write_text("")
    with pytest.raises(SchemaError, match=r"late\.sql has no number"):
        read_migrations(tmp_path)
