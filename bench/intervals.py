"""How fast intervals are computed: a month of a thousand points at once, and what keeping up with a live plant takes.

Run with `python bench/intervals.py --dsn postgresql://…` on an empty database, which it fills. `--days 30 --points 1000` is the
whole month; fewer days give the same figures per reading sooner.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime, timedelta

import psutil
import psycopg

from ems_telemetry.clock import SystemClock
from ems_telemetry.computing.worker import IntervalWorker
from ems_telemetry.model import Kind
from ems_telemetry.observe import Metrics, configure_logging
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise

START = datetime(2026, 2, 28, 23, tzinfo=UTC)
"""March 2026 in Berlin begins."""
_FILL = """
    INSERT INTO readings (time, point_id, value, received_at, quality)
    SELECT t, p, extract(epoch FROM t - %(start)s) / 3600 * (p %% 50 + 1), t, 192
    FROM generate_series(%(since)s, %(until)s - interval '1 second', make_interval(secs => %(every)s)) t,
         unnest(%(ids)s::int[]) p
"""
_LATEST = """
    INSERT INTO latest_readings (point_id, time, value, quality, flags, source_status, received_at)
    SELECT p, %(last)s, 1, 192, 0, 0, %(last)s FROM unnest(%(ids)s::int[]) p
    ON CONFLICT (point_id) DO UPDATE SET time = excluded.time
"""


class StandingClock(SystemClock):
    """Says what it is told; waits as long as any."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        """Gives the time it was told."""
        return self.at


async def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--points", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=3)
    given = parser.parse_args()
    configure_logging("warning")
    async with Database(given.dsn) as database:
        await migrate(database)
        ids = list((await synchronise(database, [SITE], METERS, [point(number) for number in range(given.points)])).values())
        clock = StandingClock()
        worker = IntervalWorker(database, clock=clock, metrics=Metrics(), backoff=Backoff())
        await month(given.dsn, worker, clock, ids, given.days)
        await live(given.dsn, worker, clock, ids, given.days)


SITE = SiteRow("BER1", "Berlin works", "Europe/Berlin")
METERS = [MeterRow(f"M-{number:04}", "BER1", None, "M", "electricity", "bench") for number in range(10_000)]


def point(number: int) -> PointRow:
    """Gives a counter that is read every minute; every fifth one is a gauge."""
    kind = Kind.COUNTER if number % 5 else Kind.GAUGE
    return PointRow(f"M-{number:04}.p", f"M-{number:04}", "p", "active_energy_import", None, "kWh", kind, "bench", "kWh", 60.0)


async def month(dsn: str, worker: IntervalWorker, clock: StandingClock, ids: list[int], days: int) -> None:
    """Computes days of one reading a minute that are all there already."""
    began_s = time.perf_counter()
    for day in range(days):
        fill(dsn, ids, START + timedelta(days=day), timedelta(days=1), 60)
    end = START + timedelta(days=days)
    latest(dsn, ids, end - timedelta(minutes=1))
    readings = len(ids) * days * 1_440
    print(f"{readings:,} readings of {len(ids):,} points put there in {time.perf_counter() - began_s:.0f} s", flush=True)
    clock.at = end + timedelta(minutes=30)
    began_s, busy_s = time.perf_counter(), psutil.Process().cpu_times()
    changed = await worker.catch_up()
    took_s = time.perf_counter() - began_s
    used_s = sum(psutil.Process().cpu_times()[:2]) - sum(busy_s[:2])
    print(
        f"computed in {took_s:.0f} s ({used_s:.0f} s of our processor time): {changed:,} intervals, {readings / took_s:,.0f} "
        f"readings/s; the month of 43,200,000 takes {took_s / readings * 43_200_000:.0f} s at this rate",
        flush=True,
    )
    began_s = time.perf_counter()
    assert await worker.catch_up() == 0
    print(f"nothing to do: {1000 * (time.perf_counter() - began_s):.0f} ms", flush=True)


async def live(dsn: str, worker: IntervalWorker, clock: StandingClock, ids: list[int], days: int) -> None:
    """Keeps up with an hour of one reading a second, looking every ten seconds as it does in the service."""
    begin = START + timedelta(days=days)
    minutes = 30
    used_s = 0.0
    for minute in range(0, minutes, 15):
        since = begin + timedelta(minutes=minute)
        fill(dsn, ids, since, timedelta(minutes=15), 1)
        latest(dsn, ids, since + timedelta(minutes=15))
        for look in range(90):
            clock.at = since + timedelta(minutes=15, seconds=10 * look)
            before_s = processors_s(dsn)
            await worker.catch_up()
            used_s += processors_s(dsn) - before_s
    share = used_s / (minutes * 60)
    print(f"{len(ids):,} points at 1 s: computing takes {share:.1%} of one core, ours and the database's", flush=True)


def processors_s(dsn: str) -> float:
    """Gives the processor time of this process and of the database's."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'").fetchone()
        parent = psutil.Process(found[0]).parent() if found else None
    family = [psutil.Process(), *([parent, *parent.children()] if parent else [])]
    total_s = 0.0
    for each in family:
        try:
            total_s += sum(each.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total_s


def fill(dsn: str, ids: list[int], since: datetime, length: timedelta, every_s: float) -> None:
    """Puts readings there."""
    with psycopg.connect(dsn) as connection:
        told = {"start": START, "since": since, "until": since + length, "every": every_s, "ids": ids}
        connection.execute(_FILL.encode(), told)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE readings")


def latest(dsn: str, ids: list[int], last: datetime) -> None:
    """Tells the newest reading of each point."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_LATEST.encode(), {"last": last, "ids": ids})


if __name__ == "__main__":
    asyncio.run(main())
