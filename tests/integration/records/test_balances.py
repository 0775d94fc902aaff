from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from record_plant import APRIL, ENERGY, MARCH, METERS, POINTS, SITES, SUB, WATER_IN, WATER_OUT, Plant

from ems_telemetry.storage.registry import synchronise

WATER = {
    "withdrawal": [{"point": WATER_IN, "source": "municipal"}],
    "discharge": [{"point": WATER_OUT, "name": "outfall 1"}],
    "stress_area": True,
}
HOLE = (MARCH + timedelta(days=3), MARCH + timedelta(days=4))


async def close(plant: Plant) -> None:
    """March is closed."""
    plant.go_to(APRIL + timedelta(days=12))
    while await plant.keeper.catch_up():
        pass


async def build_tree(plant: Plant, uncertainty: str | None = "1") -> None:
    """EM-02 stands behind EM-01."""
    percent = None if uncertainty is None else Decimal(uncertainty)
    meters = [
        replace(meter, uncertainty=percent, parent_id="EM-01" if meter.id == "EM-02" else None) for meter in METERS
    ]  # fmt: skip
    await synchronise(plant.database, SITES, meters, POINTS)


async def test_a_month_of_water_is_balanced(plant: Plant) -> None:
    await plant.measure(WATER_IN, MARCH, APRIL, "14860")
    await plant.measure(WATER_OUT, MARCH, APRIL, "11888")
    await plant.state("plan", "W-1", {"method": "water_balance@1", "scope": "BER1", "params": WATER}, since=MARCH)
    await close(plant)
    record = (await plant.records("water_balance", until=APRIL))[0]
    assert [record.value, record.unit, record.quality, list(record.flags)] == [2972, "m3", "good", ["water_stress_area"]]
    assert record.envelope["details"]["by_source"] == {"municipal": "14860"}


async def test_water_that_is_missing_leaves_no_balance_until_it_is_substituted(plant: Plant) -> None:
    await plant.measure(WATER_IN, MARCH, APRIL, "14860")
    await plant.measure(WATER_OUT, MARCH, APRIL, "11888", hole=HOLE)
    await plant.state("plan", "W-1", {"method": "water_balance@1", "scope": "BER1", "params": WATER}, since=MARCH)
    await close(plant)
    record = (await plant.records("water_balance", until=APRIL))[0]
    assert [record.value, record.quality, record.envelope["details"]["withdrawal_m3"]] == [None, "missing", "14860"]
    body = {"point": WATER_OUT, "from": HOLE[0].isoformat(), "to": HOLE[1].isoformat(), "value": "384"}
    await plant.state("substitution", "S-1", {**body, "method": "by_hand@1", "cause": "pump"}, since=HOLE[0], until=HOLE[1])
    await close(plant)
    record = (await plant.records("water_balance", until=APRIL))[0]
    assert [record.revision, record.quality] == [2, "estimated"]
    assert record.value == 2972


async def test_meters_are_balanced_by_the_meter_tree(plant: Plant) -> None:
    await build_tree(plant)
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(SUB, MARCH, APRIL, "71328")
    await plant.state("plan", "B-1", {"method": "meter_balance@1", "scope": "EM-01", "params": {"meter": "EM-01"}}, since=MARCH)
    await close(plant)
    record = (await plant.records("meter_balance", until=APRIL))[0]
    details = record.envelope["details"]
    assert [record.value, record.unit, details["verdict"]] == [2972, "kWh", "unmetered"]
    assert [(each["point"], each["role"], each["uncertainty_percent"]) for each in details["points"]] == [
        (ENERGY, "main", "1"),
        (SUB, "submeter", "1"),
    ]


async def test_a_balance_without_a_tree_or_of_two_units_is_refused_with_the_remedy(plant: Plant) -> None:
    for id_, params in {
        "B-1": {"meter": "EM-01"},
        "B-2": {"main": [{"point": ENERGY}], "submeters": [{"point": WATER_IN}]},
        "B-3": {"meter": "EM-77"},
        "B-4": {"main": [{"point": ENERGY}], "submeters": [{"point": SUB}, {"point": SUB}]},
    }.items():
        await plant.state("plan", id_, {"method": "meter_balance@1", "scope": "EM-01", "params": params}, since=MARCH)
    await close(plant)
    refused = {
        record.plan: record.envelope["details"]["refused"] for record in await plant.records("meter_balance", until=APRIL)
    }
    assert "no meter that counts active_energy_import names EM-01 as its `parent`" in refused["B-1"]
    assert f"{ENERGY} counts kWh and {WATER_IN} m3" in refused["B-2"]
    assert refused["B-4"].endswith(f"{SUB} is named twice; take one of them out of the plan item")
    assert "EM-77 counts nothing at this site" in refused["B-3"]
