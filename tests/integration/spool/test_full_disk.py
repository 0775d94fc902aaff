"""A disk that fills up under the spool: nothing more is acknowledged, and what is there still gets out."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolFullError
from ems_telemetry.model import Batch, Reading
from ems_telemetry.spool.sqlite import SqliteSpool

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DISK = "4M"


def test_a_full_disk_refuses_what_comes_and_lets_out_what_is_there(tmp_path: Path) -> None:
    # A small disk of its own, in a name space that ends with the process.
    alone = ["unshare", "--map-root-user", "--mount", sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - ourselves
    assert done.returncode == 0, done.stderr
    refused, read = map(int, done.stdout.split()[-2:])
    assert refused > 0
    assert read > 100


def batch(number: int) -> Batch:
    times = [NOW + timedelta(seconds=100 * number + i) for i in range(100)]
    return Batch("c", tuple(Reading("EM-01.power", time, 1.5, None, None, 192, 0, 0, time) for time in times))


async def fill_and_empty(folder: Path) -> None:
    spool = SqliteSpool(folder / "spool", max_size_bytes=2**40, when_full=WhenFull.REFUSE)
    await spool.open()
    stored, refused, read = 0, 0, 0
    while refused < 20:
        try:
            await spool.append(batch(stored))
            stored += 1
        except SpoolFullError:
            refused += 1
    while entries := await spool.read(1000):
        assert [entry.batch for entry in entries] == [batch(read + i) for i in range(len(entries))]
        read += len(entries)
        await spool.remove([entry.sequence for entry in entries])
    assert read == stored
    await spool.append(batch(0))
    await spool.close()
    print(refused, read)  # noqa: T201 - told to the test


if __name__ == "__main__":
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", sys.argv[1]], check=True)  # noqa: S603, S607 - see above
    asyncio.run(fill_and_empty(Path(sys.argv[1])))
