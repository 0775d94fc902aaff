"""How fast one request leads from a month's figure down to its 43,200 and more raw readings.

Run with `python bench/lineage.py --dsn postgresql://…` on an empty database: it puts two years of days and two months of
readings of one-minute points there, keeps the record of a month, and asks for its lineage over the API, as an auditor does.
`--plans` prints how the database finds the readings.
"""

import argparse
import asyncio
import statistics
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import psycopg
from interval_queries import services

from ems_telemetry.api.app import create_app
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind
from ems_telemetry.observe import configure_logging
from ems_telemetry.records.keeping.making import draft, keep
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.storage.capability import detect, prepare_for
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise

POINTS = 10
ROUNDS = 15
BERLIN = ZoneInfo("Europe/Berlin")
FEBRUARY, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=BERLIN).astimezone(UTC) for month in (2, 3, 4))
NOW = datetime(2026, 4, 12, tzinfo=UTC)
_READINGS = """
    INSERT INTO readings (time, point_id, value, exact, quality, flags, source_status, received_at)
    SELECT t, p, extract(epoch FROM t) / 60, NULL, 192, 0, 0, t + interval '200 ms'
    FROM unnest(%(ids)s::int[]) p, generate_series(%(since)s::timestamptz, %(until)s - interval '1 minute', '1 minute') t"""
_DAYS = """
    INSERT INTO intervals
        (point_id, period, start, value, exact, samples, expected, coverage, quality, flags, revision, computed_at)
    SELECT p, '1d', (t AT TIME ZONE 'Europe/Berlin'), 1440.5, 1440.5, 1440, 1440, 1, 192, 0, 1, now()
    FROM generate_series(timestamp '2025-01-01', timestamp '2026-12-31', '1 day') t, unnest(%(ids)s::int[]) p"""
_PLAN = (
    "EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM readings WHERE point_id = %s AND time >= %s AND time < %s ORDER BY time LIMIT 20"
)
REQUESTS = {
    "inputs alone": "",
    "down to the readings": "?depth=raw",
    "with 1,000 rows of them": "?depth=raw&rows=1000",
    "digests of all days computed anew": "?depth=raw&verify=true",
}


async def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--plans", action="store_true")
    given = parser.parse_args()
    configure_logging("warning")
    async with Database(given.dsn) as database:
        await migrate(database)
        names = [f"M-{number:04}" for number in range(POINTS)]
        ids = await synchronise(
            database,
            [SiteRow("BER1", "Berlin works", "Europe/Berlin")],
            [MeterRow(name, "BER1", None, name, "electricity", "bench") for name in names],
            [
                PointRow(f"{name}.p", name, "p", "active_energy_import", "electricity", "kWh", Kind.COUNTER, "", "kWh", 60.0)
                for name in names
            ],
        )
        await fill(database, list(ids.values()))
        record = await keep_month(database, "M-0007.p")
        transport = httpx.ASGITransport(create_app(services(database)))
        async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=60) as client:
            print(f"{'lineage of a month':<44} {'median ms':>9} {'worst ms':>9} {'bytes':>10}")
            for name, query in REQUESTS.items():
                await measure(client, name, f"/api/v1/records/{record}/lineage{query}")
    if given.plans:
        with psycopg.connect(given.dsn) as connection:
            for (line,) in connection.execute(_PLAN.encode(), (ids["M-0007.p"], MARCH, APRIL)).fetchall():
                print(line)


async def fill(database: Database, ids: list[int]) -> None:
    """Puts readings and days there."""
    async with database.connection() as connection:
        times = [datetime(2026, month, day, tzinfo=UTC) for month in (1, 2, 3, 4) for day in (1, 8, 15, 22, 28)]
        await prepare_for(connection, await detect(connection), times)
        await connection.execute(_READINGS, {"ids": ids, "since": FEBRUARY, "until": APRIL})
        await connection.execute(_DAYS, {"ids": ids})
        await connection.execute("ANALYZE readings")


async def keep_month(database: Database, point: str) -> str:
    """Keeps the record of March; gives its id."""
    item = PlanItem("bench", 1, "BER1", point, "period_total@1", Period.MONTH, {"point": point})
    async with database.connection() as connection:
        made = await draft(connection, Asked(item, MARCH, APRIL, BERLIN), NOW)
        kept = await keep(connection, made, None, "closed", NOW)
    if kept is None:
        raise AssertionError("the record is there already; the database was not empty")
    (raw,) = [ref for ref in kept.envelope["inputs"] if ref["kind"] == "raw"]
    print(f"a month of {raw['readings']:,} readings, value {kept.value} kWh", flush=True)
    return str(kept.id)


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


if __name__ == "__main__":
    asyncio.run(main())
