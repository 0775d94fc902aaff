import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from uuid import UUID

import pytest

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolDamagedError, SpoolFullError
from ems_telemetry.model import Batch, Declaration, Gap, Reading, Receipt
from ems_telemetry.spool.lost import Lost
from ems_telemetry.spool.port import Entry
from ems_telemetry.spool.sqlite import FILE_NAME, SqliteSpool

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
OpenSpool = Callable[..., AbstractAsyncContextManager[SqliteSpool]]


def batch(start: int = 0, count: int = 10, connector: str = "c") -> Batch:
    times = [NOW + timedelta(seconds=start + i) for i in range(count)]
    return Batch(connector, tuple(Reading("EM-01.power", time, 1.5, None, None, 192, 0, 0, time) for time in times))


async def fill(spool: SqliteSpool) -> None:
    for start in range(0, 1000, 10):
        await spool.append(batch(start))


@pytest.fixture
def open_spool(tmp_path: Path) -> OpenSpool:
    @asynccontextmanager
    async def opening(max_size_bytes: int = 10**8, when_full: WhenFull = WhenFull.REFUSE) -> AsyncIterator[SqliteSpool]:
        spool = SqliteSpool(tmp_path, max_size_bytes=max_size_bytes, when_full=when_full)
        await spool.open()
        try:
            yield spool
        finally:
            await spool.close()

    return opening


async def test_entries_come_in_order_and_stay_until_removed(open_spool: OpenSpool) -> None:
    async with open_spool() as spool:
        for start in (0, 10, 20):
            await spool.append(batch(start))
        first = await spool.read(15)
        assert [entry.batch for entry in first] == [batch(0), batch(10)]
        assert await spool.read(15) == first
        await spool.remove([entry.sequence for entry in first])
        assert [entry.batch for entry in await spool.read(15)] == [batch(20)]


async def test_what_was_appended_is_there_after_opening_again(open_spool: OpenSpool) -> None:
    async with open_spool() as spool:
        await spool.append(batch())
    async with open_spool() as spool:
        assert spool.state().batches == 1
        assert [entry.batch for entry in await spool.read(100)] == [batch()]


async def test_a_sequence_is_never_used_twice(open_spool: OpenSpool) -> None:
    async with open_spool() as spool:
        await spool.append(batch())
        (first,) = await spool.read(100)
        await spool.remove([first.sequence])
    async with open_spool() as spool:
        await spool.append(batch())
        (second,) = await spool.read(100)
    assert second.sequence > first.sequence


async def test_removing_twice_does_no_harm(open_spool: OpenSpool) -> None:
    async with open_spool() as spool:
        await spool.append(batch())
        (entry,) = await spool.read(100)
        await spool.remove([entry.sequence])
        await spool.remove([entry.sequence])
        assert spool.state().batches == 0
        assert spool.state().size_bytes == 0
        assert spool.state().oldest_at is None


async def test_a_full_spool_refuses_and_stores_nothing(open_spool: OpenSpool) -> None:
    async with open_spool(max_size_bytes=2000) as spool:
        with pytest.raises(SpoolFullError, match="2000 bytes"):
            await fill(spool)
        before = await spool.read(10**6)
        with pytest.raises(SpoolFullError):
            await spool.append(batch(5000))
        assert await spool.read(10**6) == before
        assert 1000 < spool.state().size_bytes <= 2000


async def test_a_full_spool_has_room_again_after_removal(open_spool: OpenSpool) -> None:
    async with open_spool(max_size_bytes=2000) as spool:
        with pytest.raises(SpoolFullError):
            await fill(spool)
        waiting = asyncio.create_task(spool.wait_for_room())
        await asyncio.sleep(0)
        (oldest, *_) = await spool.read(1)
        await spool.remove([oldest.sequence])
        await asyncio.wait_for(waiting, 0.9)
        await spool.append(batch(1000))


async def test_one_refused_append_does_not_refuse_those_that_came_with_it(open_spool: OpenSpool) -> None:
    async with open_spool(max_size_bytes=4000) as spool:
        results = await asyncio.gather(
            spool.append(batch(0)), spool.append(batch(100, count=500)), spool.append(batch(10)), return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None), SpoolFullError, type(None)]
        assert [entry.batch for entry in await spool.read(10**6)] == [batch(0), batch(10)]


