import asyncio
from dataclasses import replace

import pytest
from small_plant import ENERGY, METERS, POINTS, POWER, SITES, START, WATER, batch, fetch, point, prepare, reading, stored, write

from ems_telemetry.errors import ConfigurationError
from ems_telemetry.model import Batch, Declaration, Kind, Reading
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import synchronise


async def test_the_tables_say_what_is_configured(database: Database) -> None:
    await migrate(database)
    ids = await synchronise(database, SITES, METERS, POINTS)
    assert set(ids) == {ENERGY, POWER, WATER}
    assert await fetch(database, "SELECT id, name, timezone, areas, active FROM sites") == [
        ("BER1", "Berlin works", "Europe/Berlin", ["hall-1"], True)
    ]
    assert await fetch(
        database, "SELECT key, unit, kind, extract(epoch FROM expected_interval)::float8 FROM points ORDER BY key"
    ) == [
        (ENERGY, "kWh", "counter", 10.0),
        (POWER, "kW", "gauge", 10.0),
        (WATER, "m3", "counter", 10.0),
    ]


async def test_doing_it_again_changes_nothing_and_uses_up_no_id(database: Database) -> None:
    await migrate(database)
    first = await synchronise(database, SITES, METERS, POINTS)
    touched = "SELECT updated_at FROM sites UNION ALL SELECT updated_at FROM meters UNION ALL SELECT updated_at FROM points"
    before = await fetch(database, touched)
    assert await synchronise(database, SITES, METERS, POINTS) == first
    assert await fetch(database, touched) == before
    more = await synchronise(database, SITES, METERS, [*POINTS, point("EM-01.reactive")])
    assert more == first | {"EM-01.reactive": max(first.values()) + 1}


async def test_what_is_no_longer_configured_becomes_inactive_and_keeps_its_id(database: Database) -> None:
    ids = (await prepare(database)).point_ids
    await synchronise(database, SITES, METERS[:1], POINTS[:1])
    active = "SELECT key FROM points WHERE active UNION ALL SELECT id FROM meters WHERE active ORDER BY 1"
    assert await fetch(database, active) == [("EM-01",), (ENERGY,)]
    assert await synchronise(database, SITES, METERS, POINTS) == ids
    assert len(await fetch(database, active)) == 5


async def test_names_and_sources_follow_the_configuration(database: Database) -> None:
    await prepare(database)
    renamed = [
        replace(one, name="Feed-in", source="input 342", medium="electricity", expected_interval_s=None) for one in POINTS
    ]
    await synchronise(database, SITES, METERS, renamed)
    rows = await fetch(database, "SELECT DISTINCT name, source, medium, expected_interval FROM points")
    assert rows == [("Feed-in", "input 342", "electricity", None)]


async def test_a_point_with_readings_keeps_its_unit_and_its_kind(database: Database) -> None:
    await write(database, batch(reading(POWER)))
    changed = [point(ENERGY), point(POWER, "W", Kind.COUNTER), point(WATER, "m3")]
    with pytest.raises(ConfigurationError) as refused:
        await synchronise(database, SITES, METERS, changed)
    unit, kind = (problem.message for problem in refused.value.problems)
    assert (
        'EM-01.power: its stored readings have the unit "kW", and the configuration says "W"; give the point a new id' in unit
    )
    assert 'EM-01.power: its stored readings have the kind "gauge", and the configuration says "counter"' in kind
    assert await fetch(database, "SELECT unit FROM points WHERE key = %s", POWER) == [("kW",)]


async def test_a_point_without_readings_may_still_change_its_unit(database: Database) -> None:
    await prepare(database)
    await synchronise(database, SITES, METERS, [point(ENERGY), point(POWER, "W", Kind.GAUGE), point(WATER, "m3")])
    assert await fetch(database, "SELECT unit FROM points WHERE key = %s", POWER) == [("W",)]


async def test_two_services_at_once_agree(database: Database) -> None:
    await migrate(database)
    one, other = await asyncio.gather(*(synchronise(database, SITES, METERS, POINTS) for _ in range(2)))
    assert one == other


FOUND = Declaration(
    *("EM-30.power", "EM-30", "Line 3", "BER1", None, "electricity", "Power", "active_power", "kW", "gauge"),
    *("spBv1.0/P/DDATA/line-3/EM-30 Power", "W", None),
)


def found(*readings: Reading, declared: Declaration = FOUND) -> Batch:
    return Batch("hall-1", readings, declarations=[declared])


ACTIVE = "SELECT key, discovered FROM points WHERE active ORDER BY key"


async def test_what_a_device_makes_known_is_there_before_its_readings(database: Database) -> None:
    assert await write(database, found(reading(FOUND.key))) == {"inserted": 1}
    assert await stored(database, FOUND.key) == [(START, 1.0)]
    rows = await fetch(database, "SELECT id, name, connector, discovered FROM meters WHERE discovered")
    assert rows == [("EM-30", "Line 3", "hall-1", True)]


async def test_it_stays_active_as_long_as_its_connector_runs(database: Database) -> None:
    await write(database, found(reading(FOUND.key)))
    await synchronise(database, SITES, METERS, POINTS, discovering=["hall-1"])
    assert (FOUND.key, True) in await fetch(database, ACTIVE)
    await synchronise(database, SITES, METERS, POINTS, discovering=["water-broker"])
    assert (FOUND.key, True) not in await fetch(database, ACTIVE)
    assert await fetch(database, "SELECT active FROM meters WHERE id = 'EM-30'") == [(False,)]


async def test_a_device_does_not_change_what_a_file_names(database: Database) -> None:
    await prepare(database)
    await write(database, found(declared=FOUND._replace(key=POWER, meter="EM-01", name="mine", meter_name="mine")))
    rows = await fetch(
        database, "SELECT p.name, m.name, p.discovered FROM points p JOIN meters m ON m.id = meter_id WHERE key = %s", POWER
    )
    assert rows == [(POWER.partition(".")[2], "Main switchboard", False)]


async def test_a_file_takes_over_what_a_device_had_made_known(database: Database) -> None:
    await write(database, found(reading(FOUND.key)))
    await synchronise(database, SITES, [*METERS, replace(METERS[0], id="EM-30")], [*POINTS, point(FOUND.key, "kW", Kind.GAUGE)])
    assert (FOUND.key, False) in await fetch(database, ACTIVE)


async def test_another_meaning_under_the_same_key_is_kept_apart_as_dead_letters(database: Database) -> None:
    await write(database, found(reading(FOUND.key)))
    other = FOUND._replace(quantity="active_energy_import", unit="kWh", kind="counter")
    assert await write(database, found(reading(FOUND.key, 1), reading(POWER), declared=other)) == {"inserted": 1, "rejected": 1}
    assert await stored(database, FOUND.key) == [(START, 1.0)]
    assert await fetch(database, "SELECT unit FROM points WHERE key = %s", FOUND.key) == [("kW",)]
    assert await fetch(database, "SELECT reason, point FROM dead_letters") == [("unknown_point", FOUND.key)]
