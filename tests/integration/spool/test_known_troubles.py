"""Troubles that users of other collectors had with their buffers, each named after the thread that tells it."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from fakes import HandClock
from unit.service.silent_plant import watched_point
from unit.spool.test_sqlite import NOW, OpenSpool, batch, open_spool

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolFullError
from ems_telemetry.model import Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.spool.file import SpoolFile
from ems_telemetry.spool.sqlite import FILE_NAME, SqliteSpool

__all__ = ["open_spool"]
POINT: ConfiguredPoint = watched_point("p", 10)


def starts(entries: object) -> list[int]:
    assert isinstance(entries, list)
    return [int((entry.batch.readings[0].time - NOW).total_seconds()) for entry in entries]


# https://github.com/influxdata/telegraf/issues/5536 https://github.com/influxdata/telegraf/issues/802
async def test_telegraf_5536_what_a_full_buffer_refuses_is_counted_and_becomes_a_gap(open_spool: OpenSpool) -> None:
    """There, a full buffer in memory overwrote what it held, for years, and no metric told."""
    clock, metrics = HandClock(), Metrics()
    async with open_spool(max_size_bytes=10_000) as spool:
        report = ConnectorReport("c", "test", "test://", clock=clock, metrics=metrics)
        pipeline = Pipeline(Normalizer("c", [POINT]), spool, report, clock)
        taken = refused = 0
        while refused < 10:
            clock.turn(1)
            ok = await pipeline.offer([Sample("EM-01.p", clock.now(), 1.0, clock.now())])
            taken, refused = taken + ok, refused + (not ok)
        entries = await spool.read(10**6)
        assert len(entries) == taken
        await spool.remove([entry.sequence for entry in entries])
        clock.turn(1)
        assert await pipeline.offer([Sample("EM-01.p", clock.now(), 1.0, clock.now())])
        (entry,) = await spool.read(10**6)
    assert [(gap.cause, gap.refused, (gap.end - gap.start).total_seconds()) for gap in entry.batch.gaps] == [
        ("spool_full", 10, 9.0)
    ]
    counted = metrics.registry.get_sample_value("ems_telemetry_samples_total", {"connector": "c", "outcome": "refused"})
    assert counted == 10


# https://github.com/influxdata/telegraf/issues/5536
async def test_telegraf_5536_where_the_oldest_is_to_go_it_goes_with_a_count(open_spool: OpenSpool) -> None:
    async with open_spool(max_size_bytes=20_000, when_full=WhenFull.DROP_OLDEST) as spool:
        for start in range(0, 2_000, 10):
            await spool.append(batch(start))
        entries = await spool.read(10**6)
    kept = sum(len(entry.batch.readings) for entry in entries)
    lost = sum(gap.refused for entry in entries for gap in entry.batch.gaps)
    assert (kept + lost, 0 < kept < 2_000) == (2_000, True)


# https://github.com/influxdata/telegraf/issues/16500 https://github.com/influxdata/telegraf/issues/16314
async def test_telegraf_16500_after_a_start_only_what_was_not_sent_is_sent(open_spool: OpenSpool, tmp_path: Path) -> None:
    """There, each start sent all of the log again. The copy stands for a process that was killed."""
    async with open_spool() as spool:
        for start in range(0, 100, 10):
            await spool.append(batch(start))
        first = await spool.read(60)
        await spool.remove([entry.sequence for entry in first])
        await spool.append(batch(100))  # a removal is durable by the next append
        shutil.copytree(tmp_path, tmp_path / "killed", ignore=shutil.ignore_patterns("killed"))
    again = SqliteSpool(tmp_path / "killed", max_size_bytes=10**8, when_full=WhenFull.REFUSE)
    await again.open()
    assert starts(await again.read(10**6)) == [60, 70, 80, 90, 100]
    await again.close()


# https://github.com/influxdata/telegraf/issues/18528
async def test_telegraf_18528_a_damaged_entry_stops_neither_the_start_nor_the_others(
    open_spool: OpenSpool, tmp_path: Path
) -> None:
    """There, the process panicked with "log corrupt" and could not be started again."""
    async with open_spool() as spool:
        for start in range(0, 50, 10):
            await spool.append(batch(start))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file, file:
        file.execute("UPDATE batches SET body = substr(body, 1, length(body) - 1) WHERE sequence = 3")
    async with open_spool() as spool:
        assert starts(await spool.read(10**6)) == [0, 10, 30, 40]
        assert spool.state().damaged == 1
        await spool.append(batch(50))


@contextmanager
def counted_commits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Counts the transactions of the spool's file, each of which is one fsync."""
    seen: list[int] = []
    transaction = SpoolFile.transaction

    @contextmanager
    def counting(file: SpoolFile) -> Iterator[None]:
        with transaction(file):
            yield
        seen.append(1)

    monkeypatch.setattr(SpoolFile, "transaction", counting)
    yield seen