async def test_dropping_the_oldest_leaves_a_gap_that_counts_what_was_lost(open_spool: OpenSpool) -> None:
    async with open_spool(max_size_bytes=5000, when_full=WhenFull.DROP_OLDEST) as spool:
        await fill(spool)
        entries = await spool.read(10**6)
    kept = sum(len(entry.batch.readings) for entry in entries)
    lost = sum(gap.refused for entry in entries for gap in entry.batch.gaps)
    assert kept + lost == 1000
    assert min(gap.start for entry in entries for gap in entry.batch.gaps) == NOW
    assert entries[-1].batch.readings[-1].time == NOW + timedelta(seconds=999)


async def test_a_damaged_entry_is_set_aside_and_the_others_are_read(open_spool: OpenSpool, tmp_path: Path) -> None:
    async with open_spool() as spool:
        for start in (0, 10, 20):
            await spool.append(batch(start))
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("UPDATE batches SET body = substr(body, 1, 40) WHERE sequence = 2")
    file.close()
    async with open_spool() as spool:
        assert [entry.batch for entry in await spool.read(10**6)] == [batch(0), batch(20)]
        assert spool.state().damaged == 1
        assert spool.state().batches == 2
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        assert file.execute("SELECT count(*) FROM damaged WHERE reason LIKE '%checksum%'").fetchone() == (1,)
    file.close()


async def test_a_file_that_is_no_spool_is_renamed_and_a_new_one_begun(open_spool: OpenSpool, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 1000)
    async with open_spool() as spool:
        await spool.append(batch())
    (aside,) = tmp_path.glob("spool.db.damaged-*")
    assert aside.read_bytes().startswith(b"not a database")


async def test_a_file_of_a_newer_version_is_left_alone(open_spool: OpenSpool, tmp_path: Path) -> None:
    async with open_spool() as spool:
        await spool.append(batch())
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(SpoolDamagedError, match="format 99"):
        async with open_spool():
            pass


async def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = SqliteSpool(tmp_path / "file" / "spool", max_size_bytes=1000, when_full=WhenFull.REFUSE)
    with pytest.raises(SpoolDamagedError, match=r"set spool\.directory"):
        await spool.open()
    await spool.close()


async def test_a_receipt_is_known_until_its_packet_id_is_taken_by_another_message(open_spool: OpenSpool) -> None:
    receipt = Receipt("broker", 7, b"digest")
    async with open_spool() as spool:
        assert not await spool.is_durable(receipt)
        await spool.append(batch(), [receipt])
        assert await spool.is_durable(receipt)
        (entry,) = await spool.read(100)
        await spool.remove([entry.sequence])
    async with open_spool() as spool:
        assert await spool.is_durable(receipt)
        assert not await spool.is_durable(receipt._replace(digest=b"other"))
        await spool.append(batch(), [receipt._replace(digest=b"other")])
        assert not await spool.is_durable(receipt)


async def test_waiting_for_entries_ends_when_one_comes(open_spool: OpenSpool) -> None:
    async with open_spool() as spool:
        waiting = asyncio.create_task(spool.wait_for_entries())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await spool.append(batch())
        await asyncio.wait_for(waiting, 1)


async def test_another_process_may_append_and_the_reader_notices(open_spool: OpenSpool) -> None:
    async with open_spool() as reading, open_spool() as appending:
        waiting = asyncio.create_task(reading.wait_for_entries())
        await appending.append(batch())
        await asyncio.wait_for(waiting, 5)
        assert [entry.batch for entry in await reading.read(100)] == [batch()]
        assert reading.state().batches == 1


async def test_many_appends_at_once_all_become_durable(open_spool: OpenSpool) -> None:
    async with open_spool() as spool:
        await asyncio.gather(*(spool.append(batch(start * 10)) for start in range(200)))
        entries = await spool.read(10**6)
        assert sorted(entry.batch.readings[0].time for entry in entries) == [batch(i * 10).readings[0].time for i in range(200)]


async def test_closing_finishes_what_was_asked_for_and_a_closed_spool_says_so(open_spool: OpenSpool) -> None:
    async with open_spool() as spool:
        pending = [asyncio.create_task(spool.append(batch(i * 10))) for i in range(20)]
        await asyncio.sleep(0)
        await spool.close()
        await asyncio.gather(*pending)
    with pytest.raises(SpoolDamagedError, match="not open"):
        await spool.append(batch())
    await spool.close()


