"""What each kind of database needs from time to time: partitions ahead, old readings dropped, old chunks compressed.

The Community edition does the compressing itself, by a policy kept equal to the settings. Dropping is done by the service
on all of them, since no policy knows which readings a record still needs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import psycopg

from ems_telemetry.storage.capability.detection import Capability
from ems_telemetry.storage.capability.fragments import ENABLE_COLUMNSTORE
from ems_telemetry.storage.capability.partitions import drop_partitions, make_partitions, partitions_ahead, partitions_of

IsNeeded: TypeAlias = Callable[[datetime, datetime], bool]
CHUNKS_AT_ONCE = 100
"""How many are dropped in one transaction: each takes some locks, of which a server has 6,400 by its defaults."""


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
_REMOVE_RETENTION = """
    SELECT remove_retention_policy('readings', if_exists => true) FROM timescaledb_information.jobs
    WHERE hypertable_name = 'readings' AND proc_name = 'policy_retention'
"""
_CHUNKS = """
    SELECT format('%%I.%%I', chunk_schema, chunk_name), range_start, range_end FROM timescaledb_information.chunks
    WHERE hypertable_name = 'readings' AND range_end <= %s ORDER BY range_start
"""
_DROP_CHUNK = "SELECT drop_chunks('readings', older_than => %s::timestamptz, newer_than => %s::timestamptz)"
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


class Upkeep(NamedTuple):
    """What was done, for the log, and which chunks or partitions are past their time and needed."""

    done: list[str]
    needed: list[str]


async def keep_up(  # what each kind of database needs
    connection: psycopg.AsyncConnection[Any],
    capability: Capability,
    now: datetime,
    *,
    keep_s: float | None,
    compress_after_s: float,
    is_needed: IsNeeded,
) -> Upkeep:
    """Does what is due. Harmless as often as it is done.

    Args:
        connection: outside a transaction.
        capability: what `detect` said.
        now: aware.
        keep_s: drop chunks or partitions all of whose readings are older; None keeps all.
        compress_after_s: age at which chunks go to the columnstore, where there is one.
        is_needed: tells of `[since, until)` whether readings within it must stay all the same.

    Returns:
        Names of partitions or chunks made and dropped, policies set; and of those that had to stay.
    """
    done = []
    if capability is Capability.COMMUNITY:
        done += await _set_policies(connection, compress_after_s)
    if capability is Capability.PLAIN:
        done += [f"made {name}" for name in await make_partitions(connection, partitions_ahead(now))]
    if keep_s is None:
        return Upkeep(done, [])
    dropped, needed = await drop_before(connection, capability, now - timedelta(seconds=keep_s), is_needed)
    return Upkeep([*done, *(f"dropped {name}" for name in dropped)], needed)


async def drop_before(
    connection: psycopg.AsyncConnection[Any], capability: Capability, before: datetime, is_needed: IsNeeded
) -> tuple[list[str], list[str]]:
    """Drops the chunks or partitions that lie wholly before an instant, except those that are needed.

    Some at a time, each in a transaction of its own where none is open.

    Returns:
        The names of those dropped, and of those that are needed.
    """
    if capability is Capability.PLAIN:
        return await drop_partitions(connection, before, is_needed)
    async with connection.transaction():
        past = await (await connection.execute(_CHUNKS, (before,))).fetchall()
    needed = [name for name, since, until in past if is_needed(since, until)]
    dropped = [chunk for chunk in past if chunk[0] not in needed]
    for first in range(0, len(dropped), CHUNKS_AT_ONCE):
        async with connection.transaction():
            for _, since, until in dropped[first : first + CHUNKS_AT_ONCE]:
                await connection.execute(_DROP_CHUNK, (until, since))
    return [name for name, _, _ in dropped], needed


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


async def _set_policies(connection: psycopg.AsyncConnection[Any], compress_after_s: float) -> list[str]:
    async with connection.transaction():
        # A database that began with the Apache edition has no columnstore yet.
        if (await connection.execute(_WITHOUT_COLUMNSTORE)).rowcount:
            await connection.execute(ENABLE_COLUMNSTORE)
        # Versions before kept a policy that drops whatever is old.
        removed = (await connection.execute(_REMOVE_RETENTION)).rowcount
        done = await _set_policy(connection, _COMPRESSION, compress_after_s)
        return done + (["removed policy_retention"] if removed else [])


async def _set_policy(connection: psycopg.AsyncConnection[Any], policy: _Policy, age_s: float | None) -> list[str]:
    cursor = await connection.execute(_PRESENT, (policy.setting, policy.job))
    if [age for (age,) in await cursor.fetchall()] == ([] if age_s is None else [age_s]):
        return []
    await connection.execute(policy.remove)
    if age_s is not None:
        await connection.execute(policy.add, (age_s,))
    return [f"set {policy.job} to {age_s} s"]
