"""A second PostgreSQL server that follows a first one by streaming replication, and the programs that save and restore."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import psycopg
from postgresql_server import programs_in
from psycopg.conninfo import conninfo_to_dict
from timescaledb import Server


@contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    """Runs a standby that begins with all that the primary has."""
    data = Path(tempfile.mkdtemp(prefix="ems-telemetry-standby-"))
    standby = Server(primary.root, data, preload=primary.preload)
    try:
        with standby._locked():
            copy = ("-D", str(data.resolve() / "cluster"), "-d", primary.dsn, "--write-recovery-conf", "--wal-method=stream")
            standby._run("pg_basebackup", *copy, "--checkpoint=fast")
            shutil.copy2(primary.data / "password", data / "password")
        standby.start()
        yield standby
    finally:
        standby.stop()
        shutil.rmtree(data)


def both(first: Server, second: Server) -> str:
    """Gives the DSN by which libpq finds whichever of two servers can be written to."""
    parts = [conninfo_to_dict(server.dsn) for server in (first, second)]
    hosts = ",".join(f"{part['host']}:{part['port']}" for part in parts)
    user, password, name = (parts[0][key] for key in ("user", "password", "dbname"))
    return f"postgresql://{user}:{password}@{hosts}/{name}?target_session_attrs=read-write"


def promote(standby: Server) -> None:
    """Makes a standby a primary, and waits until it is one."""
    with psycopg.connect(standby.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")


def cut_off(standby: Server) -> None:
    """Ends the receiving, so that what the primary gets from now on does not arrive."""
    with psycopg.connect(standby.dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
        _wait_for(connection, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")


def catch_up(primary: Server, standby: Server) -> None:
    """Waits until the standby has all that was committed by now."""
    with psycopg.connect(primary.dsn) as connection:
        (position,) = connection.execute("SELECT pg_current_wal_lsn()").fetchone() or ("0/0",)
    with psycopg.connect(standby.dsn, autocommit=True) as connection:
        _wait_for(connection, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position)


def program(root: Path, name: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs to its end.

    Raises:
        CalledProcessError: it failed.
    """
    subprocess.run([str(programs_in(root) / name), *arguments], check=True, capture_output=True, timeout=100)  # noqa: S603 - named by the test


def _wait_for(connection: "psycopg.Connection[tuple[object, ...]]", query: str, *parameters: object) -> None:
    deadline_s = monotonic() + 60
    while connection.execute(query.encode(), parameters).fetchone() != (True,):
        if monotonic() > deadline_s:
            message = f"after a minute still not: {query}"
            raise AssertionError(message)
        sleep(0.05)
