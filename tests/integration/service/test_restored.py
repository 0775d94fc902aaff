"""A standby that is promoted, and a database restored from a backup: writing goes on, and what is missing is told."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import psycopg
from fakes import until
from reloadable import Reloadable
from servers.standby import both, catch_up, cut_off, program, promote, standby_of
from small_plant import fetch
from timescaledb import Server

LOST = "SELECT connector, point, cause, open, started_at, ended_at FROM gaps WHERE cause = 'database_restored' ORDER BY 1"
VALUES = "SELECT value FROM readings ORDER BY time"


async def measure(plant: Reloadable, *values: float) -> None:
    """Has values written, each in a transaction of its own."""
    for value in values:
        await plant.measure("WM-01.volume", value)
        await written(plant)


async def written(plant: Reloadable) -> None:
    await until(lambda: not plant.spool.state().batches, 40)


async def values(plant: Reloadable) -> Sequence[float]:
    return [value for (value,) in await fetch(plant.database, VALUES)]


async def test_a_standby_is_told_and_written_to_once_it_is_promoted(killable_database: Server, tmp_path: Path) -> None:
    first = Reloadable(tmp_path / "first", killable_database.dsn)
    async with first.running():
        await measure(first, 1.0)
    with standby_of(killable_database) as standby:
        plant = Reloadable(tmp_path / "second", standby.dsn)
        async with plant.running():
            await until(lambda: plant.storing.writer.state.last_error is not None)
            assert "is a read-only standby: promote it, or name the primary" in (plant.storing.writer.state.last_error or "")
            await plant.measure("WM-01.volume", 2.0)
            assert plant.spool.state().batches == 1
            await asyncio.to_thread(promote, standby)
            await written(plant)
            assert await values(plant) == [1.0, 2.0]
            assert await fetch(plant.database, LOST) == []


async def test_a_url_that_names_both_servers_follows_the_one_that_is_promoted(
    killable_database: Server, tmp_path: Path
) -> None:
    with standby_of(killable_database) as standby:
        plant = Reloadable(tmp_path / "plant", both(standby, killable_database))
        async with plant.running():
            await measure(plant, 1.0, 2.0)
            await asyncio.to_thread(catch_up, killable_database, standby)
            await asyncio.to_thread(killable_database.kill)
            await plant.measure("WM-01.volume", 3.0)
            await until(lambda: not plant.storing.writer.state.connected)
            await asyncio.to_thread(promote, standby)
            await written(plant)
            assert await values(plant) == [1.0, 2.0, 3.0]
            assert (await fetch(plant.database, LOST), plant.storing.missing) == ([], [])


async def test_what_a_promoted_standby_had_not_received_is_told_as_a_gap(killable_database: Server, tmp_path: Path) -> None:
    with standby_of(killable_database) as standby:
        plant = Reloadable(tmp_path / "plant", both(standby, killable_database))
        async with plant.running():
            await measure(plant, 1.0)
            await asyncio.to_thread(catch_up, killable_database, standby)
            await asyncio.to_thread(cut_off, standby)
            await measure(plant, 2.0, 3.0)
            ((received_to,),) = await fetch(plant.database, "SELECT max(received_at) FROM readings")
            await asyncio.to_thread(killable_database.kill)
            await asyncio.to_thread(promote, standby)
            await measure(plant, 4.0)
            assert await values(plant) == [1.0, 4.0]
            ((received_from,),) = await fetch(plant.database, "SELECT received_at FROM readings WHERE value = 1")
            assert await fetch(plant.database, LOST) == [("a", None, "database_restored", False, received_from, received_to)]


async def test_a_database_restored_from_yesterday_is_found_out_and_told_once(
    timescaledb_root: Path, plain_url: str, tmp_path: Path
) -> None:
    dump = str(tmp_path / "yesterday.dump")
    plant = Reloadable(tmp_path / "plant", plain_url)
    async with plant.running():
        await measure(plant, 1.0)
    program(timescaledb_root, "pg_dump", "--format=custom", f"--file={dump}", plain_url)
    plant = again(plant)
    async with plant.running():
        await measure(plant, 2.0, 3.0)
        ((received_to,),) = await fetch(plant.database, "SELECT max(received_at) FROM readings")
    with psycopg.connect(plain_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    program(timescaledb_root, "pg_restore", f"--dbname={plain_url}", dump)
    lost: list[tuple[object, ...]] = []
    for fresh in (4.0, 5.0):
        plant = again(plant)
        async with plant.running():
            await measure(plant, fresh)
            lost = await fetch(plant.database, LOST)
            assert len(plant.storing.missing) == (fresh == 4.0)
    assert [(connector, cause, ended_at) for connector, _, cause, _, _, ended_at in lost] == [
        ("a", "database_restored", received_to)
    ]


def again(plant: Reloadable) -> Reloadable:
    """The same folder, run anew."""
    return Reloadable(plant.folder, plant.url)
