from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from record_plant import APRIL, ENERGY, MARCH, MAY, METERS, POINTS, QUARTER, SITES, SUB, Plant, point

from ems_telemetry.config.content import WrittenFile, hash_of
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind, Quality
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.proving.lineage import Lineage, Wanted
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.intervals import IntervalRow
from ems_telemetry.storage.records import RecordRow
from ems_telemetry.storage.registry import MeterRow, PointRow, synchronise
from ems_telemetry.storage.revising import Accepted

GAS = "GM-01.volume"
PRESS_AT = MARCH + timedelta(days=14)
CONVERSION = {"value": "11.3", "unit": "kWh/Nm3", "basis": "Hs", "source": "supplier's bill of March 2026"}


async def configure(plant: Plant, at: datetime, meters: Mapping[str, Mapping[str, Any]], *more: MeterRow) -> None:
    """Lets the plant be configured otherwise from a time on; with a gas meter."""
    rows = [replace(meter, **meters.get(meter.id, {})) for meter in METERS]
    rows += [MeterRow("GM-01", "BER1", "boiler", "Gas", "gas", "hand", cost_centre="4700"), *more]
    gas = point(GAS, "gas_volume", "Nm3", Kind.COUNTER, "gas")
    points: list[PointRow] = [*POINTS, gas, *(point(f"{row.id}.energy_import", "active_energy_import", "kWh") for row in more)]
    text = f"{at} {meters}"
    files = [WrittenFile(Path("plant"), "plant.yaml", text)]
    ids = await synchronise(plant.database, SITES, rows, points, accepted=Accepted(hash_of(files), at, files))
    plant.ids = ids


async def selected(plant: Plant, selection: Mapping[str, Any], name: str = "E-1", **params: object) -> None:
    body = {"method": "energy@2", "scope": "BER1", "params": {"selection": selection, **params}}
    await plant.state("plan", name, body, since=MARCH)


async def march(plant: Plant, name: str = "E-1") -> RecordRow:
    plant.go_to(max(plant.clock.now(), APRIL + timedelta(days=12)))
    await plant.catch_up()
    (record,) = [row for row in await plant.records("energy", plan=name) if row.period_start == MARCH]
    async with plant.database.connection() as connection:
        assert (await recompute(connection, record, asked_of(record))).equal
    return record


def told(record: RecordRow, name: str) -> Sequence[Any]:
    return [(each["point"], each["why"], each["of"]) for each in record.envelope["details"][name]]


async def test_a_site_is_added_up_once_by_what_was_configured_with_its_peak_and_follows_what_changes(plant: Plant) -> None:
    """One plant through its life: a sub-meter, gas, a meter that moves, late data, and a meter that is new."""
    await plant.expect_nothing()
    await configure(plant, MARCH - timedelta(days=1), {"EM-02": {"parent_id": "EM-01", "cost_centre": "4711"}})
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(SUB, MARCH, APRIL, "29720")
    await plant.measure(GAS, MARCH, APRIL, "1000")
    await peak(plant, ENERGY, PRESS_AT, ["100", "150", "150"])
    about = [{"quantities": ["gas_volume"], "conversion": CONVERSION, "use": "boiler"}, {"renewable": True}]
    await selected(plant, {}, about=about)
    await selected(plant, {"areas": ["hall-1"], "carriers": ["electricity"]}, "E-2")
    await selected(plant, {"meters": ["EM-02"]}, "E-3", peak=None)
    record = await march(plant)
    details = record.envelope["details"]
    main = 74300 + 400 - 75
    assert [record.value, record.unit, record.quality, record.flags] == [main + 11300, "kWh", "good", []]
    assert told(record, "left_out") == [(SUB, "behind", ENERGY)]
    assert [(each["carrier"], each["kwh"], each["basis"]) for each in details["by_carrier"]] == [
        ("electricity", str(main), None), ("natural_gas", "11300", "Hs"),
    ]  # fmt: skip
    assert [(each["cost_centre"], each["kwh"]) for each in details["by_cost_centre"]] == [(None, str(main)), ("4700", "11300")]
    assert details["renewable_kwh"] == str(main + 11300)
    demand = details["demand"]
    assert (demand["peak_demand"]["value"], demand["peak_demand"]["unit"]) == ("600", "kW")
    assert datetime.fromisoformat(demand["peak_demand"]["start"]) == PRESS_AT + QUARTER
    assert {ref["kind"] for ref in record.envelope["inputs"]} >= {"meter_revision", "interval", "raw", "point_revision"}
    async with plant.database.connection() as connection:
        tree = await Lineage(connection, Wanted()).of(record)
    standings = {each["meter"]: each for each in tree["standings"]}
    assert all(each["same"] for each in standings.values())
    assert (standings["EM-01"]["standing"]["site"], standings["GM-01"]["standing"]["cost_centre"]) == ("BER1", "4700")
    sub = await march(plant, "E-3")
    assert [sub.value, sub.envelope["details"]["by_cost_centre"][0]["cost_centre"]] == [29720, "4711"]
    assert sub.envelope["details"]["demand"] is None
    await late_data_amends(plant, main)
    await what_is_configured_later_holds_later(plant)
    await a_meter_that_is_new_counts_for_the_past_where_it_has_values(plant)


