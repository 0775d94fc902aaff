"""How the database stands: which it is, how the jobs do that it runs by itself, and how many gaps are open."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import args_row

from ems_telemetry.storage.capability import Capability
from ems_telemetry.storage.capability.detection import ask, decide
from ems_telemetry.storage.database import Database

OPEN_MINUTES = 10
"""A gap that lasts is told again and again; one that was not told of for so long is over."""


class Job(NamedTuple):
    """A scheduled job on one of our tables, and how its last run ended."""

    id: int
    name: str
    ok: bool
    last_success_at: datetime | None
    next_start_at: datetime | None
    failures: int


@dataclass(frozen=True, slots=True)
class Condition:
    """The database at one moment. Versions are as it writes them; `license` is that of TimescaleDB."""

    capability: Capability
    postgresql: str
    timescaledb: str | None
    license: str | None
    jobs: tuple[Job, ...]
    gaps_open: int


_VERSION = "SELECT split_part(current_setting('server_version'), ' ', 1)"
_GAPS_OPEN = "SELECT count(*) FROM gaps WHERE ended_at > now() - make_interval(mins => %s)"
# Infinite times stand for "never". Jobs that belong to no table are TimescaleDB's own.
_JOBS = """
    SELECT j.job_id, j.proc_name::text, s.last_run_status IS DISTINCT FROM 'Failed',
           CASE WHEN isfinite(s.last_successful_finish) THEN s.last_successful_finish END,
           CASE WHEN isfinite(s.next_start) THEN s.next_start END,
           coalesce(s.total_failures, 0)
    FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.job_stats s USING (job_id)
    WHERE j.hypertable_name IS NOT NULL
    ORDER BY j.job_id
"""


async def read_condition(database: Database) -> Condition:
    """Asks the database how it stands.

    Raises:
        EmsTelemetryError: it is out of reach, or not what is needed.
    """
    async with database.connection() as connection:
        facts = await ask(connection)
        capability = decide(facts)
        return Condition(
            capability,
            str(await _one(connection, _VERSION)),
            facts.installed,
            facts.license if facts.installed is not None else None,
            tuple(await _jobs(connection)) if capability is Capability.COMMUNITY else (),
            int(await _one(connection, _GAPS_OPEN, OPEN_MINUTES)),
        )


async def _jobs(connection: psycopg.AsyncConnection[Any]) -> list[Job]:
    async with connection.cursor(row_factory=args_row(Job)) as cursor:
        await cursor.execute(_JOBS)
        return await cursor.fetchall()


async def _one(connection: psycopg.AsyncConnection[Any], query: str, *parameters: object) -> Any:  # noqa: ANN401 - as the query gives it
    cursor = await connection.execute(query.encode(), parameters or None)
    row = await cursor.fetchone()
    return row[0] if row else None
