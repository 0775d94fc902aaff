"""A process that is killed in the middle of SQLite's writes: what it was told to be on disk is there, in order and once."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from recorded_disk import Change, every_change

from ems_telemetry.config.service import WhenFull
from ems_telemetry.model import Batch, Reading
from ems_telemetry.spool.sqlite import SqliteSpool

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BATCHES = 40


def batch(number: int) -> Batch:
    times = [NOON + timedelta(seconds=100 * number + second) for second in range(100)]
    return Batch("c", tuple(Reading("EM-01.power", time, 1.5, None, None, 192, 0, 0, time) for time in times))


@pytest.mark.parametrize("write", [3, 17, 41, 64, 99])
def test_what_was_acknowledged_is_there_after_a_kill_at_a_write(tmp_path: Path, write: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ourselves = [sys.executable, __file__, str(tmp_path), str(write)]
    done = subprocess.run(ourselves, env=environment, capture_output=True, timeout=100, check=False)  # noqa: S603 - ourselves
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = done.stdout.count(b"\n")
    found = asyncio.run(read(tmp_path))
    assert acknowledged <= len(found) <= acknowledged + 1
    assert found == [batch(number) for number in range(len(found))]


async def read(folder: Path) -> list[Batch]:
    spool = SqliteSpool(folder, max_size_bytes=10**9, when_full=WhenFull.REFUSE)
    await spool.open()
    try:
        assert spool.state().damaged == 0
        return [entry.batch for entry in await spool.read(10**9)]
    finally:
        await spool.close()


async def append_until_killed(folder: Path) -> None:
    spool = SqliteSpool(folder, max_size_bytes=10**9, when_full=WhenFull.REFUSE)
    await spool.open()
    for number in range(BATCHES):
        await spool.append(batch(number))
        os.write(1, b"acknowledged\n")


class _Killer:
    def __init__(self, write: int) -> None:
        self._left = write

    def __call__(self, change: Change) -> None:
        self._left -= change.what != "sync"
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with every_change(_Killer(int(sys.argv[2]))):
        asyncio.run(append_until_killed(Path(sys.argv[1])))
