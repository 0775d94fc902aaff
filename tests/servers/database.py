"""Real databases for tests: TimescaleDB from Debian's packages, the same PostgreSQL without it, and what a machine has besides.

Servers live for the session and on loopback; every test gets a database of its own. The Community edition, which no
distribution packages, takes part where `EMS_TELEMETRY_TEST_COMMUNITY_BIN` names the folder of its PostgreSQL's programs.
"""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo, sql
from timescaledb import Server, install

COMMUNITY_VARIABLE = "EMS_TELEMETRY_TEST_COMMUNITY_BIN"
COMMUNITY_BIN = os.environ.get(COMMUNITY_VARIABLE)
SERVERS = {"timescaledb-apache": "timescaledb_server", "postgresql": "plain_server"}
if COMMUNITY_BIN:
    SERVERS["timescaledb-community"] = "community_server"


def pytest_report_header() -> str:
    absent = "" if COMMUNITY_BIN else f" (not timescaledb-community: {COMMUNITY_VARIABLE} names no PostgreSQL that has it)"
    return f"databases: {', '.join(SERVERS)}{absent}"


@contextlib.contextmanager
def temporary_server(root: Path, *, preload: tuple[str, ...] = ("timescaledb",), fast: bool = True) -> Iterator[Server]:
    """Runs a server on a folder that goes with it."""
    # Not below pytest's own temporary folder: that is closed to the user whom root has to run PostgreSQL as.
    data = Path(tempfile.mkdtemp(prefix="ems-telemetry-database-"))
    server = Server(root, data, preload=preload, fast=fast)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(data)


@contextlib.contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """Creates an empty database and drops it in the end, connections or not; gives its superuser's DSN."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield server.dsn.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def database_name(dsn: str) -> str:
    """Tells the name of the database a DSN leads to."""
    return str(conninfo.conninfo_to_dict(dsn)["dbname"])


@pytest.fixture(scope="session")
def timescaledb_root() -> Path:
    """PostgreSQL with TimescaleDB, unpacked."""
    return install()


@pytest.fixture(scope="session")
def timescaledb_server(timescaledb_root: Path) -> Iterator[Server]:
    """A server with TimescaleDB's Apache edition."""
    with temporary_server(timescaledb_root) as server:
        yield server


@pytest.fixture(scope="session")
def plain_server(timescaledb_root: Path) -> Iterator[Server]:
    """A server whose TimescaleDB is installed but not loaded, so that it is plain PostgreSQL."""
    with temporary_server(timescaledb_root, preload=()) as server:
        yield server


@pytest.fixture(scope="session")
def community_server() -> Iterator[Server]:
    """A server with TimescaleDB's Community edition, where the machine has one."""
    if COMMUNITY_BIN is None:
        raise LookupError(f"{COMMUNITY_VARIABLE} is not set")
    with temporary_server(Path(COMMUNITY_BIN)) as server:
        yield server


@pytest.fixture(params=list(SERVERS))
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database on each kind of server in turn."""
    with fresh_database(request.getfixturevalue(SERVERS[request.param])) as dsn:
        yield dsn


@pytest.fixture
def timescaledb_url(timescaledb_server: Server) -> Iterator[str]:
    """A fresh database on TimescaleDB's Apache edition alone."""
    with fresh_database(timescaledb_server) as dsn:
        yield dsn


@pytest.fixture
def plain_url(plain_server: Server) -> Iterator[str]:
    """A fresh database on plain PostgreSQL alone."""
    with fresh_database(plain_server) as dsn:
        yield dsn


@pytest.fixture
def killable_database(timescaledb_root: Path) -> Iterator[Server]:
    """A durable TimescaleDB server of the test's own, to `kill()` and `start()` again on the same port."""
    with temporary_server(timescaledb_root, fast=False) as server:
        yield server
