import asyncio

import pytest
from fakes import until
from postgresql_server import Server
from psycopg import conninfo
from pydantic import SecretStr
from servers.process import free_port

from ems_telemetry.errors import ConnectionLostError, DatabaseNotReadyError, RejectedByDatabaseError
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate


async def test_open_and_close_may_be_repeated(database_url: str) -> None:
    database = Database(database_url)
    await database.close()
    for _ in range(2):
        await database.open()
        await database.open()
        async with database.connection() as connection:
            assert (await (await connection.execute("SHOW timezone")).fetchone()) == ("UTC",)
        await database.close()
        await database.close()
    with pytest.raises(ConnectionLostError, match="closed"):
        async with database.connection():
            pass


async def test_what_was_done_is_committed_at_the_end_and_undone_on_an_error(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE kept (id integer PRIMARY KEY)")
        await connection.execute("INSERT INTO kept VALUES (1)")
    with pytest.raises(RejectedByDatabaseError, match="already exists"):
        await execute(database, "INSERT INTO kept VALUES (2)", "INSERT INTO kept VALUES (1)")
    async with database.connection() as connection:
        assert await (await connection.execute("SELECT id FROM kept")).fetchall() == [(1,)]


async def test_the_password_may_be_given_apart(timescaledb_url: str) -> None:
    parts = conninfo.conninfo_to_dict(timescaledb_url)
    password = str(parts.pop("password"))
    url = f"postgresql://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"
    async with Database(url, SecretStr(password)) as database, database.connection() as connection:
        await connection.execute("SELECT 1")


async def test_a_refused_login_is_told_at_once_and_without_the_password(timescaledb_url: str) -> None:
    parts = conninfo.conninfo_to_dict(timescaledb_url)
    url = f"postgresql://{parts['user']}:swordfish@{parts['host']}:{parts['port']}/{parts['dbname']}"
    async with asyncio.timeout(5), Database(url) as database:
        with pytest.raises(ConnectionLostError, match="password authentication failed") as told:
            await database.check()
    assert "swordfish" not in str(told.value) + repr(database) + database.address


async def test_an_absent_server_is_told_at_once_to_everybody_who_asks() -> None:
    async with asyncio.timeout(5), Database(f"postgresql://ems@127.0.0.1:{free_port()}/ems", max_connections=2) as database:
        answers = await asyncio.gather(*(database.check() for _ in range(8)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {ConnectionLostError}
    assert all("Connection refused" in str(answer) for answer in answers)


async def test_a_server_that_came_back_serves_the_next_one_who_asks(killable_database: Server) -> None:
    async with Database(killable_database.dsn) as database:
        await asyncio.gather(*(sleep_in(database) for _ in range(5)))
        await asyncio.to_thread(killable_database.kill)
        with pytest.raises(ConnectionLostError):
            await sleep_in(database)
        await asyncio.to_thread(killable_database.start)
        await asyncio.gather(*(sleep_in(database) for _ in range(5)))


async def test_a_wait_for_a_connection_has_an_end(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Database(database_url, max_connections=1) as database:
        async with database.connection():
            with monkeypatch.context() as patch:
                patch.setattr("ems_telemetry.storage.database.CHECKOUT_TIMEOUT_S", 0.2)
                with pytest.raises(ConnectionLostError, match="no connection came free"):
                    await sleep_in(database)
        await sleep_in(database)


async def test_a_cancelled_wait_gives_its_connection_back(database_url: str) -> None:
    async with Database(database_url, max_connections=1) as database:
        async with database.connection():
            waiting = asyncio.create_task(sleep_in(database))
            await until(lambda: any(task.get_name() == "database-checkout" for task in asyncio.all_tasks()))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with asyncio.timeout(5):
            await sleep_in(database)


async def test_check_tells_what_is_missing(empty_database: Database) -> None:
    with pytest.raises(DatabaseNotReadyError, match="run `ems-telemetry migrate`"):
        await empty_database.check()
    await migrate(empty_database)
    await empty_database.check()


async def execute(database: Database, *statements: str) -> None:
    async with database.connection() as connection:
        for statement in statements:
            await connection.execute(statement.encode())


async def sleep_in(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("SELECT pg_sleep(0.05)")
