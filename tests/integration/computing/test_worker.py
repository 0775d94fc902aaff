"""Intervals in the database follow the readings, whatever comes in what order, and only what changed is written."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fakes import HandClock
from small_plant import ENERGY, METERS, POINTS, POWER, SITES, START, batch, fetch, prepare, reading, write

from ems_telemetry.computing.worker import IntervalWorker
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import Kind, Reading
from ems_telemetry.observe import Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.storage import interval_marks
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.registry import MeterRow, PointRow, synchronise

MIDNIGHT = datetime(2026, 3, 1, 23, tzinfo=UTC)
"""The second of March begins in Berlin."""


class Plant:
    """A database with its worker, and a clock that stands."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = HandClock(START)
        self.worker = IntervalWorker(database, clock=self.clock, metrics=Metrics(), backoff=Backoff())

    async def compute(self, at: datetime) -> int:
        self.clock.turn((at - self.clock.now()).total_seconds())
        return await self.worker.catch_up()

    async def intervals(self, period: str = "15m", key: str = ENERGY) -> dict[datetime, tuple[Any, ...]]:
        rows = await fetch(
            self.database,
            "SELECT start, exact, value, coverage, flags, revision FROM intervals_by_point"
            " WHERE point = %s AND period = %s ORDER BY start",
            key,
            period,
        )
        return {row[0]: row[1:] for row in rows}

    async def exact(self, period: str = "15m", key: str = ENERGY) -> dict[datetime, Decimal | None]:
        return {start: row[0] for start, row in (await self.intervals(period, key)).items()}


@pytest.fixture
async def plant(database: Database) -> Plant:
    await prepare(database)
    return Plant(database)


def at(minute: float, value: float, key: str = ENERGY) -> Reading:
    return reading(key, minute * 60, value)


async def test_a_register_becomes_increments_between_the_quarters_of_the_clock(plant: Plant) -> None:
    await write(plant.database, batch(at(-2, 1000.0), at(13, 1015.0), at(28, 1033.0)))
    await plant.compute(START + timedelta(minutes=32))
    found = await plant.exact()
    assert found[START] == Decimal("15.4")
    assert sum(value for value in found.values() if value is not None) == 33


async def test_what_comes_late_recomputes_what_it_touches_and_nothing_else(plant: Plant) -> None:
    on_time = [at(minute, 100.0 + minute) for minute in range(0, 181, 10) if minute != 70]
    await write(plant.database, batch(*on_time))
    await plant.compute(START + timedelta(minutes=180))
    before = await plant.intervals()
    await write(plant.database, batch(at(70, 175.0)))
    assert await plant.compute(START + timedelta(minutes=180)) > 0
    after = await plant.intervals()
    changed = {start for start in after if after[start] != before[start]}
    assert changed == {START + timedelta(minutes=60), START + timedelta(minutes=75)}
    assert {after[start][-1] - before[start][-1] for start in changed} == {1}
    assert await plant.compute(START + timedelta(minutes=180)) == 0


async def test_a_gap_is_filled_by_estimates_once_it_has_an_end_and_their_sum_is_exact(plant: Plant) -> None:
    await write(plant.database, batch(at(-10, 990.0), at(0, 1000.0)))
    await plant.compute(START + timedelta(minutes=120))
    open_ended = await plant.intervals()
    assert open_ended[START + timedelta(minutes=60)][:3] == (None, None, 0.0)
    assert open_ended[START + timedelta(minutes=60)][3] & IntervalFlag.MISSING
    await write(plant.database, batch(at(200, 1100.0), at(201, 1100.5)))
    await plant.compute(START + timedelta(minutes=232))
    found = await plant.intervals()
    assert found[START + timedelta(minutes=60)][0] == Decimal("7.5")
    assert found[START + timedelta(minutes=60)][3] & IntervalFlag.ESTIMATED
    assert sum(row[0] for row in found.values() if row[0] is not None) == Decimal("110.5")


