"""A backlog drains into the database while the meters go on: how fast it goes, and how old what comes in now gets meanwhile.

Run with `python bench/backlog.py --dsn postgresql://…` on an empty database. One process does what the service does: it appends
live readings to the spool and writes from it. A reading's age is taken when the writer removes it, which is after its COMMIT.
"""

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import psutil
from writer import KEYS, prepare

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.service import WhenFull
from ems_telemetry.model import Batch, Reading
from ems_telemetry.observe import Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.spool.codec import encode
from ems_telemetry.spool.port import Entry
from ems_telemetry.spool.sqlite import FILE_NAME, SqliteSpool
from ems_telemetry.storage.ahead import Target
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.writer import Writer

PER_BATCH = 500
ROW_BYTES = 32
MAX_BYTES = 2**40
GOAL_TIMES = 3.0
"""The backlog shrinks so many times as fast as live readings come in."""
GOAL_AGE_S = 2.0
EVERY_S = 5.0
LIMIT_S = 540.0
"""Then it ends, drained or not."""


class WatchedSpool(SqliteSpool):
    """A spool that tells the age of live readings when they are removed, and how much of the backlog is left."""

    def __init__(self, folder: Path, last_of_backlog: int) -> None:
        super().__init__(folder, max_size_bytes=MAX_BYTES, when_full=WhenFull.REFUSE)
        self._last_of_backlog = last_of_backlog
        self._received: dict[int, datetime] = {}
        self.left = last_of_backlog
        self.ages_s: list[float] = []
        """Of live batches."""

    async def read(self, max_readings: int, *, first: int = 0, end: int | None = None) -> Sequence[Entry]:
        """Notes when each live batch was received."""
        entries = await super().read(max_readings, first=first, end=end)
        live = [entry for entry in entries if entry.sequence > self._last_of_backlog]
        self._received.update((entry.sequence, entry.batch.readings[0].received_at) for entry in live)
        return entries

    async def remove(self, sequences: Sequence[int]) -> None:
        """Tells how old they are now."""
        now = datetime.now(UTC)
        live = [sequence for sequence in sequences if sequence > self._last_of_backlog]
        self.ages_s += [(now - self._received.pop(sequence)).total_seconds() for sequence in live]
        self.left -= len(sequences) - len(live)
        await super().remove(sequences)


def batch(at: datetime, number: int) -> Batch:
    """Half of the points at one moment."""
    half = KEYS[number % 2 * PER_BATCH : (number % 2 + 1) * PER_BATCH]
    return Batch("bench", tuple(Reading(key, at, float(number), None, None, 192, 0, 0, at) for key in half))


async def make_backlog(folder: Path, readings: int) -> int:
    """Fills a spool with what an outage leaves: every point once a second, until now; gives the last sequence."""
    spool = SqliteSpool(folder, max_size_bytes=MAX_BYTES, when_full=WhenFull.REFUSE)
    await spool.open()
    await spool.close()
    count = readings // PER_BATCH
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=count // 2 + 1)
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    connection.execute("BEGIN")
    for number in range(count):
        at = began + timedelta(seconds=number // 2)
        body = encode(batch(at, number))
        row = (int(at.timestamp() * 1e6), PER_BATCH, len(body) + ROW_BYTES, body)
        connection.execute("INSERT INTO batches (appended_us, items, size, body) VALUES (?, ?, ?, ?)", row)
    connection.execute("UPDATE totals SET (batches, size) = (SELECT count(*), sum(size) FROM batches)")
    connection.execute("COMMIT")
    connection.close()
    return count


async def append_live(spool: SqliteSpool, rate: int, ended: asyncio.Event) -> None:
    """Appends so many readings a second, evenly, until it is told to end."""
    due_s, number = time.monotonic(), 0
    while not ended.is_set():
        await spool.append(batch(datetime.now(UTC), number))
        number += 1
        due_s += PER_BATCH / rate
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))


