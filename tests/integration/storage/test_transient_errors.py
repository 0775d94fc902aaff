"""Errors that pass: the writer keeps everything, tries again, and blames no row for them. Each is made by a real server."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
from fakes import until
from fakes_spool import MemorySpool
from postgresql_server import _give_to_owner
from psycopg import sql
from servers.database import temporary_server
from small_plant import POWER, WATER, batch, fetch, outcomes, prepare, reading, running, stored, writer
from timescaledb import install

from ems_telemetry.observe import Metrics
from ems_telemetry.storage.database import Database

NO_LETTERS = "SELECT count(*) FROM dead_letters"
END_OURS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'ems-telemetry' AND datname = current_database()
"""
DISK = "32M"


async def test_a_session_that_an_administrator_ends_is_begun_anew(database_url: str) -> None:
    spool, metrics = MemorySpool(), Metrics()
    async with Database(database_url) as database, running(writer(database, spool, metrics)) as one:
        await until(lambda: one.state.connected)
        for number in range(3):
            before = one.state.last_error_at
            await asyncio.to_thread(execute, database_url, END_OURS)
            await spool.put(batch(reading(second=number)))
            await spool.wait_until_empty()
            assert one.state.last_error_at != before
        assert len(await stored(database)) == 3
        assert await fetch(database, NO_LETTERS) == [(0,)]
    assert outcomes(metrics) == {"inserted": 3}


async def test_the_loser_of_a_deadlock_tries_again(database_url: str) -> None:
    """Another session takes the newest values of two points in the other order, and waits for the writer's in turn."""
    spool, metrics = MemorySpool(), Metrics()
    async with Database(database_url) as database:
        target = await prepare(database)
        first, last = sorted((POWER, WATER), key=lambda key: target.point_ids[key])
        await spool.put(batch(reading(first), reading(last)))
        async with running(writer(database, spool, metrics)):
            await spool.wait_until_empty()
        await asyncio.to_thread(execute, database_url, f"ALTER DATABASE {name_of(database_url)} SET deadlock_timeout = '3s'")
    async with Database(database_url) as database, await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("SET deadlock_timeout = '60s'")  # it is the writer that finds out, and loses
        lock = "SELECT FROM latest_readings WHERE point_id = %s FOR UPDATE"
        await other.execute(lock, (target.point_ids[last],))
        async with running(writer(database, spool, metrics)) as one:
            await until(lambda: one.state.connected)
            await spool.put(batch(reading(first, second=1), reading(last, second=1)))
            await until_blocked(database_url)
            await other.execute(lock, (target.point_ids[first],))
            await until(lambda: "deadlock detected" in (one.state.last_error or ""))
            await other.rollback()
            await spool.wait_until_empty()
        assert (len(await stored(database, first)), len(await stored(database, last))) == (2, 2)
        assert await fetch(database, NO_LETTERS) == [(0,)]


async def test_a_database_that_became_read_only_is_waited_for(database_url: str) -> None:
    spool, metrics = MemorySpool(), Metrics()
    name = name_of(database_url)
    async with Database(database_url) as database:
        await prepare(database)
        await asyncio.to_thread(execute, database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with Database(database_url) as database:
        await spool.put(batch(reading()))
        async with running(writer(database, spool, metrics)) as one:
            await until(lambda: "read-only" in (one.state.last_error or ""))
            undo = f"SET default_transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only"
            await asyncio.to_thread(execute, database_url, undo)
            await asyncio.to_thread(execute, database_url, END_OURS)
            await spool.wait_until_empty()
        assert len(await stored(database)) == 1
        assert await fetch(database, NO_LETTERS) == [(0,)]


def test_a_full_disk_of_the_database_is_waited_for_and_no_row_is_blamed() -> None:
    # The tables lie on a small disk of their own, in a name space that ends with the process.
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    disk = tempfile.mkdtemp(prefix="ems-telemetry-disk-")  # not below pytest's own folder, which is closed to the server
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    alone = ["unshare", *as_root, "--mount", sys.executable, __file__, "mount", disk]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=280, check=False, env=environment)  # noqa: S603 - ourselves
    Path(disk).rmdir()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No space left on device" in done.stdout
    assert "SQLSTATE 53100" in done.stdout
    assert done.stdout.splitlines()[-1] == "stored 40000, dead letters 0"


def mount_and_go_on(disk: Path) -> None:
    """Mounts a small disk; PostgreSQL refuses to be root, also where root is only so called in here."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0777", "tmpfs", str(disk)], check=True)  # noqa: S603, S607
    is_root = Path("/proc/self/uid_map").read_text().split()[2] != "1"
    as_user = [] if is_root else ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    subprocess.run([*as_user, sys.executable, __file__, "fill", str(disk)], check=True)  # noqa: S603 - ourselves


async def fill_and_make_room(disk: Path) -> None:
    """Has readings written until the disk is full, makes room, and tells what came of it."""
    with temporary_server(install(), preload=()) as server:
        folder = disk / "tables"
        folder.mkdir()
        _give_to_owner(folder)
        execute(server.dsn, f"CREATE TABLESPACE small LOCATION '{folder}'; ALTER DATABASE ems SET default_tablespace = small")
        spool = MemorySpool()
        async with Database(server.dsn) as database:
            await prepare(database)
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 2**20))
            for start in range(0, 40_000, 1_000):
                await spool.put(batch(*(reading(POWER, second=start + k, value=1.0) for k in range(1_000))))
            async with running(writer(database, spool)) as one:
                await until(lambda: one.state.last_error is not None, 60)
                print(one.state.last_error)  # noqa: T201 - told to the test
                ballast.unlink()
                await spool.wait_until_empty(60)
            ((letters,),) = await fetch(database, NO_LETTERS)
            print(f"stored {len(await stored(database, POWER))}, dead letters {letters}")  # noqa: T201 - told to the test


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for one in statement.split("; "):
            connection.execute(one.encode())


def name_of(url: str) -> str:
    with psycopg.connect(url) as connection:
        return sql.Identifier(connection.info.dbname).as_string(connection)


async def until_blocked(url: str) -> None:
    """Returns when a session waits for a lock that another has."""
    async with asyncio.timeout(20), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while not (await (await connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")).fetchone() or (0,))[0]:
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1] == "mount":
        mount_and_go_on(Path(sys.argv[2]))
    else:
        asyncio.run(fill_and_make_room(Path(sys.argv[2])))