async def late_data_amends(plant: Plant, main: int) -> None:
    await peak(plant, ENERGY, PRESS_AT + timedelta(days=1), ["150"])
    hall = await march(plant, "E-2")
    assert [hall.revision, hall.value, hall.envelope["reason"]] == [2, main + 125, "late_data"]
    start = hall.envelope["details"]["demand"]["peak_demand"]["start"]
    assert datetime.fromisoformat(start) == PRESS_AT + QUARTER  # of equal ones the earliest


async def what_is_configured_later_holds_later(plant: Plant) -> None:
    """In April EM-01 is moved away: EM-02, which stood behind it, counts for the hall."""
    moved = {"EM-01": {"area": "yard"}, "EM-02": {"parent_id": "EM-01"}}
    await configure(plant, APRIL + timedelta(days=13), moved)
    await plant.measure(ENERGY, APRIL, MAY, "72000")
    await plant.measure(SUB, APRIL, MAY, "36000")
    await plant.measure(GAS, APRIL, MAY, "500")
    plant.go_to(MAY + timedelta(days=12))
    await plant.catch_up()
    assert (await march(plant, "E-2")).revision == 2
    (april,) = [row for row in await plant.records("energy", plan="E-2") if row.period_start == APRIL]
    assert [april.value, april.flags] == [36000, ["selection_changed"]]
    assert told(april, "left_out") == [(ENERGY, "other_area", None), (GAS, "other_area", None)]


async def a_meter_that_is_new_counts_for_the_past_where_it_has_values(plant: Plant) -> None:
    new = MeterRow("EM-05", "BER1", "yard", "Crane", "electricity", "hand")
    await configure(plant, MAY + timedelta(days=13), {"EM-02": {"parent_id": "EM-01"}}, new)
    before = await march(plant)
    assert told(before, "left_out") == [(SUB, "behind", ENERGY), ("EM-05.energy_import", "no_values", None)]
    await plant.measure("EM-05.energy_import", APRIL - timedelta(days=10), APRIL, "960")
    after = await march(plant)
    assert [after.value, after.flags] == [before.value + 960 if before.value else None, ["part_of_period"]]
    (crane,) = [each for each in after.envelope["details"]["points"] if each["point"] == "EM-05.energy_import"]
    assert (datetime.fromisoformat(crane["since"]), crane["measured_percent"]) == (APRIL - timedelta(days=10), "100")


async def peak(plant: Plant, key: str, start: datetime, quarters: Sequence[str]) -> None:
    """Lets a point count otherwise in some quarters, and the day and the month with them."""
    rows = [_interval(plant.ids[key], Period.QUARTER, start + n * QUARTER, Decimal(each)) for n, each in enumerate(quarters)]
    more = sum((Decimal(each) - 25 for each in quarters), Decimal())
    rows += [_interval(plant.ids[key], Period.DAY, start, 2400 + more)]
    await plant.put(key, rows, APRIL)


def _interval(point_id: int, period: Period, start: datetime, value: Decimal) -> IntervalRow:
    return IntervalRow(point_id, period, start, float(value), value, None, None, 15, 15, 1.0, Quality.GOOD, 0, has_ended=True)


async def test_a_selection_that_finds_nothing_or_cannot_be_converted_says_what_to_correct(plant: Plant) -> None:
    await plant.expect_nothing()
    await configure(plant, MARCH, {})
    await plant.measure(GAS, MARCH, APRIL, "1000")
    await selected(plant, {"areas": ["cellar"]})
    await selected(plant, {"carriers": ["natural_gas"]}, "E-2")
    assert "correct the `selection`" in (await march(plant)).envelope["details"]["refused"]
    assert f"{GAS} counts Nm3, which is no energy" in (await march(plant, "E-2")).envelope["details"]["refused"]
