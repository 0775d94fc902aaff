"""How fast the API answers over interval data: a year of 200 meters by month, a year of quarters of one point.

Run with `python bench/interval_queries.py --dsn postgresql://…` on an empty database, which it fills with seven million
quarters and the hours, days and months they come to. `--plans` prints how the database finds them.
"""

import argparse
import asyncio
import statistics
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx
import psycopg

from ems_telemetry.api.app import create_app
from ems_telemetry.api.readiness import Readiness
from ems_telemetry.api.services import ApiServices
from ems_telemetry.clock import SystemClock
from ems_telemetry.model import Kind
from ems_telemetry.observe import Metrics, configure_logging
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise

METERS = 200
ROUNDS = 9
START, END = datetime(2024, 12, 31, 23, tzinfo=UTC), datetime(2025, 12, 31, 23, tzinfo=UTC)
"""The year 2025 in Berlin."""
PERIODS = {"15m": "15 minutes", "1h": "1 hour", "1d": "1 day", "1mo": "1 month"}
_FILL = """
    INSERT INTO intervals
        (point_id, period, start, value, exact, samples, expected, coverage, quality, flags, revision, computed_at)
    SELECT p, %(period)s, (t AT TIME ZONE 'Europe/Berlin'), 1.5, 1.5, 15, 15, 1, 192, 0, 1, now()
    FROM generate_series(timestamp '2025-01-01', timestamp '2025-12-31 23:59', %(step)s::interval) t, unnest(%(ids)s::int[]) p
    ON CONFLICT DO NOTHING
"""
YEAR = "from=2025-01-01&to=2026-01-01"
REQUESTS = {
    "consumption of a site, a year by month": f"/api/v1/consumption?site=BER1&medium=electricity&{YEAR}&period=1mo",
    "the same by meter": f"/api/v1/consumption?site=BER1&medium=electricity&{YEAR}&period=1mo&group_by=meter&limit=5000",
    "a year of quarters of one point, streamed": f"/api/v1/points/M-0007.p/intervals?{YEAR}&period=15m&all=true&format=ndjson",
    "the same as CSV": f"/api/v1/points/M-0007.p/intervals?{YEAR}&period=15m&all=true&format=csv",
    "the first page of it, 10,000 quarters": f"/api/v1/points/M-0007.p/intervals?{YEAR}&period=15m&limit=10000",
    "a year of days of one point": f"/api/v1/points/M-0007.p/intervals?{YEAR}&period=1d",
}


async def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--quarters-of", type=int, default=METERS, help="how many of the meters have quarters and hours too")
    parser.add_argument("--plans", action="store_true")
    given = parser.parse_args()
    configure_logging("warning")
    async with Database(given.dsn) as database:
        await migrate(database)
        await synchronise(database, [SiteRow("BER1", "Berlin works", "Europe/Berlin")], *plant())
        await asyncio.to_thread(fill, given.dsn, given.quarters_of)
        transport = httpx.ASGITransport(create_app(services(database)))
        async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=60) as client:
            print(f"{'request':<44} {'median ms':>9} {'worst ms':>9} {'bytes':>10}")
            for name, request in REQUESTS.items():
                await measure(client, name, request)
    if given.plans:
        plans(given.dsn)


async def measure(client: httpx.AsyncClient, name: str, request: str) -> None:
    """Asks again and again, and prints how long it took; the first time does not count."""
    took_ms, size = [], 0
    for _ in range(ROUNDS + 1):
        began_s = time.perf_counter()
        answer = await client.get(request)
        took_ms.append(1000 * (time.perf_counter() - began_s))
        assert answer.status_code == httpx.codes.OK, answer.text
        size = len(answer.content)
    print(f"{name:<44} {statistics.median(took_ms[1:]):>9.0f} {max(took_ms[1:]):>9.0f} {size:>10,}", flush=True)


def plant() -> tuple[list[MeterRow], list[PointRow]]:
    """Gives meters with a counter each."""
    names = [f"M-{number:04}" for number in range(METERS)]
    meters = [MeterRow(name, "BER1", None, name, "electricity", "bench") for name in names]
    points = [
        PointRow(f"{name}.p", name, "p", "active_energy_import", "electricity", "kWh", Kind.COUNTER, "", "kWh", 60.0)
        for name in names
    ]
    return meters, points


def fill(dsn: str, quarters_of: int) -> None:
    """Puts a year of intervals there, quarters and hours of so many points."""
    began_s = time.perf_counter()
    with psycopg.connect(dsn, autocommit=True) as connection:
        ids = [id_ for (id_,) in connection.execute("SELECT id FROM points").fetchall()]
        for period, step in PERIODS.items():
            some = ids[:quarters_of] if period in {"15m", "1h"} else ids
            connection.execute(_FILL.encode(), {"period": period, "step": step, "ids": some})
        told = {"ids": ids, "start": START, "end": END}
        connection.execute("INSERT INTO interval_progress SELECT p, %(end)s FROM unnest(%(ids)s::int[]) p", told)
        connection.execute(
            "INSERT INTO latest_readings (point_id, time, value, quality, flags, source_status, received_at) "
            "SELECT p, %(end)s, 1, 192, 0, 0, %(end)s FROM unnest(%(ids)s::int[]) p",
            told,
        )
        connection.execute("ANALYZE")
        (count,) = connection.execute("SELECT count(*) FROM intervals").fetchone() or (0,)
    print(f"{count:,} intervals of {METERS} points put there in {time.perf_counter() - began_s:.0f} s", flush=True)


def plans(dsn: str) -> None:
    """Prints how the database finds a year of quarters of one point, and a year of months of all."""
    asked = {
        "a year of quarters of one point": "SELECT * FROM intervals WHERE point_id = 7 AND period = '15m'"
        " AND start >= '2024-12-31 23:00Z' AND start < '2025-12-31 23:00Z' ORDER BY start",
        "a year of months of all points": "SELECT point_id, start, exact FROM intervals WHERE point_id = ANY"
        " (ARRAY(SELECT id FROM points)) AND period = '1mo' AND start >= '2024-12-31 23:00Z' AND start < '2025-12-31 23:00Z'",
    }
    with psycopg.connect(dsn) as connection:
        for name, query in asked.items():
            print(f"\n{name}")
            lines = connection.execute(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {query}".encode()).fetchall()
            print("\n".join(line for (line,) in lines if "_hyper_" not in line or " _hyper_1_1_" in line or "_1_chunk" in line))


def services(database: Database) -> ApiServices:
    """Gives the API what it needs to read, and nothing else."""

    def never(*_: object) -> NoReturn:
        raise NotImplementedError

    anything: Any = never
    return ApiServices(
        database=database,
        connectors=list,
        readiness=lambda: Readiness(ready=True, checks=()),
        retry=anything,
        standing=anything,
        reload=anything,
        pause=anything,
        resume=anything,
        paused=lambda: None,
        writing=nullcontext,
        take_in=anything,
        metrics=Metrics(),
        clock=SystemClock(),
        allow_anonymous=True,
        version="bench",
    )


if __name__ == "__main__":
    asyncio.run(main())
