"""Real databases for tests: TimescaleDB from Debian's packages, the same PostgreSQL without it, and what a machine has besides.

Servers live for the session and on loopback; every test gets a database of its own, with the schema in it: migrated once per
server and copied, since that costs a fourth. `empty_…` are for tests of what comes before. The Community edition, which no
distribution packages, takes part where `EMS_TELEMETRY_TEST_COMMUNITY_BIN` names the folder of its PostgreSQL's programs.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo, sql
from timescaledb import Server, install

from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate

COMMUNITY_VARIABLE = "EMS_TELEMETRY_TEST_COMMUNITY_BIN"
COMMUNITY_BIN = os.environ.get(COMMUNITY_VARIABLE)
SERVERS = {"timescaledb-apache": "timescaledb_server", "postgresql": "plain_server"}
if COMMUNITY_BIN:
    SERVERS["timescaledb-community"] = "community_server"
NOTHING = "template0"
MIGRATED = "migrated"


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
def fresh_database(server: Server, template: str = NOTHING) -> Iterator[str]:
    """Creates a database, empty unless a template is named, and drops it in the end, connections or not.

    Gives its superuser's DSN.
    """
    name = f"test_{uuid.uuid4().hex[:12]}"
    # Files are copied for half of what it takes to write the same pages to the log.
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield dsn_of(server, name)
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def dsn_of(server: Server, database: str) -> str:
    """Gives the superuser's DSN of a database."""
    return server.dsn.rpartition("/")[0] + f"/{database}"


@cache
def migrated_template(server: Server) -> str:
    """Makes the database, with the schema in it, that others are copied from; gives its name."""

    async def migrating() -> None:
        async with Database(dsn_of(server, MIGRATED)) as database:
            await migrate(database)

    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {MIGRATED}".encode())
        asyncio.run(migrating())
        # Nobody may be in a database that is copied, nor come back: TimescaleDB has a scheduler in each of its own.
        connection.execute(f"ALTER DATABASE {MIGRATED} ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [MIGRATED])
    return MIGRATED


@contextlib.contextmanager
def migrated_database(server: Server) -> Iterator[str]:
    """As `fresh_database`, with the schema in it."""
    with fresh_database(server, migrated_template(server)) as dsn:
        yield dsn


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
    """A database with the schema on each kind of server in turn."""
    with migrated_database(request.getfixturevalue(SERVERS[request.param])) as dsn:
        yield dsn


@pytest.fixture
def timescaledb_url(timescaledb_server: Server) -> Iterator[str]:
    """A database with the schema on TimescaleDB's Apache edition alone."""
    with migrated_database(timescaledb_server) as dsn:
        yield dsn


@pytest.fixture
def plain_url(plain_server: Server) -> Iterator[str]:
    """A database with the schema on plain PostgreSQL alone."""
    with migrated_database(plain_server) as dsn:
        yield dsn


@pytest.fixture(params=list(SERVERS))
def empty_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on each kind of server in turn."""
    with fresh_database(request.getfixturevalue(SERVERS[request.param])) as dsn:
        yield dsn


@pytest.fixture
def empty_timescaledb_url(timescaledb_server: Server) -> Iterator[str]:
    """An empty database on TimescaleDB's Apache edition alone."""
    with fresh_database(timescaledb_server) as dsn:
        yield dsn


@pytest.fixture
def empty_plain_url(plain_server: Server) -> Iterator[str]:
    """An empty database on plain PostgreSQL alone."""
    with fresh_database(plain_server) as dsn:
        yield dsn


@pytest.fixture
def killable_database(timescaledb_root: Path) -> Iterator[Server]:
    """A durable TimescaleDB server of the test's own, to `kill()` and `start()` again on the same port."""
    with temporary_server(timescaledb_root, fast=False) as server:
        yield server
