import asyncio
from itertools import count

import pytest
from fakes import until
from fakes_spool import MemorySpool
from postgresql_server import Server
from servers.process import free_port
from small_plant import POWER, batch, fetch, outcomes, prepare, reading, running, stored, writer
from structlog.testing import capture_logs

from ems_telemetry.observe import Metrics
from ems_telemetry.storage.database import Database


async def test_a_database_killed_again_and_again_loses_and_doubles_nothing(killable_database: Server) -> None:
    spool, metrics = MemorySpool(), Metrics()
    enough = asyncio.Event()
    async with Database(killable_database.dsn) as database, running(writer(database, spool, metrics)) as one:
        sending = asyncio.create_task(send(spool, enough))
        for _ in range(3):
            before = one.state.last_commit_at
            await until(lambda before=before: one.state.last_commit_at != before)  # type: ignore[misc]  # mypy knows no such lambda
            await asyncio.to_thread(killable_database.kill)
            await until(lambda: not one.state.connected)
            await asyncio.to_thread(killable_database.start)
        enough.set()
        sent = await sending
        await spool.wait_until_empty()
        rows = await fetch(database, "SELECT count(*), count(DISTINCT time), sum(value) FROM readings")
    assert rows == [(sent, sent, sum(range(sent)))]
    # A commit whose answer the kill cut off is found again as duplicates.
    assert outcomes(metrics)["inserted"] + outcomes(metrics).get("duplicate", 0) == sent


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


async def test_a_database_that_no_longer_answers_is_left_and_tried_again(
    timescaledb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = MemorySpool()
    async with Database(timescaledb_url) as database:
        await prepare(database)
        for room in ("writer", "bisecting"):
            monkeypatch.setattr(f"ems_telemetry.storage.{room}.TRANSACTION_TIMEOUT_S", 0.5)
        async with database.connection() as blocking, running(writer(database, spool)) as one:
            await until(lambda: one.state.connected)
            await blocking.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
            await spool.put(batch(reading()))
            await until(lambda: "did not answer within" in (one.state.last_error or ""))
            await blocking.rollback()
            await spool.wait_until_empty()
        assert len(await stored(database)) == 1


async def send(spool: MemorySpool, enough: asyncio.Event) -> int:
    """Puts in a batch of ten every now and then, so that the kills fall between and into transactions; tells how many."""
    for start in count(0, 10):
        await spool.put(batch(*(reading(POWER, second=k, value=float(k)) for k in range(start, start + 10))))
        if enough.is_set():
            return start + 10
        await asyncio.sleep(0.005)
    raise AssertionError
