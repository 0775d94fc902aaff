"""The partitions of `readings` on plain PostgreSQL: one per ISO week, made before a row needs it, dropped as a whole.

A partition is built beside the table and then attached, which holds up neither readers nor writers.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

WEEK = timedelta(weeks=1)
WEEKS_AHEAD = 4
_NAME = re.compile(r"readings_(\d{4})w(\d{2})")
# Whoever makes or drops partitions holds this lock, so that two services do not make the same one.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.partitions'))"
_ATTACHED = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'readings'::regclass
"""


class Partition(NamedTuple):
    """The readings of one ISO week, `[start, end)`, from Monday to Monday in UTC."""

    start: datetime

    @property
    def end(self) -> datetime:
        """The first instant that no longer belongs to it."""
        return self.start + WEEK

    @property
    def name(self) -> str:
        """Its table, as `readings_2026w48`."""
        year, week, _ = self.start.isocalendar()
        return f"readings_{year}w{week:02}"


def partition_of(time: datetime) -> Partition:
    """Tells the partition an instant belongs to."""
    midnight = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Partition(midnight - timedelta(days=midnight.weekday()))


def partitions_of(times: Iterable[datetime]) -> list[Partition]:
    """Tells the partitions some instants belong to, oldest first."""
    days = {time.astimezone(UTC).date(): time for time in times}
    return sorted({partition_of(time) for time in days.values()})


def partition_named(name: str) -> Partition | None:
    """Tells the partition a table holds; None for a table whose name is not ours."""
    match = _NAME.fullmatch(name)
    return Partition(datetime.fromisocalendar(int(match[1]), int(match[2]), 1).replace(tzinfo=UTC)) if match else None


def partitions_ahead(now: datetime) -> list[Partition]:
    """Tells the partitions of this week and of those soon to come."""
    return partitions_of(now + weeks * WEEK for weeks in range(WEEKS_AHEAD + 1))


async def make_partitions(connection: psycopg.AsyncConnection[Any], partitions: Iterable[Partition]) -> list[str]:
    """Makes those that are missing, in a transaction of their own if none is open.

    Returns:
        The names of the new ones.
    """
    wanted = list(partitions)
    async with connection.transaction():
        if not await _missing(connection, wanted):
            return []
        await connection.execute(_LOCK)
        missing = await _missing(connection, wanted)
        for partition in missing:
            await _make(connection, partition)
    return [partition.name for partition in missing]


async def drop_partitions(
    connection: psycopg.AsyncConnection[Any], before: datetime, is_needed: Callable[[datetime, datetime], bool]
) -> tuple[list[str], list[str]]:
    """Drops each partition that lies wholly before an instant and is not needed, in a transaction of its own.

    Returns:
        The names of those dropped, and of those that are needed.
    """
    async with connection.transaction():
        attached = await _attached(connection)
    past = [partition for name in sorted(attached) if (partition := partition_named(name)) and partition.end <= before]
    needed = [partition.name for partition in past if is_needed(partition.start, partition.end)]
    dropped = [partition for partition in past if partition.name not in needed]
    for partition in dropped:
        await _drop(connection, partition)
    return [partition.name for partition in dropped], needed


async def _missing(connection: psycopg.AsyncConnection[Any], wanted: list[Partition]) -> list[Partition]:
    attached = await _attached(connection)
    return [partition for partition in wanted if partition.name not in attached]


async def _attached(connection: psycopg.AsyncConnection[Any]) -> set[str]:
    cursor = await connection.execute(_ATTACHED)
    return {name for (name,) in await cursor.fetchall()}


async def _make(connection: psycopg.AsyncConnection[Any], partition: Partition) -> None:
    name = sql.Identifier(partition.name)
    await connection.execute(sql.SQL("CREATE TABLE {} (LIKE readings INCLUDING ALL)").format(name))
    attach = sql.SQL("ALTER TABLE readings ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
    await connection.execute(attach.format(name, partition.start, partition.end))


async def _drop(connection: psycopg.AsyncConnection[Any], partition: Partition) -> None:
    name = sql.Identifier(partition.name)
    async with connection.transaction():
        await connection.execute(_LOCK)
        await connection.execute(sql.SQL("ALTER TABLE readings DETACH PARTITION {}").format(name))
        await connection.execute(sql.SQL("DROP TABLE {}").format(name))
