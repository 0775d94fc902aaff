"""Runs every measurement, each in a process and a database of its own, one after the other."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from timescaledb import Server, install

HERE = Path(__file__).parent
PYTHONPATH = os.pathsep.join(str(HERE.parent / folder) for folder in ("tests", "scripts", "bench"))


def main() -> int:
    """Prints each table; tells how many measurements failed."""
    failed = 0
    with database() as fresh:
        for name, arguments in (
            ("service", ("--dsn", fresh("service"), "--seconds", "30")),
            ("writer", ("--dsn", fresh("writer"))),
            ("spool", ()),
            ("backlog", ("--dsn", fresh("backlog"))),
            ("opcua", ()),
            ("modbus", ("6",)),
            ("modbus_line", ("20",)),
            ("mqtt", ("10000", "3")),
            ("sparkplug", ()),
            ("intervals_core", ()),
            ("intervals", ("--dsn", fresh("intervals"), "--days", "2")),
            ("interval_queries", ("--dsn", fresh("interval_queries"), "--quarters-of", "20")),
            ("lineage", ("--dsn", fresh("lineage"))),
        ):
            failed += run(name, arguments)
    return failed


def run(name: str, arguments: Sequence[str]) -> int:
    """Runs one measurement; 1 if it failed."""
    print(f"\n{name}", flush=True)
    command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": PYTHONPATH}, timeout=600, check=False)
    return int(done.returncode != 0)


@contextmanager
def database() -> Iterator["CreateDatabase"]:
    """Runs a durable TimescaleDB for the length of a `with`."""
    with tempfile.TemporaryDirectory(prefix="ems-telemetry-bench-") as folder:
        server = Server(install(), Path(folder))
        server.start()
        try:
            yield CreateDatabase(server.dsn)
        finally:
            server.stop()


class CreateDatabase:
    """Makes empty databases on one server."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def __call__(self, name: str) -> str:
        """Makes a database and gives its DSN; it has TimescaleDB already."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE bench_{name}".encode())
        dsn = f"{self._dsn.rpartition('/')[0]}/bench_{name}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        return dsn


if __name__ == "__main__":
    sys.exit(main())
