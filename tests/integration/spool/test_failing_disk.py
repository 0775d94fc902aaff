"""A disk that is read-only, or begins to refuse writes under an open spool: nothing is acknowledged until it is back."""

import asyncio
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.model import Batch, Reading, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.spool.sqlite import FILE_NAME, SqliteSpool

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REFUSED = 5


def test_a_disk_that_refuses_writes_is_told_and_each_refusal_becomes_a_gap_when_it_is_back(tmp_path: Path) -> None:
    # A small disk of its own, in a name space that ends with the process.
    alone = ["unshare", "--map-root-user", "--mount", sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - ourselves
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "all accounted for"


def batch(number: int) -> Batch:
    time = NOON + timedelta(seconds=number)
    return Batch("c", (Reading("EM-01.power", time, 1.5, None, None, 192, 0, 0, time),))


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)  # noqa: S603, S607 - in our name space


def refuse_growth(folder: Path) -> None:
    """Makes the kernel refuse each write behind the end of the log, with an error that is not "disk full"."""
    size = (folder / f"{FILE_NAME}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def refuse_nothing() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


async def find_it_read_only(disk: Path) -> None:
    """A spool that cannot be written is told when it is opened, and works as soon as it can be."""
    spool = SqliteSpool(disk / "spool", max_size_bytes=2**30, when_full=WhenFull.REFUSE)
    await spool.open()
    await spool.append(batch(0))
    await spool.close()
    remount(disk, "ro")
    try:
        await spool.open()
    except SpoolDamagedError as error:
        assert "cannot be opened" in str(error), error  # noqa: PT017
    else:
        raise AssertionError("it opened what it cannot write")
    remount(disk, "rw")


async def lose_it_and_get_it_back(disk: Path) -> None:
    spool = SqliteSpool(disk / "spool", max_size_bytes=2**30, when_full=WhenFull.REFUSE)
    await spool.open()
    report = ConnectorReport("c", "modbus", "", clock=SystemClock(), metrics=Metrics())
    polled = Pipeline(Normalizer("c", []), spool, report, SystemClock())
    await spool.append(batch(1))
    refuse_growth(disk / "spool")
    for number in range(REFUSED):
        assert not await polled.offer([Sample("EM-01.power", NOON + timedelta(seconds=number), 1.0, NOON)])
    try:
        await spool.append(batch(2))
    except SpoolDamagedError as error:
        assert "disk I/O error" in str(error), error  # noqa: PT017
    else:
        raise AssertionError("it acknowledged what it cannot have written")
    assert [entry.batch for entry in await spool.read(1000)] == [batch(0), batch(1)]
    waiting = asyncio.create_task(polled.deliver([Sample("EM-01.power", NOON, 2.0, NOON)]))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    refuse_nothing()
    await asyncio.wait_for(waiting, 60)
    entries = await spool.read(1000)
    assert [entry.batch for entry in entries[:2]] == [batch(0), batch(1)]
    gaps = [gap for entry in entries for gap in entry.batch.gaps]
    assert sum(gap.refused for gap in gaps) == REFUSED, gaps
    assert {gap.cause for gap in gaps} == {"spool_full"}
    assert spool.state().damaged == 0
    await spool.close()
    print("all accounted for")  # noqa: T201 - told to the test


if __name__ == "__main__":
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", sys.argv[1]], check=True)  # noqa: S603, S607 - see above
    asyncio.run(find_it_read_only(Path(sys.argv[1])))
    asyncio.run(lose_it_and_get_it_back(Path(sys.argv[1])))
