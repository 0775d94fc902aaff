"""A disk that takes its time to sync: nothing is acknowledged before, and what comes meanwhile shares the next sync."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unit.spool.test_sqlite import batch

from ems_telemetry.config.service import WhenFull
from ems_telemetry.spool.file import SpoolFile
from ems_telemetry.spool.sqlite import SqliteSpool


class HeldCommits:
    """Holds up each commit until it is let go, and counts them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.held = threading.Event()
        self._go = threading.Event()
        self.commits = 0
        transaction = SpoolFile.transaction

        @contextmanager
        def slowly(file: SpoolFile) -> Iterator[None]:
            with transaction(file):
                yield
                self.held.set()
                assert self._go.wait(60)
            self.commits += 1

        patch.setattr(SpoolFile, "transaction", slowly)

    def let_go(self) -> None:
        self._go.set()


async def test_nothing_is_acknowledged_before_it_is_synced_and_others_share_the_next_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteSpool(tmp_path, max_size_bytes=10**8, when_full=WhenFull.REFUSE)
    await spool.open()
    commits = HeldCommits(monkeypatch)
    first = asyncio.create_task(spool.append(batch(0)))
    assert await asyncio.to_thread(commits.held.wait, 60)
    others = [asyncio.create_task(spool.append(batch(number * 10))) for number in range(1, 30)]
    await asyncio.sleep(0.05)
    assert not first.done()
    assert not any(other.done() for other in others)
    assert spool.state().batches == 0, "its state is that of the last commit"
    commits.let_go()
    await asyncio.wait_for(asyncio.gather(first, *others), 60)
    assert commits.commits == 2
    assert [entry.batch for entry in await spool.read(10**6)] == [batch(number * 10) for number in range(30)]
    await spool.close()


async def test_a_caller_that_gives_up_on_a_slow_disk_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = SqliteSpool(tmp_path, max_size_bytes=10**8, when_full=WhenFull.REFUSE)
    await spool.open()
    commits = HeldCommits(monkeypatch)
    first = asyncio.create_task(spool.append(batch(0)))
    assert await asyncio.to_thread(commits.held.wait, 60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(spool.append(batch(10)), 0.01)
    commits.let_go()
    await asyncio.wait_for(first, 60)
    await asyncio.wait_for(spool.append(batch(20)), 60)
    starts = [entry.batch for entry in await spool.read(10**6)]
    assert starts in ([batch(0), batch(20)], [batch(0), batch(10), batch(20)])
    await spool.close()
