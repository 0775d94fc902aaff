import asyncio
from dataclasses import replace

import pytest
from small_plant import ENERGY, METERS, POINTS, POWER, SITES, WATER, batch, fetch, point, prepare, reading, write

from ems_telemetry.errors import ConfigurationError
from ems_telemetry.model import Kind
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
