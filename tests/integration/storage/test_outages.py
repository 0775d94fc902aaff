import asyncio

from fakes import until
from fakes_spool import MemorySpool
from postgresql_server import Server
from servers.process import free_port
from small_plant import POWER, batch, fetch, outcomes, reading, running, stored, writer
from structlog.testing import capture_logs

from ems_telemetry.observe import Metrics
from ems_telemetry.storage.database import Database


async def test_a_database_killed_again_and_again_loses_and_doubles_nothing(killable_database: Server) -> None:
    spool, metrics = MemorySpool(), Metrics()
    async with Database(killable_database.dsn) as database, running(writer(database, spool, metrics)) as one:
        sending = asyncio.create_task(send(spool))
        for _ in range(3):
            before = one.state.last_commit_at
            await until(lambda before=before: one.state.last_commit_at != before)  # type: ignore[misc]  # mypy knows no such lambda
            await asyncio.to_thread(killable_database.kill)
            await until(lambda: not one.state.connected)
            await asyncio.to_thread(killable_database.start)
        await sending
        await spool.wait_until_empty()
        rows = await fetch(database, "SELECT count(*), count(DISTINCT time), sum(value) FROM readings")
    assert rows == [(SENT, SENT, sum(range(SENT)))]
    # What was committed just before a kill may have been told or not; what was told more than once is a duplicate.
    assert outcomes(metrics)["inserted"] <= SENT


async def test_a_database_that_comes_later_gets_what_was_spooled_before(killable_database: Server) -> None:
    await asyncio.to_thread(killable_database.stop)
    spool = MemorySpool(batch(reading()))
    async with Database(killable_database.dsn) as database, running(writer(database, spool)) as one:
        await until(lambda: one.state.last_error is not None)
        assert not one.state.connected
        assert one.state.oldest_at is not None
        await asyncio.to_thread(killable_database.start)
        await spool.wait_until_empty()
        assert len(await stored(database)) == 1
        assert one.state.oldest_at is None


async def test_stop_ends_a_writer_whose_database_is_away() -> None:
    spool = MemorySpool(batch(reading()))
    url = f"postgresql://ems@127.0.0.1:{free_port()}/ems"
    async with Database(url) as database, asyncio.timeout(10), running(writer(database, spool)) as one:
        await until(lambda: one.state.last_error is not None)
    assert spool.entries


async def test_a_database_that_stays_away_is_logged_once() -> None:
    spool = MemorySpool(batch(reading()))
    one_line = {"event_code": "writer_waiting"}
    with capture_logs() as lines:
        async with (
            Database(f"postgresql://ems@127.0.0.1:{free_port()}/ems") as database,
            running(writer(database, spool)) as one,
        ):
            await until(lambda: one._failures >= 4)
    assert len([line for line in lines if line.items() >= one_line.items()]) == 1


SENT = 4_000


async def send(spool: MemorySpool) -> None:
    """Puts in a batch of ten every now and then, so that the kills fall between and into transactions."""
    for start in range(0, SENT, 10):
        await spool.put(batch(*(reading(POWER, second=k, value=float(k)) for k in range(start, start + 10))))
        await asyncio.sleep(0.005)
