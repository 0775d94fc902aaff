"""Brings the schema up to date: the files of `migrations/` in order, forward only, each in one transaction.

Many services may do so at the same time: one applies, the others find it done. Why no library: docs/adr/0003-migrations.md.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ems_telemetry.errors import SchemaError, TransientError
from ems_telemetry.shipped import shipped
from ems_telemetry.storage.capability import Capability, detect, fill
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.provision import create_extension, grant_reading
from ems_telemetry.storage.translation import translate

# A long change must not be cut off; the lock is the transaction's, so that it ends with it whatever happens.
_BEGIN = """
    SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.migrations'));
    SET LOCAL statement_timeout = 0;
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
"""
_RECORD = "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Migration:
    """A shipped file, `0001_core.sql`: version 1, name `core`."""

    version: int
    name: str
    sql: str

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.version:04}_{self.name}.sql"

    @property
    def sha256(self) -> str:
        """Of the file as shipped, before its placeholders are filled."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How the schema stands: the newest version applied (0 for none), the newest shipped, the files in between."""

    current: int
    expected: int
    pending: tuple[str, ...]


def read_migrations(folder: Path) -> list[Migration]:
    """Reads the migrations of a folder, in the order of their versions.

    Raises:
        SchemaError: two files have the same version, or one has none.
    """
    migrations = sorted((_read(file) for file in folder.glob("*.sql")), key=lambda migration: migration.version)
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise SchemaError(f"the files in {folder} are not numbered 0001, 0002, … without a hole; install ems-telemetry again")
    return migrations


async def migrate(database: Database, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Applies what is pending; grants reading on the public tables in any case.

    Args:
        database: open.
        migrations: those shipped, unless said otherwise.

    Returns:
        The file names of those applied, in order; empty if there was nothing to do.

    Raises:
        SchemaError: a file was changed after it was applied, the database is newer than this version, or a file fails.
        TransientError: the database is out of reach, too old, or this login may not do what is needed.
    """
    wanted = read_migrations(shipped("migrations")) if migrations is None else migrations
    async with database.connection() as connection:
        await create_extension(connection)
        applied = [migration.file for migration in wanted if await _apply(connection, migration, wanted)]
        await grant_reading(connection)
    return applied


async def schema_state(database: Database, migrations: Sequence[Migration] | None = None) -> SchemaState:
    """Tells what is applied and what is pending, and changes nothing.

    Raises:
        SchemaError: the schema is not one this version can bring up to date.
        TransientError: the database is out of reach.
    """
    wanted = read_migrations(shipped("migrations")) if migrations is None else migrations
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
        recorded = await _recorded(connection) if await cursor.fetchone() == (True,) else {}
    require_same(wanted, recorded)
    pending = tuple(migration.file for migration in wanted if migration.version not in recorded)
    return SchemaState(max(recorded, default=0), len(wanted), pending)


def require_same(wanted: Sequence[Migration], recorded: dict[int, tuple[str, str]]) -> None:
    """Refuses a database that was made by other files than these.

    Args:
        wanted: the files of this version.
        recorded: name and SHA-256 by version, as the database has them.

    Raises:
        SchemaError: names the file and what to do.
    """
    known = {migration.version: migration for migration in wanted}
    for version, (name, sha256) in sorted(recorded.items()):
        migration = known.get(version)
        if migration is None:
            raise SchemaError(
                f"the database has the migration {version:04}_{name}.sql, which this version of ems-telemetry does not know; "
                "run the newer version that made it"
            )
        if migration.sha256 != sha256:
            raise SchemaError(
                f"{migration.file} was changed after it was applied; put the file back as it was (install ems-telemetry "
                "again) and make the change in a new migration"
            )


async def _apply(connection: psycopg.AsyncConnection[Any], migration: Migration, wanted: Sequence[Migration]) -> bool:
    """Applies one file unless another service has meanwhile."""
    async with connection.transaction():
        await connection.execute(_BEGIN)
        recorded = await _recorded(connection)
        require_same(wanted, recorded)
        if migration.version in recorded:
            return False
        await _run(connection, migration, await detect(connection))
        await connection.execute(_RECORD, (migration.version, migration.name, migration.sha256))
    return True


async def _run(connection: psycopg.AsyncConnection[Any], migration: Migration, capability: Capability) -> None:
    try:
        await connection.execute(fill(migration.sql, capability).encode())
    except psycopg.Error as error:
        reason = translate(error)
        if isinstance(reason, TransientError):
            raise reason from error
        raise SchemaError(f"{migration.file} failed and was undone: {reason}") from error


async def _recorded(connection: psycopg.AsyncConnection[Any]) -> dict[int, tuple[str, str]]:
    cursor = await connection.execute("SELECT version, name, sha256 FROM schema_migrations")
    return {version: (name, sha256) for version, name, sha256 in await cursor.fetchall()}


def _read(file: Path) -> Migration:
    number, _, name = file.stem.partition("_")
    if not number.isdigit():
        raise SchemaError(f"{file.name} has no number; migrations are named as 0002_intervals.sql")
    return Migration(int(number), name, file.read_text(encoding="utf-8"))
