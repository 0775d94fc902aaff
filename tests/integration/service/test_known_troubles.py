"""Troubles that users of other collectors had with their service, each named after the thread that tells it."""

from pathlib import Path

from fakes import until
from reloadable import Reloadable, manual
from small_plant import fetch


# https://github.com/influxdata/telegraf/issues/8728 https://github.com/influxdata/telegraf/issues/7720
async def test_telegraf_8728_a_reload_touches_what_changed_and_nothing_else(plain_url: str, tmp_path: Path) -> None:
    """There, one changed line restarted every plugin. That links and sessions stay shows `tests/acceptance/test_reload.py`."""
    plant = Reloadable(tmp_path, plain_url)
    async with plant.running() as reloader:
        await until(plant.storing.told.is_set)
        before = {name: plant.connector(name) for name in "abc"}
        for number in range(5):
            plant.write("connectors/b.yaml", manual("WM-02", f"enabled: {'true' if number % 2 else 'false'}"))
            await reloader.reload("request")
            await plant.measure("WM-01.volume", float(number))
        assert (plant.connector("a"), plant.connector("c")) == (before["a"], before["c"])
        assert plant.names == {"a", "c"}
        await until(lambda: plant.storing.told.is_set() and not plant.spool.state().batches)
        values = await fetch(plant.database, "SELECT value FROM readings_by_point ORDER BY time")
    assert values == [(float(number),) for number in range(5)]


# https://github.com/influxdata/telegraf/issues/7720
async def test_telegraf_7720_what_waits_in_the_spool_outlives_a_reload(tmp_path: Path) -> None:
    plant = Reloadable(tmp_path)
    async with plant.running() as reloader:
        await plant.measure("WM-01.volume", 1.0)
        plant.write("connectors/a.yaml", manual("WM-01", "enabled: false"))
        assert (await reloader.reload("request")).stopped == ["a"]
        assert plant.spool.state().batches == 1
