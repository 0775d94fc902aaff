"""Reloads with a database: meanings are kept, new points are known in time, and an outage leaves nothing out."""

import asyncio
from pathlib import Path

import pytest
from fakes import until
from reloadable import Reloadable, manual
from small_plant import fetch
from timescaledb import Server

from ems_telemetry.api.standing import Outcome
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.service.meanings import Meanings
from ems_telemetry.storage.revisions import list_config_revisions, list_point_revisions

POWER = manual("WM-01", unit="kW", quantity="active_power", kind="gauge")
READINGS = "SELECT point, value, unit FROM readings_by_point ORDER BY point, time"


async def written(plant: Reloadable) -> None:
    await until(lambda: plant.storing.writer.state.connected and not plant.spool.state().batches)


async def test_a_point_with_readings_keeps_its_meaning_and_its_connector_does_not_notice(
    plain_url: str, tmp_path: Path
) -> None:
    plant = Reloadable(tmp_path, plain_url)
    async with plant.running() as reloader:
        await until(plant.storing.told.is_set)
        before = plant.connector("a")
        await plant.measure("WM-01.volume", 5.0)  # not written yet when the reload begins
        plant.write("connectors/a.yaml", POWER)
        reload = await reloader.reload("request")
        assert 'its stored readings have the unit "m3", and the configuration says "kW"' in reload.problems[0]
        assert plant.connector("a") is before
        await plant.measure("WM-01.volume", 6.0)
        await written(plant)
        assert [(value, unit) for _, value, unit in await fetch(plant.database, READINGS)] == [(5.0, "m3"), (6.0, "m3")]


async def test_a_point_without_readings_may_mean_something_else_and_the_registry_follows(
    plain_url: str, tmp_path: Path
) -> None:
    plant = Reloadable(tmp_path, plain_url)
    async with plant.running() as reloader:
        await until(plant.storing.told.is_set)
        plant.write("connectors/a.yaml", POWER)
        reload = await reloader.reload("request")
        assert (reload.outcome, reload.restarted, reload.notes) == (Outcome.ACCEPTED, ["a"], [])
        assert await fetch(plant.database, "SELECT unit FROM points WHERE key = 'WM-01.volume'") == [("kW",)]
        await plant.measure("WM-01.volume", 7.0)
        await written(plant)
        assert await fetch(plant.database, READINGS) == [("WM-01.volume", 7.0, "kW")]
        assert [row.unit for row in await list_point_revisions(plant.database, "WM-01.volume", limit=9)] == ["kW", "m3"]


async def test_readings_that_came_between_asking_and_stopping_bring_the_old_one_back(
    plain_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = Reloadable(tmp_path, plain_url)
    asked = 0

    async def check(*_: object) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise ConfigurationError([Problem(None, None, "it has a reading by now")])

    monkeypatch.setattr(Meanings, "check", check)
    async with plant.running() as reloader:
        await until(plant.storing.told.is_set)
        plant.write("connectors/a.yaml", POWER)
        reload = await reloader.reload("request")
        assert reload.problems == ["it has a reading by now"]
        assert plant.names == {"a", "b", "c"}
        await plant.measure("WM-01.volume", 5.0)
        await written(plant)
        assert await fetch(plant.database, READINGS) == [("WM-01.volume", 5.0, "m3")]


async def test_what_a_new_connector_says_at_once_is_never_unknown(plain_url: str, tmp_path: Path) -> None:
    plant = Reloadable(tmp_path, plain_url)
    async with plant.running() as reloader:
        await until(plant.storing.told.is_set)
        writing = asyncio.create_task(keep_measuring(plant))
        for number in range(10, 20):
            plant.write(f"connectors/new-{number}.yaml", manual(f"WM-{number}"))
            reloading = asyncio.create_task(reloader.reload("request"))
            while f"new-{number}" not in plant.names:
                await asyncio.sleep(0)
            await plant.measure(f"WM-{number}.volume", float(number))
            assert (await reloading).outcome is Outcome.ACCEPTED
        writing.cancel()
        await written(plant)
        assert await fetch(plant.database, "SELECT count(*) FROM dead_letters") == [(0,)]
        new = "SELECT count(*) FROM readings_by_point WHERE point LIKE 'WM-1%%'"
        assert await fetch(plant.database, new) == [(10,)]


async def keep_measuring(plant: Reloadable) -> None:
    while True:
        await plant.measure("WM-03.volume", 1.0)
        await asyncio.sleep(0.01)


async def test_each_configuration_of_an_outage_is_kept_in_order_and_none_of_its_readings_is_lost(
    killable_database: Server, tmp_path: Path
) -> None:
    plant = Reloadable(tmp_path, killable_database.dsn)
    async with plant.running() as reloader:
        await until(plant.storing.told.is_set)
        killable_database.kill()
        plant.storing.writer.renew()  # one with nothing to write does not notice
        await until(lambda: not plant.storing.writer.state.connected)
        plant.write("connectors/d.yaml", manual("WM-04"))
        assert (await reloader.reload("request")).notes
        await plant.measure("WM-04.volume", 4.0)
        (plant.folder / "connectors/d.yaml").unlink()
        assert (await reloader.reload("request")).stopped == ["d"]
        killable_database.start()
        await until(plant.storing.told.is_set, 40)
        await written(plant)
        assert await fetch(plant.database, READINGS) == [("WM-04.volume", 4.0, "m3")]
        revisions = await list_config_revisions(plant.database, limit=9)
        assert [row.files for row in revisions] == [5, 6, 5]
        assert plant.storing.revision == revisions[0].id
        assert revisions[0].hash == revisions[2].hash
        points = await list_point_revisions(plant.database, "WM-04.volume", limit=9)
        assert [(row.active, row.config_revision) for row in points] == [(False, revisions[0].id), (True, revisions[1].id)]
        assert await fetch(plant.database, "SELECT active FROM points WHERE key = 'WM-04.volume'") == [(False,)]
