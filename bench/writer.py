"""How fast the writer is beside a bare psycopg loop that does the same work without planning, accounting or a spool.

Run with `python bench/writer.py --dsn postgresql://…` on an empty database, which it fills and empties.
Only the ratio means anything.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import psycopg

from ems_telemetry.clock import SystemClock
from ems_telemetry.model import Batch, Kind, Reading
from ems_telemetry.observe import Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.spool.port import Entry, SpoolState
from ems_telemetry.storage.ahead import Target
from ems_telemetry.storage.capability import detect, prepare_for
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.lanes import MAX_ITEMS
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise
from ems_telemetry.storage.storing import COLUMN_TYPES
from ems_telemetry.storage.writer import Writer

POINTS = 1_000
PER_BATCH = 500
GOAL_RATIO = 0.8
START = datetime(2026, 3, 2, tzinfo=UTC)
KEYS = [f"M-{number:04}.energy" for number in range(POINTS)]
BARE_ROW = tuple[datetime, int, int, float, datetime, int, int, None, None]

COPY = "COPY bare FROM STDIN (FORMAT binary)"
INSERT = "INSERT INTO readings SELECT * FROM bare ON CONFLICT (point_id, time) DO NOTHING"
LATEST = """
    INSERT INTO latest_readings (point_id, time, value, quality, flags, source_status, received_at)
    SELECT DISTINCT ON (point_id) point_id, time, value, quality, flags, source_status, received_at FROM bare
    ORDER BY point_id, time DESC
    ON CONFLICT (point_id) DO UPDATE SET time = excluded.time, value = excluded.value, quality = excluded.quality,
        flags = excluded.flags, source_status = excluded.source_status, received_at = excluded.received_at
    WHERE excluded.time > latest_readings.time
"""


class _ListSpool:
    """All batches at once, to be read once."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._entries = [Entry(number, batch) for number, batch in enumerate(batches)]
        self._position = 0
        self.drained = asyncio.Event()

    async def read(self, max_readings: int, *, first: int = 0, end: int | None = None) -> Sequence[Entry]:
        del end
        begin = max(self._position, first)  # sequences are positions
        return self._entries[begin : begin + max_readings // PER_BATCH]

    async def remove(self, sequences: Sequence[int]) -> None:
        self._position += len(sequences)
        if self._position == len(self._entries):
            self.drained.set()

    async def wait_for_entries(self) -> None:
        if self.drained.is_set():
            await asyncio.Event().wait()

    def state(self) -> SpoolState:
        return SpoolState(len(self._entries) - self._position, 0, 0, None, 0)


async def prepare(database: Database) -> Target:
    await migrate(database)
    site = SiteRow("S", "Site", "Europe/Berlin")
    meters = [MeterRow(key.partition(".")[0], "S", None, key, None, "bench") for key in KEYS]
    points = [
        PointRow(key, key.partition(".")[0], "e", "active_energy_import", None, "kWh", Kind.COUNTER, "", "kWh", 1.0)
        for key in KEYS
    ]
    ids = await synchronise(database, [site], meters, points)
    async with database.connection() as connection:
        capability = await detect(connection)
        await prepare_for(connection, capability, [START])  # the bare loop makes no partitions
        return Target(capability, ids)


def readings(count: int) -> list[Reading]:
    def one(number: int) -> Reading:
        at = START + timedelta(seconds=number // POINTS)
        return Reading(KEYS[number % POINTS], at, float(number), None, None, 192, 0, 0, at)

    return [one(number) for number in range(count)]


async def empty(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")  # readings refuse to be emptied
        await connection.execute("TRUNCATE readings, latest_readings")


async def time_writer(database: Database, target: Target, given: Sequence[Reading]) -> float:
    async def known() -> Target:
        return target

    batches = [Batch("bench", given[start : start + PER_BATCH]) for start in range(0, len(given), PER_BATCH)]
    spool = _ListSpool(batches)
    writer = Writer(database, spool, known, clock=SystemClock(), metrics=Metrics(), backoff=Backoff())
    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        await spool.drained.wait()
        took_s = time.perf_counter() - began_s
        writer.stop()
    return took_s


async def time_bare_loop(dsn: str, rows: Sequence[BARE_ROW]) -> float:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("CREATE TEMPORARY TABLE bare (LIKE readings) ON COMMIT DELETE ROWS")
        began_s = time.perf_counter()
        for start in range(0, len(rows), MAX_ITEMS):
            await write_bare(connection, rows[start : start + MAX_ITEMS])
        return time.perf_counter() - began_s


async def write_bare(connection: psycopg.AsyncConnection[Any], rows: Sequence[BARE_ROW]) -> None:
    async with connection.transaction(), connection.cursor() as cursor:
        async with cursor.copy(COPY) as copy:
            copy.set_types(COLUMN_TYPES)
            for row in rows:
                await copy.write_row(row)
        await cursor.execute(INSERT)
        await cursor.execute(LATEST)


async def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--readings", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    given = readings(options.readings)
    async with Database(options.dsn) as database:
        target = await prepare(database)
        ids = target.point_ids
        bare: list[BARE_ROW] = [(one.time, ids[one.point], 0, one.value or 0.0, one.time, 0, 192, None, None) for one in given]
        print(f"{target.capability}, {options.readings} readings, {MAX_ITEMS} in a transaction")
        print(f"{'round':>5} {'writer rows/s':>14} {'bare rows/s':>12} {'ratio':>6}")
        ratios: list[float] = []
        for number in range(1, options.rounds + 1):
            await empty(database)
            bare_s = await time_bare_loop(options.dsn, bare)
            await empty(database)
            writer_s = await time_writer(database, target, given)
            rates = len(given) / writer_s, len(given) / bare_s
            print(f"{number:>5} {rates[0]:>14,.0f} {rates[1]:>12,.0f} {rates[0] / rates[1]:>6.2f}", flush=True)
            ratios.append(rates[0] / rates[1])
        await empty(database)
    print(f"goal (half of the rounds reach {GOAL_RATIO:g} of the bare loop): {median(ratios):.2f}")
    return int(median(ratios) < GOAL_RATIO)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
