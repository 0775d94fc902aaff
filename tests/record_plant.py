"""A small plant whose intervals tests write themselves, to make records of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from fakes import HandClock

from ems_telemetry.config.quantities import Law
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import Kind, Quality
from ems_telemetry.records.keeping.keeper import Keeper
from ems_telemetry.records.registering import stating
from ems_telemetry.records.registering.completing import complete
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.entries import EntryRow, NewEntry
from ems_telemetry.storage.intervals import IntervalRow, put_intervals
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.records import RecordFilter, RecordRow, list_records, mark_changed
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise

QUARTER = timedelta(minutes=15)
BERLIN = ZoneInfo("Europe/Berlin")
MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=BERLIN).astimezone(UTC) for month in (3, 4, 5))
ENERGY, SUB, POWER = "EM-01.energy_import", "EM-02.energy_import", "EM-01.power"
NOX, STATE, PH = "ST-01.nox", "ST-01.state", "WM-02.ph"
WATER_IN, WATER_OUT = "WM-01.volume", "WM-02.volume"
ALICE, BOB = Actor("key:alice", "Alice"), Actor("key:bob", "Bob")
SITES = [SiteRow("BER1", "Berlin works", "Europe/Berlin"), SiteRow("MUC1", "Munich works", "Europe/Berlin")]
METERS = [
    MeterRow("EM-01", "BER1", "hall-1", "Main meter", "electricity", "hand"),
    MeterRow("EM-02", "BER1", "hall-1", "Press", "electricity", "hand"),
    MeterRow("WM-01", "BER1", None, "City water", "water", "hand"),
    MeterRow("WM-02", "BER1", None, "Outfall", "water", "hand"),
    MeterRow("ST-01", "BER1", None, "Stack of boiler 2", "stack_gas", "hand"),
    MeterRow("EM-90", "MUC1", None, "Munich main", "electricity", "hand"),
]


def point(key: str, quantity: str, unit: str, kind: Kind = Kind.COUNTER, medium: str = "electricity") -> PointRow:
    """Gives a point that is read every minute."""
    meter, _, name = key.partition(".")
    return PointRow(key, meter, name, quantity, medium, unit, kind, f"source of {key}", unit, 60.0)


POINTS = [
    point(ENERGY, "active_energy_import", "kWh"),
    point(SUB, "active_energy_import", "kWh"),
    point(POWER, "active_power", "kW", Kind.GAUGE),
    point(WATER_IN, "water_volume", "m3", medium="water"),
    point(WATER_OUT, "water_volume", "m3", medium="water"),
    point(NOX, "mass_concentration", "mg/Nm3", Kind.GAUGE, "stack_gas"),
    point(STATE, "state", "1", Kind.STATE, "stack_gas"),
    replace(point(PH, "ph", "pH", Kind.GAUGE, "water"), law=Law.RANGE),
    point("EM-90.energy_import", "active_energy_import", "kWh"),
]


@dataclass
class Plant:
    """The plant with its database, its clock and the keeper of its records."""

    database: Database
    clock: HandClock
    ids: Mapping[str, int]
    keeper: Keeper

    async def measure(
        self,
        key: str,
        start: datetime,
        end: datetime,
        total: Decimal | str,
        *,
        hole: tuple[datetime, datetime] | None = None,
        flags: int = 0,
    ) -> None:
        """Spreads a total over the quarters of a span, and the days and months they make up; computed up to its end then.

        What touches the hole is missing.
        """

        def up_to(moment: datetime) -> Decimal:
            return round(Decimal(total) * ((moment - start) // QUARTER) / ((end - start) // QUARTER), 9)

        rows = []
        for period in (Period.QUARTER, Period.DAY, Period.MONTH):
            edges = [moment_of(edge) for edge in edges_of(period, microseconds(start), microseconds(end), BERLIN)]
            for left, right in pairwise(edges):
                missing = hole is not None and left < hole[1] and right > hole[0]
                part = None if missing else up_to(right) - up_to(left)
                rows.append(_row(self.ids[key], period, left, part, flags))
        await self.put(key, rows, end)

    async def read_hourly(self, key: str, start: datetime, end: datetime) -> None:
        """Stores a raw reading an hour, each received a second later."""
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO readings (time, point_id, value, exact, raw, received_at, quality, source_status) "
                "SELECT at, %s, extract(epoch FROM at - %s) / 36, NULL, 0.1, at + interval '1 s', 192, 0 "
                "FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 h', interval '1 h') at",
                (self.ids[key], start, start, end),
            )

    async def show(self, key: str, start: datetime, values: Sequence[str | None]) -> None:
        """Lets a gauge or state show a value in each quarter from a time on; None where nothing was measured."""
        rows = [_shown(self.ids[key], start + place * QUARTER, value) for place, value in enumerate(values)]
        rows = [row._replace(value=None) for row in rows] if key == PH else rows  # a mean of pH means nothing
        await self.put(key, rows, start + len(values) * QUARTER)

    async def put(self, key: str, rows: Sequence[IntervalRow], until: datetime) -> None:
        """Stores intervals of a point and lets records know, as computing does."""
        async with self.database.connection() as connection:
            changed = await put_intervals(connection, rows)
            spans = [(key, each.first, each.last + timedelta(days=31)) for each in changed.values()]
            await mark_changed(connection, spans)
            await connection.execute(
                "INSERT INTO interval_progress AS old (point_id, computed_to) VALUES (%s, %s) "
                "ON CONFLICT (point_id) DO UPDATE SET computed_to = greatest(old.computed_to, excluded.computed_to)",
                (self.ids[key], until),
            )

    async def state(
        self,
        kind: str,
        id_: str,
        body: Mapping[str, Any],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        site: str | None = "BER1",
    ) -> EntryRow:
        """States a fact as Alice, lets Bob approve it where somebody must, and lets records know."""
        register = REGISTERS[kind]
        said = register.body.model_validate(body)
        since, until = register.span_of(said) or (since, until)
        content = stating.content_of(said)
        now = self.clock.now()
        async with self.database.connection() as connection:
            new = await complete(connection, NewEntry(kind, id_, site, since, until, content, "for a test"))
            entry = await stating.state(connection, ALICE, register, new, now, None)
            if register.needs_approval:
                entry = await stating.decide(connection, BOB, entry, "approved", "looks right", now)
        return entry

    async def records(self, type_: str, **asked: Any) -> list[RecordRow]:  # noqa: ANN401  # whatever the filter takes
        """Gives the newest revisions of a type."""
        async with self.database.connection() as connection:
            return await list_records(connection, RecordFilter(type=type_, **asked), 1_000)

    async def catch_up(self) -> int:
        """Lets the keeper look until nothing is left to do; gives how many revisions were kept."""
        kept = 0
        for _ in range(100):
            more = await self.keeper.catch_up()
            if more == 0:
                return kept
            kept += more
        raise AssertionError("the keeper finds no end")

    async def expect_nothing(self) -> None:
        """Lets nothing be known of how often points come: then no completeness is planned, and totals are the only records."""
        async with self.database.connection() as connection:
            await connection.execute("UPDATE points SET expected_interval = NULL")

    def go_to(self, moment: datetime) -> None:
        """Turns the clock."""
        self.clock.turn((moment - self.clock.now()).total_seconds())


async def make_plant(database: Database) -> Plant:
    """Brings the plant into an empty database."""
    await migrate(database)
    ids = await synchronise(database, SITES, METERS, POINTS)
    clock = HandClock(MARCH)
    return Plant(database, clock, ids, Keeper(database, clock))


def _shown(point_id: int, start: datetime, value: str | None) -> IntervalRow:
    if value is None:
        return _row(point_id, Period.QUARTER, start, None, 0)
    number = float(value)
    return IntervalRow(
        point_id, Period.QUARTER, start, number, None, number, number, 15, 15, 1.0, Quality.GOOD, 0, has_ended=True
    )


def _row(point_id: int, period: Period, start: datetime, value: Decimal | None, flags: int) -> IntervalRow:
    if value is None:
        return IntervalRow(point_id, period, start, None, None, None, None, 0, 15, 0.0, 0, IntervalFlag.MISSING, has_ended=True)
    return IntervalRow(
        point_id, period, start, float(value), value, None, None, 15, 15, 1.0, Quality.GOOD, flags, has_ended=True
    )
