from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from record_plant import APRIL, ENERGY, MARCH, METERS, POINTS, POWER, SITES, SUB, WATER_IN, Plant

from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.records import RecordRow
from ems_telemetry.storage.registry import synchronise


async def energy(plant: Plant, *points: Mapping[str, Any], **params: object) -> RecordRow:
    """The energy of March, as the keeper closes it."""
    body = {"method": "energy@1", "scope": "BER1", "params": {"points": list(points), **params}}
    await plant.state("plan", "E-1", body, since=MARCH)
    plant.go_to(APRIL + timedelta(days=12))
    while await plant.keeper.catch_up():
        pass
    records = await plant.records("energy", since=MARCH, until=APRIL)
    return records[0]


async def stand_behind(plant: Plant) -> None:
    """EM-02 stands behind EM-01."""
    meters = [replace(meter, parent_id="EM-01") if meter.id == "EM-02" else meter for meter in METERS]
    await synchronise(plant.database, SITES, meters, POINTS)


PRESS = {"point": SUB, "carrier": "electricity", "use": "press"}
MAIN = {"point": ENERGY, "carrier": "electricity", "use": "hall", "renewable": True}


async def test_a_month_of_energy_by_carrier_and_use(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(SUB, MARCH, APRIL, "29720")
    record = await energy(plant, MAIN, PRESS)
    assert [record.value, record.unit, record.quality, record.status] == [104020, "kWh", "good", "final"]
    details = record.envelope["details"]
    assert [(each["use"], each["kwh"]) for each in details["by_use"]] == [("hall", "74300"), ("press", "29720")]
    assert details["renewable_kwh"] == "74300"
    async with plant.database.connection() as connection:
        assert (await recompute(connection, record, asked_of(record))).equal


async def test_late_data_of_one_point_amends_the_energy(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(SUB, MARCH, APRIL, "29720")
    await energy(plant, MAIN, PRESS)
    await plant.measure(SUB, MARCH, APRIL, "29972")
    while await plant.keeper.catch_up():
        pass
    record = (await plant.records("energy", since=MARCH, until=APRIL))[0]
    assert [record.revision, record.value, record.envelope["reason"]] == [2, 104272, "late_data"]


async def test_a_sub_meter_beside_its_main_meter_is_refused_unless_allowed(plant: Plant) -> None:
    await stand_behind(plant)
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(SUB, MARCH, APRIL, "29720")
    record = await energy(plant, MAIN, PRESS)
    refused = record.envelope["details"]["refused"]
    assert record.value is None
    assert refused.startswith(f"{SUB} and {ENERGY} would be counted twice: {SUB} stands behind EM-01")
    assert "allow_submeters" in refused


async def test_sub_meters_are_added_where_the_plan_allows_it_and_taken_off_without_asking(plant: Plant) -> None:
    await stand_behind(plant)
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(SUB, MARCH, APRIL, "29720")
    assert (await energy(plant, MAIN, {**PRESS, "sign": -1})).value == 74300 - 29720
    await plant.state("plan", "E-2", {
        "method": "energy@1", "scope": "BER1", "params": {"points": [MAIN, PRESS], "allow_submeters": True},
    }, since=MARCH)  # fmt: skip
    while await plant.keeper.catch_up():
        pass
    (allowed,) = await plant.records("energy", plan="E-2", until=APRIL)
    assert allowed.value == 104020


async def test_what_has_no_total_or_no_conversion_is_refused_by_name(plant: Plant) -> None:
    await plant.measure(WATER_IN, MARCH, APRIL, "1500")
    record = await energy(plant, {"point": WATER_IN, "carrier": "heat"})
    assert f"{WATER_IN} counts m3, which is no energy" in record.envelope["details"]["refused"]
    await plant.state("plan", "E-2", {
        "method": "energy@1", "scope": "BER1", "params": {"points": [{"point": POWER, "carrier": "electricity"}]},
    }, since=MARCH)  # fmt: skip
    await plant.keeper.catch_up()
    (gauge,) = await plant.records("energy", plan="E-2", until=APRIL)
    assert f"{POWER} is a gauge" in gauge.envelope["details"]["refused"]