async def test_hours_days_and_months_are_those_of_the_site_and_add_up(plant: Plant) -> None:
    readings = [reading(ENERGY, 600.0 * number, 1000.0 + number) for number in range(-70, 200)]
    await write(plant.database, batch(*readings))
    await plant.compute(START + timedelta(hours=33))
    quarters = {start: value for start, value in (await plant.exact()).items() if value is not None}
    days = await plant.intervals("1d")
    assert MIDNIGHT in days
    assert days[MIDNIGHT][0] == sum(
        value for start, value in quarters.items() if MIDNIGHT <= start < MIDNIGHT + timedelta(days=1)
    )
    assert days[MIDNIGHT][-1] == 1, "the day has ended"
    assert days[MIDNIGHT + timedelta(days=1)][-1] == 0, "it lasts"
    assert days[MIDNIGHT + timedelta(days=1)][0] == sum(
        value for start, value in quarters.items() if start >= MIDNIGHT + timedelta(days=1)
    ), "what there is of it so far"
    hours = await plant.intervals("1h")
    assert hours[START][0] == 6
    months = await plant.intervals("1mo")
    assert list(months) == [datetime(2026, 2, 28, 23, tzinfo=UTC)]


async def test_a_gauge_becomes_its_mean_over_time(plant: Plant) -> None:
    await write(plant.database, batch(at(0, 100.0, POWER), at(5, 130.0, POWER), at(12, 70.0, POWER), at(15, 70.0, POWER)))
    await fetch(plant.database, "UPDATE points SET max_gap = '15 minutes' WHERE key = %s RETURNING id", POWER)
    await plant.compute(START + timedelta(minutes=20))
    assert (await plant.intervals(key=POWER))[START][1] == 108.0


async def test_whatever_the_order_of_arrival_the_same_comes_of_it(plant: Plant, database: Database) -> None:
    chance = random.Random(7)  # noqa: S311 - the same each time
    register, readings = 5000.0, []
    for second in range(0, 40_000, 300):
        register = round(register + chance.random() * 3, 3)
        if chance.random() < 0.8:
            readings.append(reading(ENERGY, second, register))
    shuffled = chance.sample(readings, len(readings))
    now = START
    while shuffled:
        count = chance.randrange(1, 20)
        await write(database, batch(*shuffled[:count]))
        del shuffled[:count]
        now += timedelta(minutes=chance.randrange(0, 120))
        await plant.compute(now)
    end = max(now, START + timedelta(seconds=41_000))
    await plant.compute(end)
    found = await plant.intervals()
    assert sum(row[0] for row in found.values() if row[0] is not None) == Decimal(repr(readings[-1].value)) - Decimal(
        repr(readings[0].value)
    )
    # From the beginning, with everything there.
    for table in ("intervals", "interval_progress", "interval_marks"):
        await fetch(database, f"DELETE FROM {table} RETURNING 1")  # noqa: S608 - our own names
    await plant.compute(end)
    assert {start: row[:-1] for start, row in (await plant.intervals()).items()} == {
        start: row[:-1] for start, row in found.items()
    }


async def test_a_unit_of_a_64_bit_counter_is_not_lost(plant: Plant) -> None:
    large = 2**60
    rows = [reading(ENERGY, 60.0 * minute, float(large + minute), exact=Decimal(large + minute)) for minute in range(-1, 32)]
    await write(plant.database, batch(*rows))
    await plant.compute(START + timedelta(minutes=31))
    assert (await plant.exact())[START] == 15


async def test_a_virtual_meter_follows_those_it_names_and_a_new_expression_is_computed_from_the_beginning(plant: Plant) -> None:
    await write(plant.database, batch(*(at(minute, 100.0 + minute) for minute in range(-15, 91))))
    await plant.compute(START + timedelta(minutes=60))
    await virtual(plant.database, f"{ENERGY} * 2")
    await plant.compute(START + timedelta(minutes=60))
    doubled = await plant.exact(key="VM.double")
    assert doubled[START] == 30
    assert await plant.intervals("1h", "VM.double")
    await plant.compute(START + timedelta(minutes=90))
    assert len(await plant.exact(key="VM.double")) > len(doubled)
    await virtual(plant.database, f"{ENERGY} * 3")
    await plant.compute(START + timedelta(minutes=90))
    assert (await plant.exact(key="VM.double"))[START] == 45
    assert (await plant.intervals("1h", "VM.double"))[START][0] == 180