# https://github.com/thingsboard/thingsboard-gateway/issues/899 https://github.com/thingsboard/thingsboard-gateway/issues/2155
async def test_thingsboard_gateway_899_all_of_many_messages_are_kept_and_share_their_commits(
    open_spool: OpenSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, of ten messages a second two in five arrived, since each had a transaction of its own."""
    with counted_commits(monkeypatch) as commits:
        async with open_spool() as spool:
            await asyncio.gather(*(spool.append(batch(start, count=1)) for start in range(1_000)))
            assert len(commits) < 500
            assert sorted(starts(await spool.read(10**6))) == list(range(1_000))


# https://github.com/thingsboard/thingsboard-gateway/issues/2122
async def test_thingsboard_gateway_2122_what_a_meter_said_is_on_disk_however_well_the_database_is(
    open_spool: OpenSpool, tmp_path: Path
) -> None:
    """There, memory was asked for while all is well. A polled meter does not say it again, so that it is on disk first."""
    async with open_spool() as spool:
        for number in range(1, 6):
            await spool.append(batch(10 * number))
            with closing(sqlite3.connect(f"{(tmp_path / FILE_NAME).as_uri()}?mode=ro", uri=True)) as other:
                assert other.execute("SELECT count(*) FROM batches").fetchone() == (number,)
                assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# https://github.com/VOLTTRON/volttron/issues/2651
async def test_volttron_2651_a_start_does_not_read_the_backlog_to_count_it(open_spool: OpenSpool, tmp_path: Path) -> None:
    """There, a large backlog took minutes at each start. Here its size is a row, which is believed."""
    async with open_spool() as spool:
        await spool.append(batch())
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file, file:
        file.execute("UPDATE totals SET batches = 1000000, size = 1000000")
    async with open_spool() as spool:
        assert (spool.state().batches, spool.state().size_bytes) == (1_000_000, 1_000_000)


# https://github.com/eclipse-kura/kura/issues/2169
async def test_kura_2169_a_power_cut_at_any_byte_leaves_all_that_was_durable_before(tmp_path: Path) -> None:
    """There, the store was corrupt after a power cut. Here the last write is torn at each of many places."""
    whole = tmp_path / "whole"
    spool = SqliteSpool(whole, max_size_bytes=10**8, when_full=WhenFull.REFUSE)
    await spool.open()
    log = whole / f"{FILE_NAME}-wal"
    for start in range(0, 50, 10):
        await spool.append(batch(start))
    durable = log.stat().st_size
    await spool.append(batch(50))
    written = log.read_bytes()
    assert len(written) > durable
    for number, length in enumerate(range(durable, len(written), max(1, (len(written) - durable) // 20))):
        torn = tmp_path / f"torn-{number}"
        torn.mkdir()
        shutil.copy(whole / FILE_NAME, torn)
        (torn / log.name).write_bytes(written[:length] + bytes(len(written) - length))
        again = SqliteSpool(torn, max_size_bytes=10**8, when_full=WhenFull.REFUSE)
        await again.open()
        assert starts(await again.read(10**6)) in ([0, 10, 20, 30, 40], [0, 10, 20, 30, 40, 50])
        assert again.state().damaged == 0
        await again.append(batch(60))
        await again.close()
    await spool.close()


# https://github.com/eclipse-kura/kura/issues/2008
async def test_kura_2008_a_buffer_that_is_emptied_never_runs_out_of_capacity(open_spool: OpenSpool) -> None:
    """There, "store capacity exceeded" came although the link was up. Here ten times the capacity goes through."""
    passed = 0
    async with open_spool(max_size_bytes=10_000) as spool:
        while passed < 10 * 10_000:
            try:
                await spool.append(batch(passed))
                passed += 400
            except SpoolFullError:
                entries = await spool.read(10**6)
                await spool.remove([entry.sequence for entry in entries])
                assert spool.state().size_bytes == 0
