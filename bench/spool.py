"""How fast the spool takes, opens and gives: beside a bare sqlite3 loop that inserts the same bytes as durably.

The bare loop commits one by one, as one connector that waits for its acknowledgement must, and beside it as many together as
there are connectors, which is the most that sharing a sync can give. The best round counts: other load makes the others slower.

Run with `python bench/spool.py`; the files lie in a temporary folder, which must be on a real disk to mean anything.
"""

import argparse
import asyncio
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ems_telemetry.config.service import WhenFull
from ems_telemetry.model import Batch, Reading
from ems_telemetry.spool.codec import encode
from ems_telemetry.spool.sqlite import FILE_NAME, SqliteSpool

PER_BATCH = 500
POINTS = 100
START = datetime(2026, 3, 2, tzinfo=UTC)
MAX_BYTES = 2**40
GOAL_APPEND = 200_000
"""Readings a second, by one connector or many."""
GOAL_OPEN_S = 2.0
ROW_BYTES = 32


def batches(count: int) -> list[Batch]:
    """Makes what a connector with a hundred points hands over."""
    return [
        Batch(
            "bench",
            tuple(
                Reading(f"M-{i % POINTS:04}.energy", at, float(number + i), None, None, 192, 0, 0, at)
                for i, at in ((i, START + timedelta(seconds=number * PER_BATCH + i)) for i in range(PER_BATCH))
            ),
        )
        for number in range(count)
    ]


async def append(folder: Path, given: Sequence[Batch], connectors: int) -> float:
    """Appends from so many tasks, each waiting for its batch to be on disk; gives readings a second."""
    spool = SqliteSpool(folder, max_size_bytes=MAX_BYTES, when_full=WhenFull.REFUSE)
    await spool.open()

    async def connector(own: Sequence[Batch]) -> None:
        for batch in own:
            await spool.append(batch)

    began_s = time.perf_counter()
    await asyncio.gather(*(connector(given[number::connectors]) for number in range(connectors)))
    took_s = time.perf_counter() - began_s
    await spool.close()
    return len(given) * PER_BATCH / took_s


def insert_bare(folder: Path, given: Sequence[bytes], together: int) -> float:
    """Inserts the same bytes with the same durability, so many in a transaction; gives readings a second."""
    connection = sqlite3.connect(folder / f"bare-{together}-{time.monotonic_ns()}.db", isolation_level=None)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 2000"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, items INTEGER, body BLOB)")
    began_s = time.perf_counter()
    for first in range(0, len(given), together):
        connection.execute("BEGIN IMMEDIATE")
        for body in given[first : first + together]:
            connection.execute("INSERT INTO bare (at, items, body) VALUES (?, ?, ?)", (0, PER_BATCH, body))
        connection.execute("COMMIT")
    took_s = time.perf_counter() - began_s
    connection.close()
    return len(given) * PER_BATCH / took_s


async def make_backlog(folder: Path, readings: int) -> None:
    """Makes a spool with a backlog: opened once, then filled beside it, by what `append` would have written."""
    spool = SqliteSpool(folder, max_size_bytes=MAX_BYTES, when_full=WhenFull.REFUSE)
    await spool.open()
    await spool.close()
    bodies = [encode(batch) for batch in batches(200)]
    count = readings // PER_BATCH
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    connection.execute("BEGIN")
    rows = ((0, PER_BATCH, len(bodies[n % 200]) + ROW_BYTES, bodies[n % 200]) for n in range(count))
    connection.executemany("INSERT INTO batches (appended_us, items, size, body) VALUES (?, ?, ?, ?)", rows)
    connection.execute("UPDATE totals SET (batches, size) = (SELECT count(*), sum(size) FROM batches)")
    connection.execute("COMMIT")
    connection.close()


async def open_and_read(folder: Path, readings: int, read: int) -> tuple[float, float]:
    """Opens a spool with a backlog, reads some of it and removes that; gives seconds to open, and readings a second."""
    spool = SqliteSpool(folder, max_size_bytes=MAX_BYTES, when_full=WhenFull.REFUSE)
    began_s = time.perf_counter()
    await spool.open()
    opened_s = time.perf_counter() - began_s
    assert spool.state().batches == readings // PER_BATCH
    done = 0
    began_s = time.perf_counter()
    while done < read:
        entries = await spool.read(5_000)
        await spool.remove([entry.sequence for entry in entries])
        done += sum(len(entry.batch) for entry in entries)
    took_s = time.perf_counter() - began_s
    await spool.close()
    return opened_s, done / took_s


def compare_appends(count: int, rounds: int) -> bool:
    """Prints the table of appends; True if each number of connectors reaches the goal in its best round."""
    given = batches(count)
    bodies = [encode(batch) for batch in given]
    best: dict[int, float] = {}
    print(
        f"{'connectors':>10} {'spool readings/s':>17} {'bare, one by one':>17} {'ratio':>6} {'bare, together':>15} {'ratio':>6}"
    )
    for _ in range(rounds):
        for connectors in (1, 4, 16):
            with tempfile.TemporaryDirectory() as name:
                rate = asyncio.run(append(Path(name), given, connectors))
                alone = insert_bare(Path(name), bodies, 1)
                together = insert_bare(Path(name), bodies, connectors)
            beside = f"{alone:>17,.0f} {rate / alone:>6.2f} {together:>15,.0f} {rate / together:>6.2f}"
            print(f"{connectors:>10} {rate:>17,.0f} {beside}", flush=True)
            best[connectors] = max(rate, best.get(connectors, 0.0))
    return min(best.values()) >= GOAL_APPEND


def compare_opening(readings: int, read: int) -> bool:
    """Prints how a spool with a backlog opens and is read; True if it opens in time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(make_backlog(folder, readings))
        size = (folder / FILE_NAME).stat().st_size
        opened_s, rate = asyncio.run(open_and_read(folder, readings, read))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'backlog':>12} {'file MB':>8} {'opened in s':>12} {'read readings/s':>16} {'peak MB':>8}")
    print(f"{readings:>12,} {size / 1e6:>8,.0f} {opened_s:>12.3f} {rate:>16,.0f} {peak_mb:>8,.0f}")
    return opened_s < GOAL_OPEN_S


def main() -> int:
    """Prints both tables; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--batches", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backlog", type=int, default=10_000_000)
    parser.add_argument("--read", type=int, default=500_000)
    options = parser.parse_args()
    reached = [compare_appends(options.batches, options.rounds), compare_opening(options.backlog, options.read)]
    print(f"goals: {GOAL_APPEND:,} readings/s appended: {reached[0]}; opened within {GOAL_OPEN_S:g} s: {reached[1]}")
    return int(not all(reached))


if __name__ == "__main__":
    sys.exit(main())
