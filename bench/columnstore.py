"""What the columnstore of TimescaleDB's Community edition saves and costs: size, queries, late rows, before and after.

Run with `python bench/columnstore.py --dsn postgresql://…` on an empty database with that edition. It puts a month of points
there that are read once a minute, measures, moves all chunks to the columnstore, and measures the same again.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
from interval_queries import services
from intervals import StandingClock

from ems_telemetry.api.app import create_app
from ems_telemetry.computing.worker import IntervalWorker
from ems_telemetry.model import Kind
from ems_telemetry.observe import Metrics, configure_logging
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.capability import Capability, detect
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.load import Load, Row
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.raw_digests import compute_digest
from ems_telemetry.storage.recomputing import Chosen, mark_anew
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise
from ems_telemetry.storage.storing import Account, begin_session, store

START = datetime(2026, 2, 28, 23, tzinfo=UTC)
"""March 2026 in Berlin begins."""
ROUNDS = 5
LATE_POINTS, LATE_ROWS = 10, 10_000
DAY = timedelta(days=1)
# Counters move by up to half a kWh a minute, gauges swing; what is read together is received together, not to the microsecond.
_FILL = """
    INSERT INTO readings (time, point_id, value, received_at, quality)
    SELECT t, p,
           CASE WHEN p %% 2 = 0 THEN 720 * %(day)s + sum(round(random()::numeric / 2, 2)) OVER (PARTITION BY p ORDER BY t)
                ELSE round((50 + 20 * sin(extract(epoch FROM t) / 10000 + p) + 2 * random())::numeric, 2) END,
           t + make_interval(secs => (hashint8(extract(epoch FROM t)::bigint * 1000 + p / 10) & 1048575) / 1048576.0), 192
    FROM generate_series(%(since)s, %(since)s + interval '1 day' - interval '1 minute', interval '1 minute') t,
         unnest(%(ids)s::int[]) p
    ORDER BY t, p
"""
_LATEST = """
    INSERT INTO latest_readings (point_id, time, value, quality, flags, source_status, received_at)
    SELECT p, %(last)s, 1, 192, 0, 0, %(last)s FROM unnest(%(ids)s::int[]) p
"""
_CHUNKS = (
    "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks WHERE hypertable_name = 'readings'"
)
_PRESENT = """
    SELECT time, point_id, flags, value, received_at, source_status, quality, raw, exact FROM readings
    WHERE point_id = ANY (%(ids)s) AND time >= %(since)s AND time = date_bin('10 minutes', time, %(since)s)
    ORDER BY time, point_id LIMIT %(most)s
"""


async def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    configure_logging("warning")
    async with Database(given.dsn) as database:
        await migrate(database)
        async with database.connection() as connection:
            if await detect(connection) is not Capability.COMMUNITY:
                raise SystemExit("this database has no columnstore: it takes TimescaleDB's Community edition")
        ids = await synchronise(database, [SITE], *plant(given.points))
        await asyncio.to_thread(fill, given.dsn, list(ids.values()), given.days)
        trial = Trial(database, given.dsn, ids, given.days)
        rows = await trial.measure(late_at_s=20)
        began_s = time.perf_counter()
        await asyncio.to_thread(compress, given.dsn)
        print(f"all chunks moved to the columnstore in {time.perf_counter() - began_s:.0f} s", flush=True)
        columns = await trial.measure(late_at_s=40)
    print(f"\n{'what':<52} {'rows':>12} {'columnstore':>12} {'ratio':>7}")
    for name, before in rows.items():
        print(f"{name:<52} {before:>12,.1f} {columns[name]:>12,.1f} {columns[name] / before:>7.3f}")


SITE = SiteRow("BER1", "Berlin works", "Europe/Berlin")


def plant(points: int) -> tuple[list[MeterRow], list[PointRow]]:
    """Gives counters and gauges by turns."""
    names = [f"M-{number:04}" for number in range(points)]
    meters = [MeterRow(name, "BER1", None, name, "electricity", "bench") for name in names]
    return meters, [
        PointRow(
            f"{name}.p",
            name,
            "p",
            "active_energy_import",
            None,
            "kWh",
            Kind.GAUGE if number % 2 == 0 else Kind.COUNTER,  # ids begin with 1
            "bench",
            "kWh",
            60.0,
        )
        for number, name in enumerate(names)
    ]


def fill(dsn: str, ids: list[int], days: int) -> None:
    """Puts the readings there, in the order they would have come in."""
    began_s = time.perf_counter()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for day in range(days):
            connection.execute(_FILL.encode(), {"day": day, "since": START + day * DAY, "ids": ids})
        connection.execute(_LATEST, {"last": START + days * DAY - timedelta(minutes=1), "ids": ids})
        connection.execute("ANALYZE readings")
    print(f"{len(ids) * days * 1440:,} readings put there in {time.perf_counter() - began_s:.0f} s", flush=True)


def compress(dsn: str) -> None:
    """Moves every chunk to the columnstore, as the policy does."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for (chunk,) in connection.execute(_CHUNKS).fetchall():
            connection.execute(f"CALL convert_to_columnstore('{chunk}')".encode())
        connection.execute("VACUUM ANALYZE readings")


