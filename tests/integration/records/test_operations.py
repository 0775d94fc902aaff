"""Operational control and the magnitude of aspects."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from record_plant import ENERGY, MARCH, METERS, POINTS, POWER, QUARTER, SITES, Plant, point

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind, Quality
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.intervals import IntervalRow
from ems_telemetry.storage.records import RecordRow
from ems_telemetry.storage.registry import synchronise

BYPASS = "EM-01.bypass"
DAY = timedelta(days=1)
CONTROL = {
    "point": POWER,
    "criteria": [{"name": "load", "max": "50"}],
    "required_percent": "95",
    "required_coverage_percent": "90",
}


async def add_bypass(plant: Plant) -> None:
    """EM-01 has a point that tells whether the control is passed by."""
    plant.ids = await synchronise(plant.database, SITES, METERS, [*POINTS, point(BYPASS, "operating_state", "1", Kind.STATE)])


async def gauge(plant: Plant, key: str, values: Sequence[float]) -> None:
    """The first quarters of the first of March; what comes after the values is missing."""
    rows = [
        IntervalRow(
            plant.ids[key], Period.QUARTER, MARCH + n * QUARTER, value, None, value, value, 15, 15, 1.0, Quality.GOOD, 0,
            has_ended=True,
        )
        for n, value in enumerate(values)
    ]  # fmt: skip
    await plant.put(key, rows, MARCH + DAY)


async def close_day(plant: Plant, type_: str) -> RecordRow:
    """The first of March is closed."""
    plant.go_to(MARCH + 3 * DAY)
    while await plant.keeper.catch_up():
        pass
    (record,) = await plant.records(type_, until=MARCH + DAY)
    return record


async def test_a_day_of_operational_control_with_excursions_and_bypass(plant: Plant) -> None:
    await add_bypass(plant)
    await gauge(plant, POWER, [40.0] * 90 + [51.0, 55.5] + [40.0] * 4)
    await gauge(plant, BYPASS, [0.0] * 95 + [1.0])
    params = {**CONTROL, "bypass": {"point": BYPASS, "most_minutes": "10"}}
    await plant.state(
        "plan", "C-1", {"method": "operational_control@1", "scope": POWER, "period": "1d", "params": params}, since=MARCH
    )
    record = await close_day(plant, "operational_control")
    details = record.envelope["details"]
    assert [details[name] for name in ("out_of_range_minutes", "bypass_minutes", "verdict")] == ["30", "15", "out_of_control"]
    assert [(each["minutes"], each["extreme"], each["cut"]) for each in details["excursions"]] == [("30", "55.5", False)]
    assert record.value is not None
    assert round(record.value, 3) == Decimal("97.917")
    async with plant.database.connection() as connection:
        assert (await recompute(connection, record, asked_of(record))).equal


async def test_too_little_measured_is_indeterminate(plant: Plant) -> None:
    await gauge(plant, POWER, [40.0] * 80)
    await plant.state(
        "plan", "C-1", {"method": "operational_control@1", "scope": POWER, "period": "1d", "params": CONTROL}, since=MARCH
    )
    record = await close_day(plant, "operational_control")
    details = record.envelope["details"]
    assert [record.value, details["verdict"], details["not_measured_minutes"]] == [100, "indeterminate", "240"]


async def test_a_counter_is_no_control_parameter(plant: Plant) -> None:
    params = {**CONTROL, "point": ENERGY}
    await plant.state(
        "plan", "C-1", {"method": "operational_control@1", "scope": POWER, "period": "1d", "params": params}, since=MARCH
    )
    record = await close_day(plant, "operational_control")
    assert f"{ENERGY} is a counter" in record.envelope["details"]["refused"]


@pytest.mark.parametrize("method", ["aspect_magnitude@1", "aspect_magnitude@2"])
async def test_an_aspect_by_the_register_with_its_share_and_trend(plant: Plant, method: str) -> None:
    await plant.measure(ENERGY, MARCH, MARCH + 2 * DAY, "192")
    total = {"method": "period_total@1", "scope": ENERGY, "period": "1d", "params": {"point": ENERGY}}
    await plant.state("plan", "T-1", total, since=MARCH)
    params = {"aspect": "energy use", "points": [ENERGY], "by_register": {"equipment": ["press"]}, "total": {"plan": "T-1"}}
    await plant.state("plan", "A-1", {"method": method, "scope": "BER1", "period": "1d", "params": params}, since=MARCH)
    start, end = MARCH + DAY + timedelta(hours=1), MARCH + DAY + timedelta(hours=3)
    for id_, equipment in (("O-1", "press"), ("O-2", "boiler")):
        body = {"state": "maintenance", "from": start.isoformat(), "to": end.isoformat(), "equipment": equipment}
        await plant.state("operating_state", id_, body, since=start, until=end)
        start, end = start + DAY / 2, end + DAY / 2
    plant.go_to(MARCH + 4 * DAY)
    while await plant.keeper.catch_up():
        pass
    first, second = await plant.records("aspect_magnitude", until=MARCH + 2 * DAY)
    assert [first.value, first.envelope["details"]["change"], first.envelope["details"]["share_percent"]] == [96, None, "100"]
    details = second.envelope["details"]
    assert {each["condition"]: (each["amount"], each["hours"]) for each in details["by_condition"]} == {
        "normal": ("88", "22"),
        "abnormal": ("8", "2"),
        "emergency": ("0", "0"),
    }
    assert [details[name] for name in ("before", "change", "change_percent")] == ["96", "0", "0"]
    async with plant.database.connection() as connection:
        assert (await recompute(connection, second, asked_of(second))).equal


async def test_a_state_told_later_amends_the_aspect_and_a_new_figure_amends_the_trend(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, MARCH + 2 * DAY, "192")
    params = {"aspect": "energy use", "points": [ENERGY], "by_register": {}}
    await plant.state(
        "plan", "A-1", {"method": "aspect_magnitude@1", "scope": "BER1", "period": "1d", "params": params}, since=MARCH
    )
    plant.go_to(MARCH + 4 * DAY)
    while await plant.keeper.catch_up():
        pass
    end = MARCH + timedelta(minutes=90)
    body = {"state": "emergency", "from": MARCH.isoformat(), "to": end.isoformat()}
    await plant.state("operating_state", "O-1", body, since=MARCH, until=end)
    await plant.keeper.catch_up()
    first, second = await plant.records("aspect_magnitude", until=MARCH + 2 * DAY)
    assert [first.revision, first.envelope["reason"], second.revision] == [2, "operating_state_changed", 1]
    assert first.envelope["details"]["by_condition"][2]["amount"] == "6"
    await plant.measure(ENERGY, MARCH, MARCH + DAY, "48")
    while await plant.keeper.catch_up():
        pass
    first, second = await plant.records("aspect_magnitude", until=MARCH + 2 * DAY)
    assert [first.value, second.envelope["details"]["change_percent"]] == [48, "100"]


async def test_an_aspect_by_a_state_point(plant: Plant) -> None:
    await add_bypass(plant)
    await plant.measure(ENERGY, MARCH, MARCH + DAY, "96")
    await gauge(plant, BYPASS, [0.0] * 90 + [1.0] * 4)
    by_point = {"point": BYPASS, "states": {"0": "normal", "1": "abnormal"}}
    params = {"aspect": "energy use", "points": [ENERGY], "by_point": by_point, "total": {"points": [ENERGY]}}
    await plant.state(
        "plan", "A-1", {"method": "aspect_magnitude@1", "scope": "BER1", "period": "1d", "params": params}, since=MARCH
    )
    record = await close_day(plant, "aspect_magnitude")
    assert {each["condition"]: each["amount"] for each in record.envelope["details"]["by_condition"]} == {
        "normal": "90", "abnormal": "4", "emergency": "0", "unknown": "2",
    }  # fmt: skip


async def test_what_was_dated_wrongly_at_first_counts_where_its_newest_revision_says(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, MARCH + 2 * DAY, "192")
    for start in (MARCH, MARCH + DAY):
        body = {"state": "emergency", "from": start.isoformat(), "to": (start + DAY / 4).isoformat()}
        await plant.state("operating_state", "O-1", body, since=start, until=start + DAY / 4)
        span = {"point": ENERGY, "from": body["from"], "to": body["to"], "value": "48", "class": "typing_error"}
        await plant.state("correction", "K-1", span, since=start, until=start + DAY / 4)
    params = {"aspect": "energy use", "points": [ENERGY], "by_register": {}}
    await plant.state(
        "plan", "A-1", {"method": "aspect_magnitude@1", "scope": "BER1", "period": "1d", "params": params}, since=MARCH
    )
    plant.go_to(MARCH + 4 * DAY)
    while await plant.keeper.catch_up():
        pass
    first, second = await plant.records("aspect_magnitude", until=MARCH + 2 * DAY)
    assert [first.value, second.value] == [96, 120]
    amounts = [record.envelope["details"]["by_condition"][2]["amount"] for record in (first, second)]
    assert amounts == ["0", "48"]
    assert "corrected" not in first.flags


async def test_dating_a_fact_anew_amends_what_it_was_in_and_what_it_is_in_now(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, MARCH + 2 * DAY, "192")
    params = {"aspect": "energy use", "points": [ENERGY], "by_register": {}}
    await plant.state(
        "plan", "A-1", {"method": "aspect_magnitude@1", "scope": "BER1", "period": "1d", "params": params}, since=MARCH
    )
    plant.go_to(MARCH + 4 * DAY)
    for start in (MARCH, MARCH + DAY):
        body = {"state": "emergency", "from": start.isoformat(), "to": (start + DAY / 4).isoformat()}
        await plant.state("operating_state", "O-1", body, since=start, until=start + DAY / 4)
        while await plant.keeper.catch_up():
            pass
    records = await plant.records("aspect_magnitude", until=MARCH + 2 * DAY)
    assert [record.revision for record in records] == [2, 2]
    assert [record.envelope["details"]["by_condition"][2]["amount"] for record in records] == ["0", "24"]


async def test_what_happened_at_an_instant_does_not_last_and_what_lasts_does(plant: Plant) -> None:
    span = {"point": ENERGY, "from": MARCH.isoformat(), "to": (MARCH + DAY).isoformat(), "value": "4", "class": "other"}
    await plant.state("correction", "K-1", span, since=MARCH)
    await plant.state("operating_state", "O-1", {"state": "off", "from": MARCH.isoformat()}, since=MARCH)
    async with plant.database.connection() as connection:
        sources = Sources(connection, plant.clock.now())
        found = {
            (kind, day): len(await sources.happened(kind, MARCH + day * DAY, MARCH + (day + 1) * DAY, site="BER1"))
            for kind in ("correction", "operating_state")
            for day in (-1, 0, 1)
        }
    assert [found["correction", day] for day in (-1, 0, 1)] == [0, 1, 0]
    assert [found["operating_state", day] for day in (-1, 0, 1)] == [0, 1, 1]
