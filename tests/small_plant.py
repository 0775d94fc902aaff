"""A small plant in a fresh database, for the tests of storage: two meters, three points, and a writer on a spool in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fakes_spool import MemorySpool

from ems_telemetry.clock import Clock, SystemClock
from ems_telemetry.config.service import RetentionSettings
from ems_telemetry.model import Batch, DeadLetter, Gap, Kind, Quality, Reading
from ems_telemetry.observe import Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.ahead import Target
from ems_telemetry.storage.capability import detect
from ems_telemetry.storage.capability.upkeep import IsNeeded
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.maintenance import Maintenance
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise
from ems_telemetry.storage.writer import Writer

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
ENERGY, POWER, WATER = "EM-01.energy_import", "EM-01.power", "WM-02.volume"
SITES = [SiteRow("BER1", "Berlin works", "Europe/Berlin", ("hall-1",))]
METERS = [
    MeterRow("EM-01", "BER1", "hall-1", "Main switchboard", "electricity", "hall-1"),
    MeterRow("WM-02", "BER1", None, "WM-02", "water", "water-broker"),
]


def point(key: str, unit: str = "kWh", kind: Kind = Kind.COUNTER) -> PointRow:
    meter, _, name = key.partition(".")
    return PointRow(key, meter, name, "active_energy_import", None, unit, kind, "input 72", "Wh", 10.0)


POINTS = [point(ENERGY), point(POWER, "kW", Kind.GAUGE), point(WATER, "m3")]


def reading(key: str = ENERGY, second: float = 0, value: float | None = 1.0, **fields: object) -> Reading:
    time = START + timedelta(seconds=second)
    plain = Reading(key, time, value, None, None, Quality.GOOD, 0, 0, time)
    return plain._replace(**fields)  # type: ignore[arg-type]  # fields by name, as _replace takes them


def batch(*readings: Reading, connector: str = "hall-1") -> Batch:
    return Batch(connector, readings)


def letter(number: int = 1, **fields: object) -> DeadLetter:
    plain = DeadLetter(UUID(int=number), "water-broker", None, "unreadable", "no JSON", "plant/wm02", b"{", START)
    return plain._replace(**fields)  # type: ignore[arg-type]  # fields by name, as _replace takes them


def gap(number: int = 1) -> Gap:
    return Gap(UUID(int=number), "hall-1", ENERGY, START, START + timedelta(minutes=5), "spool_full", 300)


async def prepare(database: Database) -> Target:
    await migrate(database)
    ids = await synchronise(database, SITES, METERS, POINTS)
    async with database.connection() as connection:
        return Target(await detect(connection), ids)


def writer(database: Database, spool: MemorySpool, metrics: Metrics | None = None) -> Writer:
    return Writer(
        database,
        spool,
        lambda: prepare(database),
        clock=SystemClock(),
        metrics=metrics or Metrics(),
        backoff=Backoff(initial_s=0.05, cap_s=0.2),
    )


@asynccontextmanager
async def running(one: Writer) -> AsyncIterator[Writer]:
    """Runs a writer for the length of a `with`."""
    async with asyncio.TaskGroup() as group:
        group.create_task(one.run(), name="writer")
        try:
            yield one
        finally:
            one.stop()


async def write(database: Database, *batches: Batch) -> dict[str, int]:
    """Writes batches and stops; tells how many readings had which outcome."""
    metrics, spool = Metrics(), MemorySpool(*batches)
    async with running(writer(database, spool, metrics)):
        await spool.wait_until_empty()
    return outcomes(metrics)


def outcomes(metrics: Metrics) -> dict[str, int]:
    names = ("inserted", "duplicate", "conflict", "rejected")
    counted = {name: int(metrics.writer_rows.labels(name)._value.get()) for name in names}
    return {name: amount for name, amount in counted.items() if amount}


async def fetch(database: Database, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        cursor = await connection.execute(query.encode(), parameters)
        return await cursor.fetchall()


async def stored(database: Database, key: str = ENERGY) -> list[tuple[Any, ...]]:
    """Gives time and value of all readings of a point, oldest first."""
    return await fetch(database, "SELECT time, value FROM readings_by_point WHERE point = %s ORDER BY time", key)


async def nothing_needed(_connection: Connection, _now: datetime) -> IsNeeded:
    """Says that no record needs any reading."""
    return lambda _since, _until: False


def make_maintenance(
    database: Database,
    retention: RetentionSettings,
    clock: Clock,
    read_needed: Callable[[Connection, datetime], Awaitable[IsNeeded]] = nothing_needed,
) -> Maintenance:
    """Makes the daily upkeep; failures are tried again soon."""
    return Maintenance(database, retention, read_needed=read_needed, clock=clock, backoff=Backoff(0.05, 0.2), metrics=Metrics())
