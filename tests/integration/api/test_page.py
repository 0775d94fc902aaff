"""The page as a browser shows it, and the docs page, both from this machine alone."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from standings import CONFIGURATION, SPOOL, WRITER, ago, changed, refused, standing

from ems_telemetry.api.standing import Pause
from ems_telemetry.model import Flag

from .conftest import Plant, served

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
    "--virtual-time-budget=4000",
    "--dump-dom",
]


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser of the distribution."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "this test needs the distribution's package `chromium`"
    return found


async def show(chromium: str, url: str, profile: Path) -> tuple[str, str]:
    """Gives the words on a page once its scripts have run, and what its console said."""
    browser = await asyncio.create_subprocess_exec(
        chromium,
        *FLAGS,
        f"--user-data-dir={profile}",
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            page, log = await browser.communicate()
    finally:
        if browser.returncode is None:
            browser.kill()
            await browser.wait()
    words = re.sub(r"<[^>]+>", " ", page.decode())
    console = [line for line in log.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return re.sub(r"\s+", " ", words), "\n".join(console)


async def test_the_page_shows_what_the_api_says(plant: Plant, chromium: str, tmp_path: Path) -> None:
    await plant.store("EM-01.energy_import", 18211.4)
    await plant.store("EM-01.power", None, flags=int(Flag.BAD_STATUS))
    await plant.lose("shared")
    async with served(plant.app(allow_anonymous=True)) as address:
        words, console = await show(chromium, f"{address}/", tmp_path)
    assert "✓ ready" in words
    assert "database answers" in words
    assert "✕ down" in words
    assert "unit 3 is silent" in words
    assert re.search(r"18.211\.4 kWh", words)
    assert re.search(r"power — .* ✕ bad device marks it bad · status 0x80310000", words), "a missing value is no zero"
    assert re.search(r"volume — — . none no reading yet", words)
    assert "5 of 5 need attention" in words
    assert console == ""


async def test_the_page_tells_how_the_service_stands_and_what_is_wrong(plant: Plant, chromium: str, tmp_path: Path) -> None:
    spool = changed(SPOOL, share=0.83, size_bytes=int(0.83 * SPOOL.max_size_bytes), hours_left=2.1)
    reload = changed(CONFIGURATION, last_reload=refused("connectors/hall-1.yaml:3: key what is not known"))
    plant.standing = standing(spool=spool, configuration=reload)
    async with served(plant.app(allow_anonymous=True)) as address:
        words, console = await show(chromium, f"{address}/", tmp_path)
    assert "✕ the spool is 83% full, room for 2 h 6 min at the present rate" in words
    assert "✕ the files were changed and are not taken over: connectors/hall-1.yaml:3: key what is not known" in words
    assert "✓ Database answers PostgreSQL 17.12 · TimescaleDB 2.31.2 (timescale) db:5432/ems 2 jobs, none failing" in words
    assert "✓ Writing 34.2 rows/s lag 0.2 s 11 ms a commit" in words
    assert "✕ Spool 83 % full room for 2 h at 2 KiB/s 3 batches, the oldest 0.2 s disk 120 GiB free" in words
    assert re.search(r"✕ Files revision 12 in force for \d+ d a reload was refused, \d+ d ago", words)
    assert console == ""


async def test_the_page_tells_that_writing_is_paused_by_whom_and_since_when(
    plant: Plant, chromium: str, tmp_path: Path
) -> None:
    plant.standing = standing(
        writer=changed(WRITER, connected=False, last_error="away", paused=Pause(by="key night shift", since=ago(minutes=4)))
    )
    async with served(plant.app(allow_anonymous=True)) as address:
        words, console = await show(chromium, f"{address}/", tmp_path)
    assert "✕ writing is paused by key night shift since " in words
    assert re.search(r"◆ Writing paused by key night shift, for \d+ d lag 0\.2 s", words)
    assert console == ""


async def test_the_page_asks_for_a_key_when_the_api_wants_one(plant: Plant, chromium: str, tmp_path: Path) -> None:
    async with served(plant.app()) as address:
        words, _ = await show(chromium, f"{address}/", tmp_path)
    assert "The API wants a key." in words
    assert "✓ ready" in words
    assert "EM-01" not in words


async def test_while_the_database_is_away_the_page_still_shows_the_connectors(
    plant: Plant, chromium: str, tmp_path: Path
) -> None:
    app = plant.app(allow_anonymous=True)
    await plant.database.close()
    async with served(app) as address:
        words, _ = await show(chromium, f"{address}/", tmp_path)
    assert "hall-1" in words
    assert "Not to be had now: the database does not answer now; collecting goes on." in words


async def test_the_docs_page_shows_the_operations_without_internet(plant: Plant, chromium: str, tmp_path: Path) -> None:
    async with served(plant.app()) as address:
        words, console = await show(chromium, f"{address}/api/docs", tmp_path)
    assert "List Latest Readings" in words
    assert "Content Security Policy" not in console
    assert "ERR_" not in console