async def test_what_can_be_read_of_a_damaged_file_goes_on_and_the_rest_is_named(open_spool: OpenSpool, tmp_path: Path) -> None:
    many = 300
    receipt = Receipt("broker", 7, b"digest")
    async with open_spool() as spool:
        for start in range(many):
            await spool.append(batch(start * 10), [receipt] if start == 5 else ())
    path = tmp_path / FILE_NAME
    data = bytearray(path.read_bytes())
    page = 4096
    for number in (len(data) // page // 2, len(data) // page // 2 + 1):
        data[number * page : (number + 1) * page] = b"\xff" * page
    path.write_bytes(data)
    async with open_spool() as spool:
        entries = await read_all(spool)
        state = spool.state()
        assert await spool.is_durable(receipt)
    starts = [entry.batch.readings[0].time for entry in entries]
    assert starts == sorted(starts)
    assert many // 2 < len(entries) < many
    assert state.damaged > 0
    assert state.batches == len(entries)
    [aside] = [path for path in tmp_path.glob("spool.db.damaged-*") if not path.name.endswith(("-wal", "-shm"))]
    assert aside.stat().st_size == len(data)


async def read_all(spool: SqliteSpool) -> list[Entry]:
    """Reads to the end, again after a damage that is met only while reading."""
    while True:
        try:
            return list(await spool.read(10**9))
        except SpoolDamagedError:
            continue


async def test_a_large_backlog_is_counted_at_once_when_the_spool_is_opened(open_spool: OpenSpool, tmp_path: Path) -> None:
    async with open_spool() as spool:
        await spool.append(batch())
        size_bytes = spool.state().size_bytes
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("UPDATE totals SET batches = 12345")
    file.close()
    async with open_spool() as spool:
        assert (spool.state().batches, spool.state().size_bytes) == (12345, size_bytes)


async def test_a_spool_of_the_version_before_is_counted_once(open_spool: OpenSpool, tmp_path: Path) -> None:
    async with open_spool() as spool:
        for start in (0, 10):
            await spool.append(batch(start))
        state = spool.state()
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("DROP TABLE totals")
        file.execute("PRAGMA user_version = 1")
    file.close()
    async with open_spool() as spool:
        assert spool.state() == replace(state, appended_bytes=0)


async def test_what_points_mean_outlives_the_readings_that_had_to_go(open_spool: OpenSpool) -> None:
    declared = Declaration("A.p", "A", "A", "S", None, None, "P", "voltage", "V", "gauge", "x", "V", None)
    first = replace(batch(), declarations=[declared])
    async with open_spool(max_size_bytes=20_000, when_full=WhenFull.DROP_OLDEST) as spool:
        await spool.append(first)
        await spool.append(Batch("line-3", declarations=[declared._replace(key="A.q")]))
        for start in range(1, 100):
            await spool.append(batch(start * 10))
        kept = [entry.batch for entry in await spool.read(10**6)]
    assert first not in kept
    assert {one.key for each in kept for one in each.declarations} == {"A.p", "A.q"}


async def test_what_is_known_of_silences_outlives_the_readings_that_had_to_go(open_spool: OpenSpool) -> None:
    silence = Gap(UUID(int=1), "c", "A.p", NOW, NOW + timedelta(minutes=5), "link_down", 0, is_open=True, expected=30)
    ended = silence._replace(end=NOW + timedelta(minutes=7), is_open=False)
    async with open_spool(max_size_bytes=20_000, when_full=WhenFull.DROP_OLDEST) as spool:
        await spool.append(Batch("c", gaps=[silence]))
        await spool.append(Batch("c", gaps=[ended]))
        for start in range(100):
            await spool.append(batch(start * 10))
        entries = await spool.read(10**6)
    gaps = [gap for entry in entries for gap in entry.batch.gaps]
    told = [gap for gap in gaps if gap.cause == "link_down"]
    assert ended in told  # what has ended is opened by no older word of it, wherever that stands
    assert set(told) <= {silence, ended}
    assert sum(len(entry.batch.readings) for entry in entries) + sum(gap.refused for gap in gaps) == 1000


def test_of_a_silence_that_had_to_go_twice_the_last_word_is_kept_in_whatever_order_it_comes() -> None:
    """The account of what had to go stands behind what was spooled before it."""
    silence = Gap(UUID(int=1), "c", "A.p", NOW, NOW + timedelta(minutes=5), "link_down", 0, is_open=True, expected=30)
    longer = silence._replace(end=NOW + timedelta(minutes=6))
    ended = silence._replace(end=NOW + timedelta(minutes=6), is_open=False)
    for words in permutations((silence, longer, ended)):
        lost = Lost("c")
        for word in words:
            lost.add(Batch("c", gaps=[word]))
        assert list(lost.account().gaps) == [ended]