class Trial:
    """What is measured, once on rows and once on columns."""

    def __init__(self, database: Database, dsn: str, ids: dict[str, int], days: int) -> None:
        self._database, self._dsn, self._ids, self._days = database, dsn, ids, days
        self._clock = StandingClock()
        self._worker = IntervalWorker(database, clock=self._clock, metrics=Metrics(), backoff=Backoff())

    async def measure(self, *, late_at_s: int) -> dict[str, float]:
        """Measures all; late rows come so many seconds after each minute."""
        some = list(self._ids)[: len(self._ids) // 2]
        figures = {"size, MB": await asyncio.to_thread(self._size_mb)}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(services(self._database))), base_url="http://bench", timeout=60
        ) as client:
            week = "from=2026-03-02T00:00:00Z&to=2026-03-09T00:00:00Z&limit=10000"
            figures["a week of readings of a point over the API, ms"] = await median_ms(
                lambda: self._get(client, f"/api/v1/points/{some[7]}/readings?{week}")
            )
            figures["the newest reading of all points over the API, ms"] = await median_ms(
                lambda: self._get(client, "/api/v1/readings/latest?limit=1000")
            )
        figures["the digests of a month of a point, ms"] = await median_ms(self._digests)
        figures["the mean of every point and hour, ms"] = await median_ms(self._means)
        await self._catch_up()
        await mark_anew(self._database, Chosen(), START, START + 3 * DAY)
        figures["three days of intervals computed anew, s"] = await self._catch_up()
        duplicates, late = await self._present(), self._late(late_at_s)
        figures["10,000 rows that are there already, ms"] = await self._store(duplicates, inserted=0)
        figures["10,000 late rows of 10 points and 7 days, ms"] = await self._store(late, inserted=len(late))
        figures["three days computed anew after them, s"] = await self._catch_up()
        return figures

    def _size_mb(self) -> float:
        with psycopg.connect(self._dsn) as connection:
            (size,) = connection.execute("SELECT hypertable_size('readings')").fetchone() or (0,)
        return float(size) / 2**20

    @staticmethod
    async def _get(client: httpx.AsyncClient, request: str) -> None:
        answer = await client.get(request)
        assert answer.status_code == httpx.codes.OK, answer.text

    async def _digests(self) -> None:
        async with self._database.connection() as connection:
            for day in range(self._days):
                await compute_digest(connection, self._ids["M-0007.p"], START + day * DAY, START + (day + 1) * DAY)

    async def _means(self) -> None:
        async with self._database.connection() as connection:
            query = "SELECT point_id, date_bin('1 hour', time, 'epoch') AS hour, avg(value) FROM readings GROUP BY 1, 2"
            await (await connection.execute(query)).fetchall()

    async def _catch_up(self) -> float:
        self._clock.at = START + self._days * DAY + timedelta(minutes=30)
        began_s = time.perf_counter()
        await self._worker.catch_up()
        return time.perf_counter() - began_s

    async def _present(self) -> Sequence[Row]:
        """Gives as many rows that are there already, as a file that is imported again."""
        keys = {id_: key for key, id_ in list(self._ids.items())[:LATE_POINTS]}
        async with self._database.connection() as connection:
            cursor = await connection.execute(_PRESENT, {"ids": list(keys), "since": START, "most": LATE_ROWS})
            return [Row._make((*row, "bench", keys[row[1]])) for row in await cursor.fetchall()]

    def _late(self, seconds: int) -> Sequence[Row]:
        """Gives rows of some points, the same number of each, so many seconds after minutes of the first days."""
        keys = list(self._ids.items())[:LATE_POINTS]
        every = timedelta(minutes=10)
        times = [START + number * every + timedelta(seconds=seconds) for number in range(LATE_ROWS // LATE_POINTS)]
        received_at = START + self._days * DAY
        return [Row(time, id_, 0, 1.0, received_at, 0, 192, None, None, "bench", key) for time in times for key, id_ in keys]

    async def _store(self, rows: Sequence[Row], *, inserted: int) -> float:
        async with self._database.connection() as connection:
            await begin_session(connection, Capability.COMMUNITY)
            began_s = time.perf_counter()
            account: Account = await store(connection, Capability.COMMUNITY, Load(tuple(rows), (), ()))
            took_s = time.perf_counter() - began_s
        assert (account.inserted, account.readings) == (inserted, len(rows)), account
        return 1000 * took_s


async def median_ms(ask: Callable[[], Awaitable[None]]) -> float:
    """Asks again and again; the first time does not count."""
    took_ms = []
    for _ in range(ROUNDS + 1):
        began_s = time.perf_counter()
        await ask()
        took_ms.append(1000 * (time.perf_counter() - began_s))
    return statistics.median(took_ms[1:])


if __name__ == "__main__":
    asyncio.run(main())
