"""What a reload does to what runs, and that whatever is wrong leaves it alone. The database is away in all of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from fakes import until
from reloadable import Reloadable, manual

from ems_telemetry.api.standing import Outcome, Reload
from ems_telemetry.connectors.contract import ConnectorType
from ems_telemetry.observe import LinkState
from ems_telemetry.service.reloading import STOPPING, Reloader


@pytest.fixture
def plant(tmp_path: Path) -> Reloadable:
    return Reloadable(tmp_path)


def reading(reloader: Reloader, read: Callable[[], object]) -> None:
    """Puts something else in the place of reading the files."""
    reloader._hooks = replace(reloader._hooks, read=read)  # type: ignore[arg-type]  # some tests give no configuration


def touched(reload: Reload) -> dict[str, list[str]]:
    return {what: names for what in ("started", "stopped", "restarted") if (names := getattr(reload, what))}


async def test_only_what_changed_is_built_anew(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        before = {name: plant.connector(name) for name in ("a", "b", "c")}
        plant.write("connectors/b.yaml", manual("WM-02", unit="L"))
        reload = await reloader.reload("request")
        assert (reload.outcome, touched(reload), reload.kept) == (Outcome.ACCEPTED, {"restarted": ["b"]}, 2)
        assert [name for name in before if plant.connector(name) is not before[name]] == ["b"]
        assert reloader.running.configuration.points[1].point.unit == "L"


async def test_connectors_come_and_go_with_their_files(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        (plant.folder / "connectors/a.yaml").unlink()
        plant.write("connectors/d.yaml", manual("WM-04"))
        plant.write("connectors/c.yaml", manual("WM-03", "enabled: false"))
        reload = await reloader.reload("request")
        assert touched(reload) == {"started": ["d"], "stopped": ["a", "c"]}
        assert plant.names == {"b", "d"}
        states = {name: report.status.state for name, report in plant.assembler.reports.items()}
        assert states.keys() == {"b", "c", "d"}
        assert states["c"] is LinkState.STOPPED
        assert plant.metrics.registry.get_sample_value("ems_telemetry_connector_up", {"connector": "a"}) is None


async def test_a_mistake_leaves_everything_as_it_is_and_is_told(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        before = {name: plant.connector(name) for name in ("a", "b", "c")}
        running = reloader.running
        plant.write("connectors/a.yaml", manual("WM-01", unit="L"))
        plant.write("connectors/b.yaml", manual("WM-02", kind="countr"))
        plant.write("connectors/c.yaml", manual("WM-03", "enabeld: false"))
        reload = await reloader.reload("request")
        assert reload.outcome is Outcome.REFUSED
        assert ["countr" in reload.problems[0], "enabeld" in reload.problems[1]] == [True, True]
        assert "connectors/b.yaml:3" in reload.problems[0]
        assert {name: plant.connector(name) for name in before} == before
        assert reloader.running is running
        assert reloader.last == plant.told[-1] == reload


async def test_nothing_changed_is_nothing_done_and_a_comment_is_a_new_revision_at_most(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        assert (await reloader.reload("request")).outcome is Outcome.UNCHANGED
        plant.write("connectors/a.yaml", "# a comment\n" + manual("WM-01"))
        before, connector = reloader.running, plant.connector("a")
        reload = await reloader.reload("request")
        assert (reload.outcome, touched(reload)) == (Outcome.ACCEPTED, {})
        assert reloader.running.accepted.hash != before.accepted.hash
        assert plant.connector("a") is connector


async def test_one_that_cannot_be_built_stops_nothing(plant: Reloadable) -> None:
    def build(*_: object) -> object:
        raise OSError("its secret is gone")

    async with plant.running() as reloader:
        known = plant.assembler._types["manual"]
        broken = ConnectorType("manual", known.file, build)  # type: ignore[arg-type]  # never gets so far
        plant.assembler._types = {"manual": broken}  # type: ignore[assignment]  # a table is enough
        before = plant.connector("a")
        plant.write("connectors/a.yaml", manual("WM-01", unit="L"))
        reload = await reloader.reload("request")
        assert reload.problems == ["a connector cannot be built: its secret is gone"]
        assert plant.connector("a") is before


async def test_a_fault_of_ours_is_a_refusal_and_the_next_reload_works(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        plant.write("connectors/a.yaml", manual("WM-01", unit="L"))
        reading(reloader, lambda: 1 / 0)
        reload = await reloader.reload("request")
        assert reload.problems == ["internal error: ZeroDivisionError: division by zero; the log says more"]
        reading(reloader, plant.read)
        assert (await reloader.reload("request")).outcome is Outcome.ACCEPTED


async def test_a_reload_during_a_reload_waits_and_sees_what_changed_meanwhile(plant: Reloadable) -> None:
    begun, go_on = asyncio.Event(), Event()
    async with plant.running() as reloader:
        loop = asyncio.get_running_loop()

        def slow_read() -> object:
            found = plant.read()
            loop.call_soon_threadsafe(begun.set)
            assert go_on.wait(10)
            return found

        reading(reloader, slow_read)
        first = asyncio.create_task(reloader.reload("request"))
        await begun.wait()
        plant.write("connectors/a.yaml", manual("WM-01", unit="L"))
        others = [asyncio.create_task(reloader.reload("request")) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert not first.done()
        go_on.set()
        assert (await first).outcome is Outcome.UNCHANGED
        second, third = await asyncio.gather(*others)
        assert second is third
        assert touched(second) == {"restarted": ["a"]}


async def test_a_stop_during_a_reload_ends_both(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        go_on = Event()
        reading(reloader, lambda: go_on.wait(10))
        waiting = asyncio.create_task(reloader.reload("request"))
        await asyncio.sleep(0.05)
        plant.stopping.ask()
        assert (await waiting).problems == [STOPPING]
        assert (await reloader.reload("request")).problems == [STOPPING]
        go_on.set()


async def test_a_new_point_needs_no_database_and_is_told_when_it_comes(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        plant.write("connectors/d.yaml", manual("WM-04"))
        reload = await reloader.reload("request")
        assert touched(reload) == {"started": ["d"]}
        assert reload.notes == ["the database does not know of it yet; it is told when it answers"]
        await plant.measure("WM-04.volume", 1.0)
        assert len(plant.storing._plants) == 2


async def test_another_unit_is_refused_while_nobody_can_tell_whether_there_are_readings(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        before = plant.connector("a")
        plant.write("connectors/a.yaml", manual("WM-01", unit="kW", quantity="active_power", kind="gauge"))
        reload = await reloader.reload("request")
        (problem,) = reload.problems
        assert problem.startswith('point WM-01.volume: it is "m3, counter" and would be "kW, gauge"')
        assert "cannot be known now" in problem
        assert plant.connector("a") is before


async def test_settings_are_followed_and_those_that_cannot_be_are_named(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        text = "spool: {directory: ../spool}\napi: {port: 9000}\nlog: {level: debug}\nstop_within: 3s\n"
        plant.write("config/ems-telemetry.yaml", text)
        reload = await reloader.reload("request")
        assert reload.notes[0] == "api.port takes effect at the next start"
        assert plant.applied[-1].settings.log.level == "debug"
        assert plant.stopping.within_s == 3
        assert (await reloader.reload("request")).notes == ["api.port takes effect at the next start"]
        assert reloader.waiting == ("api.port",)


async def test_signals_in_quick_succession_are_one_reload_more_at_most(plant: Reloadable) -> None:
    async with plant.running() as reloader:
        for _ in range(20):
            reloader.ask("signal")
        await until(lambda: reloader.last is not None and not reloader._asked.is_set())
        await asyncio.sleep(0.1)
        assert [reload.cause for reload in plant.told] == ["signal"]
