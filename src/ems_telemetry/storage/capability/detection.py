"""Finds out which of the three kinds of database this is, and refuses in words what is too old."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.rows import class_row

from ems_telemetry.errors import DatabaseNotReadyError

OLDEST_POSTGRESQL = 15
OLDEST_TIMESCALEDB = (2, 18, 1)
"""Before it, `ON CONFLICT DO NOTHING` on a compressed chunk silently stopped at the first row that was there already."""

_PARTITIONED = "p"


class Capability(StrEnum):
    """What the database can do."""

    COMMUNITY = "timescaledb-community"
    """Hypertables, columnstore and scheduled policies."""
    APACHE = "timescaledb-apache"
    """Hypertables."""
    PLAIN = "postgresql"
    """PostgreSQL's own partitions."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server tells of itself. Versions are as the server writes them."""

    server_version_number: int
    installed: str | None
    """The version of the extension in this database."""
    license: str | None
    available: str | None
    """The version of the extension that could be created."""
    preloaded: bool
    """Whether the server was started with TimescaleDB's library."""
    readings_kind: str | None
    """What `readings` is in the catalogue: `r` a table, `p` a natively partitioned one; None if there is none."""


# Whether the library was preloaded is seen by one of its settings: shared_preload_libraries itself is for administrators' eyes.
_FACTS = """
    SELECT current_setting('server_version_num')::integer AS server_version_number,
           (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS installed,
           current_setting('timescaledb.license', true) AS license,
           (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS available,
           current_setting('timescaledb.max_background_workers', true) IS NOT NULL AS preloaded,
           (SELECT relkind::text FROM pg_class WHERE oid = to_regclass('readings')) AS readings_kind
"""


async def detect(connection: psycopg.AsyncConnection[Any]) -> Capability:
    """Finds out what the database can do.

    Raises:
        DatabaseNotReadyError: PostgreSQL or TimescaleDB is too old, or the tables need an extension that is not there.
    """
    return decide(await ask(connection))


async def ask(connection: psycopg.AsyncConnection[Any]) -> Facts:
    """Asks the server what it is."""
    async with connection.cursor(row_factory=class_row(Facts)) as cursor:
        await cursor.execute(_FACTS)
        facts = await cursor.fetchone()
    if facts is None:
        raise DatabaseNotReadyError("the database gave no answer about its version")
    return facts


def decide(facts: Facts) -> Capability:
    """Tells the capability. A database whose readings are natively partitioned stays plain, whatever was installed later.

    Raises:
        DatabaseNotReadyError: as `detect`.
    """
    if facts.server_version_number < OLDEST_POSTGRESQL * 10_000:
        version = facts.server_version_number // 10_000
        raise DatabaseNotReadyError(f"PostgreSQL {version} is too old; {OLDEST_POSTGRESQL} or newer is needed")
    if facts.readings_kind == _PARTITIONED:
        return Capability.PLAIN
    if facts.installed is None:
        return _without_extension(facts)
    require_new_enough(facts.installed)
    if facts.license is None:
        raise DatabaseNotReadyError(
            "the extension timescaledb is created but its library is not loaded; add it to shared_preload_libraries and restart"
        )
    return Capability.APACHE if facts.license == "apache" else Capability.COMMUNITY


def require_new_enough(version: str) -> None:
    """Refuses a TimescaleDB that is too old.

    Raises:
        DatabaseNotReadyError: it is.
    """
    if parse_version(version) < OLDEST_TIMESCALEDB:
        oldest = ".".join(str(part) for part in OLDEST_TIMESCALEDB)
        raise DatabaseNotReadyError(
            f"TimescaleDB {version} is too old; {oldest} or newer is needed: install it, then run "
            "ALTER EXTENSION timescaledb UPDATE"
        )


def parse_version(text: str) -> tuple[int, ...]:
    """Reads `2.19.3` or `2.20.0-dev` as numbers to compare."""
    return tuple(int(part) for part in text.partition("-")[0].split(".") if part.isdigit())


def _without_extension(facts: Facts) -> Capability:
    if facts.readings_kind is not None:
        raise DatabaseNotReadyError(
            "the table readings was made for TimescaleDB, and this database does not have the extension; create it, "
            "or restore the database as TimescaleDB's manual says"
        )
    return Capability.PLAIN
