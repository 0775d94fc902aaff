import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from small_plant import batch, reading, stored, write

from ems_telemetry.errors import ConfigurationError, ConnectionLostError
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.embedded import EmbeddedServer

START_AND_HANG = """
import sys, time
from pathlib import Path
from ems_telemetry.storage.embedded import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1])).start(), flush=True)
time.sleep(300)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's own temporary folder: that is closed to the user whom root has to run PostgreSQL as.
    with tempfile.TemporaryDirectory(prefix="ems-telemetry-embedded-") as created:
        yield Path(created, "var", "database")


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(folder)
    yield made
    made.stop()


def postmaster(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


async def test_readings_outlive_a_stop_and_a_start(server: EmbeddedServer) -> None:
    for expected in ({"inserted": 1}, {"duplicate": 1}):
        async with Database(server.start()) as database:
            assert await write(database, batch(reading())) == expected
            assert len(await stored(database)) == 1
        server.stop()


def test_it_is_durable_and_closed_to_others(server: EmbeddedServer, folder: Path) -> None:
    with psycopg.connect(server.start()) as connection:
        names = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "unix_socket_permissions", "TimeZone")
        settings = {name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names}
    assert [value[0] for value in settings.values() if value] == ["on", "on", "on", "", "0700", "UTC"]
    assert folder.stat().st_mode & 0o077 == 0


def test_start_and_stop_may_be_repeated(server: EmbeddedServer, folder: Path) -> None:
    server.stop()
    with pytest.raises(ConnectionLostError, match="not started"):
        _ = server.url
    assert server.start() == server.start() == server.url
    server.stop()
    server.stop()
    assert not (folder / "postmaster.pid").exists()


def test_a_server_that_outlived_its_killed_service_is_taken_over_and_stopped(server: EmbeddedServer, folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", START_AND_HANG, str(folder)], stdout=subprocess.PIPE) as service:  # noqa: S603
        assert service.stdout is not None
        assert service.stdout.readline().startswith(b"postgresql://")
        service.send_signal(signal.SIGKILL)
    survivor = postmaster(folder)
    assert psutil.pid_exists(survivor)
    server.start()
    assert postmaster(folder) == survivor
    server.stop()
    assert not (folder / "postmaster.pid").exists()


def test_another_process_that_uses_the_server_keeps_it_running(server: EmbeddedServer, folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", START_AND_HANG, str(folder)], stdout=subprocess.PIPE) as service:  # noqa: S603
        assert service.stdout is not None
        service.stdout.readline()
        server.start()
        server.stop()
        assert (folder / "postmaster.pid").exists()
        service.kill()
    server.start()


def test_a_database_killed_with_its_machine_comes_up_again(server: EmbeddedServer, folder: Path) -> None:
    server.start()
    postgres = psutil.Process(postmaster(folder))
    family = [postgres, *postgres.children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs([one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE], 10)
    # After a new start of the machine the number belongs to somebody else: here, to this test.
    for file in (folder / "postmaster.pid", *folder.glob(".s.PGSQL.*.lock")):
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    again = EmbeddedServer(folder)
    with psycopg.connect(again.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    again.stop()


def test_a_folder_of_another_version_is_refused_in_words(server: EmbeddedServer, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match="expecting version 18 but found version 16"):
        server.start()


def test_a_path_that_cannot_be_used_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="has a space or a quotation mark"):
        EmbeddedServer(folder.with_name("my plant")).start()
    folder.parent.mkdir(parents=True)
    folder.write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot run in .*Choose another database\.directory"):
        EmbeddedServer(folder).start()


def test_settings_of_ones_own_win_and_the_include_stands_once(server: EmbeddedServer, folder: Path) -> None:
    server.start()
    server.stop()
    with (folder / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 32MB\n")
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SHOW shared_buffers").fetchone() == ("32MB",)
    assert (folder / "postgresql.conf").read_text().count("include_if_exists = 'ems-telemetry.conf'") == 1
