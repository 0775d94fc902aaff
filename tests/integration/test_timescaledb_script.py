"""The script that provides databases for development and tests, against the distribution's real packages."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import debian_packages
import psycopg
import pytest
import timescaledb
from servers.database import fresh_database
from timescaledb import Server, ServerFailedError

SCRIPT = Path(timescaledb.__file__)


def query(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row and row[0]


def run_script(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 (our own script)
        [sys.executable, str(SCRIPT), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_apache_edition_makes_hypertables(empty_timescaledb_url: str) -> None:
    with psycopg.connect(empty_timescaledb_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("CREATE TABLE seen (time timestamptz NOT NULL)")
        connection.execute("SELECT create_hypertable('seen', by_range('time'))")
    assert query(empty_timescaledb_url, "SHOW timescaledb.license") == "apache"
    assert query(empty_timescaledb_url, "SELECT hypertable_name FROM timescaledb_information.hypertables") == "seen"


def test_a_test_may_have_an_empty_database(empty_database_url: str) -> None:
    assert query(empty_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert query(empty_database_url, "SHOW listen_addresses") == "127.0.0.1"


def test_the_plain_server_has_not_loaded_timescaledb(plain_url: str) -> None:
    assert query(plain_url, "SELECT current_setting('timescaledb.license', true)") is None


def test_a_database_goes_although_somebody_is_connected(timescaledb_server: Server) -> None:
    with fresh_database(timescaledb_server) as dsn:
        connection = psycopg.connect(dsn)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_what_was_committed_survives_a_killed_server(killable_database: Server) -> None:
    dsn = killable_database.dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
        killable_database.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert not killable_database.is_running
    assert killable_database.start() == dsn
    assert query(dsn, "SELECT value FROM kept") == 42


def test_durability_is_on_unless_given_up(killable_database: Server, timescaledb_server: Server) -> None:
    assert query(killable_database.dsn, "SHOW fsync") == "on"
    assert query(timescaledb_server.dsn, "SHOW fsync") == "off"


def test_starting_and_stopping_twice_is_harmless(killable_database: Server) -> None:
    assert killable_database.start() == killable_database.dsn
    killable_database.stop()
    killable_database.stop()
    killable_database.kill()
    assert killable_database.start() == killable_database.dsn


def test_a_pid_file_naming_another_process_is_no_running_server(killable_database: Server) -> None:
    killable_database.stop()
    pid_file = killable_database.data / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    assert not killable_database.is_running
    pid_file.unlink()


def test_nobody_gets_in_without_the_password(timescaledb_server: Server) -> None:
    stranger = timescaledb_server.dsn.replace(timescaledb_server.dsn.split(":")[2].partition("@")[0], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stranger)


def test_the_script_prints_only_the_dsn(killable_database: Server) -> None:
    arguments = ("--data", str(killable_database.data))
    killable_database.stop()
    assert run_script("dsn", *arguments).returncode == 1
    started = run_script("start", *arguments)
    assert (started.returncode, started.stdout) == (0, f"{killable_database.dsn}\n")
    assert run_script("start", *arguments).stdout == started.stdout
    assert run_script("dsn", *arguments).stdout == started.stdout
    assert run_script("stop", *arguments).returncode == 0
    assert not killable_database.is_running


def test_installing_again_takes_it_from_the_cache() -> None:
    first, second = run_script("install"), run_script("install", PATH="")
    assert first.stdout == second.stdout
    assert Path(first.stdout.strip()).is_dir()


@pytest.mark.endurance
def test_installing_at_the_same_time_gives_one_tree(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: run_script("install", EMS_TELEMETRY_CACHE=str(tmp_path)), range(2)))
    assert [one.returncode for one in both] == [0, 0]
    assert both[0].stdout == both[1].stdout
    trees = [folder for folder in (tmp_path / "timescaledb" / timescaledb.LAYOUT).iterdir() if not folder.is_symlink()]
    assert sorted(folder.name for folder in trees) == ["lock", Path(both[0].stdout.strip()).name]


def test_a_machine_without_apt_is_told_so_in_one_sentence(tmp_path: Path) -> None:
    ended = run_script("install", EMS_TELEMETRY_CACHE=str(tmp_path), PATH="")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == "TimescaleDB is not available: there is no dpkg here: only Debian and Ubuntu have the packages\n"


def test_a_suite_that_no_archive_has_is_told_with_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(debian_packages.UnavailableError, match="no package source of this machine serves Debian nowhere"):
        debian_packages.DebianSuite("nowhere", tmp_path / "apt").update()


def test_an_archive_named_by_the_user_is_tried_before_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = debian_packages.find_archives()
    monkeypatch.setenv(debian_packages.ARCHIVE_VARIABLE, "file:/nowhere")
    assert debian_packages.find_archives() == ["file:/nowhere", *own]


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as whoever asks, unless that is root")
def test_root_is_told_which_folder_keeps_the_server_out(timescaledb_root: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    with pytest.raises(ServerFailedError, match=r"may not enter .* choose a folder for the data that everybody may reach"):
        Server(timescaledb_root, closed / "data").start()
