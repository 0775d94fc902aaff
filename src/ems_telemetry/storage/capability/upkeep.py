"""What each kind of database needs from time to time: partitions ahead, old readings dropped, old chunks compressed.

The Community edition does the dropping and compressing itself, by policies kept equal to the settings; on the others the
service does what can be done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from ems_telemetry.storage.capability.detection import Capability
from ems_telemetry.storage.capability.fragments import ENABLE_COLUMNSTORE
from ems_telemetry.storage.capability.partitions import drop_partitions, make_partitions, partitions_ahead, partitions_of


@dataclass(frozen=True, slots=True)
class _Policy:
    """A scheduled job of the Community edition, and the age it acts at."""

    job: str
    setting: str
    add: str
    remove: str


_COMPRESSION = _Policy(
    "policy_compression",
    "compress_after",
    "CALL add_columnstore_policy('readings', after => make_interval(secs => %s))",
    "CALL remove_columnstore_policy('readings', if_exists => true)",
)
_RETENTION = _Policy(
    "policy_retention",
    "drop_after",
    "SELECT add_retention_policy('readings', drop_after => make_interval(secs => %s))",
    "SELECT remove_retention_policy('readings', if_exists => true)",
)
_PRESENT = """
    SELECT extract(epoch FROM (config ->> %s)::interval)::float8 FROM timescaledb_information.jobs
    WHERE hypertable_name = 'readings' AND proc_name = %s
"""
_WITHOUT_COLUMNSTORE = """
    SELECT FROM timescaledb_information.hypertables WHERE hypertable_name = 'readings' AND NOT compression_enabled
"""
# Jobs that belong to no table are TimescaleDB's own; one of them fails every hour on the Apache edition, and does no harm.
_FAILING = """
    SELECT j.job_id, j.proc_name, s.total_failures, nullif(s.last_successful_finish, '-infinity')
    FROM timescaledb_information.jobs j JOIN timescaledb_information.job_stats s USING (job_id)
    WHERE j.hypertable_name IS NOT NULL AND s.last_run_status = 'Failed'
    ORDER BY j.job_id
"""


async def prepare_for(connection: psycopg.AsyncConnection[Any], capability: Capability, times: Iterable[datetime]) -> None:
    """Sees to it that readings of these instants have somewhere to go; TimescaleDB does that by itself."""
    if capability is Capability.PLAIN:
        await make_partitions(connection, partitions_of(times))


async def keep_up(
    connection: psycopg.AsyncConnection[Any],
    capability: Capability,
    now: datetime,
    *,
    keep_s: float | None,
    compress_after_s: float,
) -> list[str]:
    """Does what is due. Harmless as often as it is done.

    Args:
        connection: outside a transaction.
        capability: what `detect` said.
        now: aware.
        keep_s: drop chunks or partitions all of whose readings are older; None keeps all.
        compress_after_s: age at which chunks go to the columnstore, where there is one.

    Returns:
        What was done, for the log: names of partitions or chunks made and dropped, policies set.
    """
    match capability:
        case Capability.COMMUNITY:
            return await _set_policies(connection, keep_s, compress_after_s)
        case Capability.APACHE:
            return [] if keep_s is None else await _drop_chunks(connection, now - timedelta(seconds=keep_s))
        case Capability.PLAIN:
            made = await make_partitions(connection, partitions_ahead(now))
            dropped = [] if keep_s is None else await drop_partitions(connection, now - timedelta(seconds=keep_s))
            return [f"made {name}" for name in made] + [f"dropped {name}" for name in dropped]


async def failing_jobs(connection: psycopg.AsyncConnection[Any], capability: Capability) -> list[str]:
    """Lists in words the scheduled jobs on our tables whose last run failed."""
    if capability is not Capability.COMMUNITY:
        return []
    cursor = await connection.execute(_FAILING)
    return [
        f"the database's job {number} ({name}) failed {failures} times and last succeeded {succeeded or 'never'}; "
        "see timescaledb_information.job_errors, and update TimescaleDB if every job fails"
        for number, name, failures, succeeded in await cursor.fetchall()
    ]


async def _drop_chunks(connection: psycopg.AsyncConnection[Any], before: datetime) -> list[str]:
    async with connection.transaction():
        cursor = await connection.execute("SELECT drop_chunks('readings', older_than => %s::timestamptz)", (before,))
        return [f"dropped {chunk}" for (chunk,) in await cursor.fetchall()]


async def _set_policies(connection: psycopg.AsyncConnection[Any], keep_s: float | None, compress_after_s: float) -> list[str]:
    async with connection.transaction():
        # A database that began with the Apache edition has no columnstore yet.
        if (await connection.execute(_WITHOUT_COLUMNSTORE)).rowcount:
            await connection.execute(ENABLE_COLUMNSTORE)
        done = await _set_policy(connection, _COMPRESSION, compress_after_s)
        return done + await _set_policy(connection, _RETENTION, keep_s)


async def _set_policy(connection: psycopg.AsyncConnection[Any], policy: _Policy, age_s: float | None) -> list[str]:
    cursor = await connection.execute(_PRESENT, (policy.setting, policy.job))
    if [age for (age,) in await cursor.fetchall()] == ([] if age_s is None else [age_s]):
        return []
    await connection.execute(policy.remove)
    if age_s is not None:
        await connection.execute(policy.add, (age_s,))
    return [f"set {policy.job} to {age_s} s"]