async def virtual(database: Database, expression: str) -> None:
    meters = [*METERS, MeterRow("VM", "BER1", None, "Double", "electricity", "plant")]
    double = PointRow(
        "VM.double", "VM", "Double", "active_energy_import", None, "kWh", Kind.INTERVAL_TOTAL, "expression", "kWh", None
    )
    await synchronise(database, SITES, meters, [*POINTS, replace(double, expression=expression)])


async def test_intervals_outlive_the_readings_they_were_made_of(plant: Plant) -> None:
    await write(plant.database, batch(*(at(minute, 100.0 + minute) for minute in range(-15, 61))))
    await plant.compute(START + timedelta(minutes=60))
    before = await plant.intervals()
    async with plant.database.connection() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM readings WHERE time < %s", (START + timedelta(minutes=30),))
    await fetch(
        plant.database,
        "INSERT INTO interval_marks (point_id, since, until) SELECT id, %s, %s FROM points WHERE key = %s RETURNING id",
        START - timedelta(minutes=30),
        START + timedelta(minutes=10),
        ENERGY,
    )
    await plant.compute(START + timedelta(minutes=60))
    after = await plant.intervals()
    assert {start: after[start] for start in before} == before


async def test_a_point_that_is_silent_for_good_does_not_fill_the_table(plant: Plant) -> None:
    await write(plant.database, batch(*(at(minute, 100.0 + minute) for minute in range(-15, 61))))
    await plant.compute(START + timedelta(days=400))
    found = await plant.intervals()
    assert max(found) < START + timedelta(days=34)
    assert (await plant.intervals("1mo"))[datetime(2026, 2, 28, 23, tzinfo=UTC)][0] is None, "most of it is missing"
    await write(plant.database, batch(at(60 * 24 * 400, 1100.0), at(60 * 24 * 400 + 16, 1101.0)))
    await plant.compute(START + timedelta(days=400, minutes=40))
    found = await plant.intervals()
    assert len(found) > 400 * 96, "the gap has an end, and what was counted over it is told"
    assert sum(row[0] for row in found.values() if row[0] is not None) == 1101 - 85


async def test_what_has_just_ended_goes_before_a_backlog(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ems_telemetry.computing.slices.MOST_READINGS", 100)
    old = [at(minute, 100.0 + minute) for minute in range(-3000, 61)]
    await write(plant.database, batch(*old, *(at(minute, minute * 2.0, POWER) for minute in range(-15, 61))))
    waiting = "SELECT min(since) FROM interval_marks JOIN points ON points.id = point_id WHERE key = %s"
    order: list[bool] = []
    settle = interval_marks.settle

    async def watched(connection: Connection, done: list[int], shortened: list[tuple[int, datetime]]) -> None:
        await settle(connection, done, shortened)
        (left,) = (await (await connection.execute(waiting, (POWER,))).fetchone()) or (None,)
        order.append(left is None)

    monkeypatch.setattr("ems_telemetry.computing.worker.settle", watched)
    await plant.compute(START + timedelta(minutes=62))
    assert len(order) > 10
    assert order.index(True) < len(order) / 2


async def test_moving_on_does_not_look_at_the_readings_unless_a_point_begins(timescaledb_url: str) -> None:
    """To plan it takes seconds where there are thousands of compressed chunks, and it is done every few seconds."""
    async with Database(timescaledb_url) as database:
        await prepare(database)
        await write(database, batch(reading()))
        async with database.connection() as connection:
            assert await interval_marks.advance(connection, START + timedelta(hours=1)) == 1
        async with database.connection() as holding, database.connection() as connection:
            await holding.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
            assert await interval_marks.advance(connection, START + timedelta(hours=2)) == 1
