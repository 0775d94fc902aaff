import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import QuickClock, until
from reloadable import Reloadable, manual

from ems_telemetry.config.load import Configuration
from ems_telemetry.service import file_watch
from ems_telemetry.service.file_watch import FileWatch


class Watched:
    """A folder of files, the configuration read from them last, and how often a change was noticed."""

    def __init__(self, folder: Path, *, enabled: bool = True) -> None:
        self.plant = Reloadable(folder)
        text = f"spool: {{directory: ../spool}}\nwatch_files: {str(enabled).lower()}\n"
        self.plant.write("config/ems-telemetry.yaml", text)
        self.configuration = self.plant.read()
        self.noticed = 0

    def notice(self) -> None:
        self.noticed += 1
        self.configuration = self.plant.read()

    def running(self) -> Configuration:
        return self.configuration

    @asynccontextmanager
    async def watching(self, times: float = 50.0) -> AsyncIterator[None]:
        watching = asyncio.create_task(FileWatch(self.running, self.notice, QuickClock(times)).run())
        await asyncio.sleep(2 * file_watch.EVERY_S / times)
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})


@pytest.mark.parametrize("name", ["connectors/a.yaml", "config/plant.yaml", "config/ems-telemetry.yaml"])
async def test_a_file_that_was_changed_is_noticed_once(tmp_path: Path, name: str) -> None:
    watched = Watched(tmp_path)
    async with watched.watching():
        text = (tmp_path / name).read_text()
        watched.plant.write(name, f"{text}# more\n")
        await until(lambda: watched.noticed > 0)
        await asyncio.sleep(0.2)
    assert watched.noticed == 1


async def test_files_that_come_and_go_are_noticed(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    async with watched.watching():
        watched.plant.write("connectors/d.yaml", manual("WM-04"))
        await until(lambda: watched.noticed == 1)
        (tmp_path / "connectors/b.yaml").unlink()
        await until(lambda: watched.noticed == 2)
        await asyncio.sleep(0.2)
    assert watched.noticed == 2


async def test_one_that_is_replaced_by_another_of_the_same_age_and_size_is_noticed(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    async with watched.watching():
        file = tmp_path / "connectors/a.yaml"
        stat = file.stat()
        fresh = tmp_path / "fresh"
        fresh.write_text(file.read_text().replace("WM-01", "WM-91"))
        os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        fresh.rename(file)
        await until(lambda: watched.noticed == 1)


async def test_nothing_is_noticed_before_the_files_have_come_to_rest(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    async with watched.watching(times=10.0):
        for number in range(10):
            watched.plant.write("connectors/a.yaml", manual("WM-01") + f"# {number}\n")
            await asyncio.sleep(0.1)
        assert watched.noticed == 0
        await until(lambda: watched.noticed == 1)


async def test_nothing_is_looked_at_unless_it_is_asked_for_and_switching_it_on_is_no_change(tmp_path: Path) -> None:
    watched = Watched(tmp_path, enabled=False)
    async with watched.watching():
        watched.plant.write("connectors/a.yaml", manual("WM-01", unit="L"))
        await asyncio.sleep(0.2)
        settings = watched.configuration.settings.model_copy(update={"watch_files": True})
        watched.configuration = replace(watched.configuration, settings=settings)
        await asyncio.sleep(0.2)
        assert watched.noticed == 0
        watched.plant.write("connectors/b.yaml", manual("WM-02", unit="L"))
        await until(lambda: watched.noticed == 1)