async def watch(spool: WatchedSpool, seconds: float) -> tuple[float, list[float]]:
    """Prints how it goes until the backlog is gone; gives readings a second drained, and all ages."""
    print(f"{'s':>5} {'backlog left':>13} {'drained/s':>10} {'age p50 s':>10} {'p99 s':>6} {'max s':>6}")
    began_s, at_first, ages = time.monotonic(), spool.left, [0.0]
    while spool.left and time.monotonic() - began_s < seconds:
        before, since_s = spool.left, time.monotonic()
        while spool.left and time.monotonic() - since_s < EVERY_S:  # noqa: ASYNC110 - a look from outside
            await asyncio.sleep(0.1)
        took_s, now_s = time.monotonic() - since_s, time.monotonic() - began_s
        now, spool.ages_s = spool.ages_s, []
        ages += now
        drained = (before - spool.left) * PER_BATCH / took_s
        print(f"{now_s:>5.0f} {spool.left * PER_BATCH:>13,} {drained:>10,.0f} {_ages(now)}", flush=True)
    return (at_first - spool.left) * PER_BATCH / (time.monotonic() - began_s), ages


def _ages(ages: Sequence[float]) -> str:
    if len(ages) < 2:  # noqa: PLR2004 - quantiles need two
        return f"{'-':>10} {'-':>6} {'-':>6}"
    cuts = quantiles(ages, n=100)
    return f"{cuts[49]:>10.2f} {cuts[98]:>6.2f} {max(ages):>6.2f}"


class Load(NamedTuple):
    """How many readings wait, how many come in a second, and how long to watch."""

    backlog: int
    live: int
    seconds: float


class Cost:
    """CPU time of this process and of the database: on a machine that others use, what they had of it is part of the result."""

    def __init__(self, backend: int) -> None:
        server = psutil.Process(backend).parent()
        assert server is not None
        self._server = server
        self._began_s, self._since_s = self._used_s(), time.monotonic()

    def cores(self) -> float:
        """Tells how many cores they had since."""
        return (self._used_s() - self._began_s) / (time.monotonic() - self._since_s)

    def _used_s(self) -> float:
        used_s = 0.0
        for process in (psutil.Process(), self._server, *self._server.children()):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used_s += times.user + times.system
        return used_s


async def drain(dsn: str, folder: Path, load: Load) -> bool:
    """Drains a backlog beside live readings; True if all goals are reached."""
    last = await make_backlog(folder, load.backlog)
    async with Database(dsn) as database:
        target = await prepare(database)

        async def known() -> Target:
            return target

        spool = WatchedSpool(folder, last)
        await spool.open()
        ended = asyncio.Event()
        writer = Writer(database, spool, known, clock=SystemClock(), metrics=Metrics(), backoff=Backoff())
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run(), name="writer")
            while not writer.state.connected:  # noqa: ASYNC110 - what comes in before that belongs to the backlog
                await asyncio.sleep(0.01)
            group.create_task(append_live(spool, load.live, ended), name="live")
            async with database.connection() as connection:
                cost = Cost(connection.info.backend_pid)
            drained, ages = await watch(spool, load.seconds)
            cores = cost.cores()
            ended.set()
            writer.stop()
        await spool.close()
    p99, oldest = quantiles(ages, n=100)[98], max(ages)
    print(f"drained {drained:,.0f} readings/s, {drained / load.live:.1f} times the live rate")
    print(f"age p99 {p99:.2f} s, max {oldest:.2f} s; this process and the database had {cores:.2f} of {os.cpu_count()} cores")
    return drained >= GOAL_TIMES * load.live and oldest <= GOAL_AGE_S


def main() -> int:
    """Prints the table; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--backlog", type=int, default=5_000_000)
    parser.add_argument("--live", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=LIMIT_S)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        reached = asyncio.run(drain(options.dsn, Path(name), Load(options.backlog, options.live, options.seconds)))
    busy = os.getloadavg()[0]
    print(
        f"goals ({GOAL_TIMES:g} times the live rate, no live reading older than {GOAL_AGE_S:g} s): {reached}; load {busy:.1f}"
    )
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main())
