"""The plant of `record_plant` with a stack and an outfall, whose quarters tests write themselves."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from record_plant import APRIL, METERS, POINTS, QUARTER, SITES, Plant, make_plant, point

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import Kind, Quality
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.intervals import IntervalRow
from ems_telemetry.storage.records import RecordFilter, list_records
from ems_telemetry.storage.registry import MeterRow, synchronise
from ems_telemetry.storage.revising import Accepted

NOX, OXYGEN, FLOW, STATE = "CEMS-01.nox", "CEMS-01.o2", "CEMS-01.flow", "CEMS-01.state"
PH, COD, EFFLUENT = "OF-01.ph", "OF-01.cod", "OF-01.volume"
STATES = {"stopped": 0.0, "running": 1.0}
Value = str | int | None


async def make_stack(database: Database) -> Plant:
    """Brings the plant with its stack and outfall into an empty database."""
    plant = await make_plant(database)
    meters = [
        *METERS,
        MeterRow("CEMS-01", "BER1", "boiler house", "Stack 1", "air", "hand"),
        MeterRow("OF-01", "BER1", None, "Outfall 1", "water", "hand"),
    ]
    points = [
        *POINTS,
        point(NOX, "nox_concentration", "mg/Nm3", Kind.GAUGE, "air"),
        point(OXYGEN, "oxygen_content", "%", Kind.GAUGE, "air"),
        point(FLOW, "stack_gas_flow", "Nm3/h", Kind.GAUGE, "air"),
        replace(
            point(STATE, "operating_state", "1", Kind.STATE, "air"), definition={"states": {"stopped": 0.0, "running": 1.0}}
        ),
        point(PH, "ph", "pH", Kind.GAUGE, "water"),
        point(COD, "chemical_oxygen_demand", "mg/L", Kind.GAUGE, "water"),
        point(EFFLUENT, "effluent_volume", "m3", Kind.COUNTER, "water"),
    ]
    ids = await synchronise(plant.database, SITES, meters, points, accepted=Accepted("made up", APRIL, []))
    return Plant(plant.database, plant.clock, ids, plant.keeper)


async def show(plant: Plant, key: str, start: datetime, values: Iterable[Value], *, until: datetime | None = None) -> None:
    """Stores adjacent quarters of a point, each measured in full or missing; computed up to `until`, or their end."""
    rows = [_row(plant.ids[key], start + place * QUARTER, value) for place, value in enumerate(values)]
    await plant.put(key, rows, until or start + len(rows) * QUARTER)


async def hold(plant: Plant, key: str, start: datetime, end: datetime, value: Value, *, hole: int = 0) -> None:
    """Stores one value for all quarters of a span, but for as many at its end as are missing."""
    count = (end - start) // QUARTER
    await show(plant, key, start, [*[value] * (count - hole), *[None] * hole])


async def recomputes_equal(plant: Plant, type_: str) -> int:
    """Computes all records of a type again; gives how many there are."""
    async with plant.database.connection() as connection:
        rows = await list_records(connection, RecordFilter(type=type_), 1_000)
        for row in rows:
            assert (await recompute(connection, row, asked_of(row))).equal, row.plan
    return len(rows)


def _row(point_id: int, start: datetime, value: Value) -> IntervalRow:
    if value is None:
        nothing = (None, None, None, None, 0, 15, 0.0, 0, IntervalFlag.MISSING)
        return IntervalRow(point_id, Period.QUARTER, start, *nothing, has_ended=True)
    shown = float(value)
    return IntervalRow(point_id, Period.QUARTER, start, shown, None, shown, shown, 15, 15, 1.0, Quality.GOOD, 0, has_ended=True)
