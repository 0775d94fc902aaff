"""What the database must have besides its tables: the extension, and the role Grafana reads with.

Both may need rights this login does not have; then they are an administrator's to do, and the message or the log says how.
"""

from typing import Any

import psycopg
from psycopg import errors, sql

from ems_telemetry.errors import DatabaseNotReadyError
from ems_telemetry.observe import get_logger
from ems_telemetry.storage.capability.detection import ask, require_new_enough

READER = "grafana_reader"
PUBLIC_NAMES = (
    "sites",
    "meters",
    "points",
    "point_revisions",
    "meter_revisions",
    "config_revisions",
    "readings",
    "latest_readings",
    "flags",
    "gaps",
    "dead_letters",
    "intervals",
    "interval_flags",
    "meter_events",
    "meter_event_registers",
    "records",
    "current_records",
    "records_by_scope",
    "readings_by_point",
    "latest_by_point",
    "flagged_readings",
    "gaps_by_point",
    "intervals_by_point",
)
"""Tables and views that are documented, stable and granted to `READER`, as far as this version has them."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.migrations'))"
_ROLES = """
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s),
           (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
"""
_UNREADABLE = """
    SELECT name, current_schema() FROM unnest(%(names)s::text[]) AS name
    WHERE to_regclass(name) IS NOT NULL AND NOT (
        has_schema_privilege(%(reader)s, current_schema(), 'USAGE')
        AND has_table_privilege(%(reader)s, to_regclass(name), 'SELECT')
    )
"""
_log = get_logger(__name__)


async def create_extension(connection: psycopg.AsyncConnection[Any]) -> None:
    """Creates TimescaleDB in a database that has no readings yet, if the server offers it.

    Raises:
        DatabaseNotReadyError: it is offered, but too old, or this login may not create it.
    """
    async with connection.transaction():
        await connection.execute(_LOCK)
        facts = await ask(connection)
        if facts.installed is not None or facts.readings_kind is not None or facts.available is None:
            return
        if not facts.preloaded:
            _log.warning(
                "TimescaleDB is installed on the server but not loaded: plain partitions are used, and stay; to have "
                "hypertables, stop now, add timescaledb to shared_preload_libraries, restart the server and begin with an "
                "empty database",
                event_code="timescaledb_not_preloaded",
            )
            return
        require_new_enough(facts.available)
        await _create_extension(connection)


async def grant_reading(connection: psycopg.AsyncConnection[Any]) -> None:
    """Lets the role `grafana_reader` read the public names; makes the role if it may."""
    async with connection.transaction():
        await connection.execute(_LOCK)
        if not await _has_reader(connection):
            return
        missing = await (await connection.execute(_UNREADABLE, {"names": list(PUBLIC_NAMES), "reader": READER})).fetchall()
        for schema in {schema for _, schema in missing}:
            await _grant(connection, "USAGE ON SCHEMA", schema)
        for name, _ in missing:
            await _grant(connection, "SELECT ON", name)


async def _create_extension(connection: psycopg.AsyncConnection[Any]) -> None:
    try:
        async with connection.transaction():
            await connection.execute("CREATE EXTENSION timescaledb")
    except errors.InsufficientPrivilege as error:
        name = connection.info.dbname
        raise DatabaseNotReadyError(
            f'the server has TimescaleDB, and the login "{connection.info.user}" may not create it in the database "{name}"; '
            f"let an administrator run there: CREATE EXTENSION timescaledb; or GRANT CREATE ON DATABASE {name} "
            f"TO {connection.info.user};"
        ) from error


async def _has_reader(connection: psycopg.AsyncConnection[Any]) -> bool:
    exists, may_create = await (await connection.execute(_ROLES, (READER,))).fetchone() or (False, False)
    if exists:
        return True
    if not may_create:
        _log.warning(
            "the role for Grafana is missing and this login may not make it; let an administrator run "
            "CREATE ROLE grafana_reader NOLOGIN; and start again",
            event_code="grafana_reader_missing",
        )
        return False
    try:
        async with connection.transaction():
            await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(READER)))
    except (errors.DuplicateObject, errors.UniqueViolation):
        pass  # roles belong to all databases of the server: another one made it at this moment
    return True


async def _grant(connection: psycopg.AsyncConnection[Any], what: str, name: str) -> None:
    statement = sql.SQL("GRANT {} {} TO {}").format(sql.SQL(what), sql.Identifier(name), sql.Identifier(READER))
    # Prepared, it is kept with the names of chunks that TimescaleDB adds to it, and these are gone when it is run again: the
    # server goes down with it. See https://github.com/timescale/timescaledb/issues/4936
    await connection.execute(statement, prepare=False)
