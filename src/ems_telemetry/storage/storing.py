"""One load into the database in one transaction: binary COPY into a staging table, one insert, marks, dead letters.

A row that is there already is left as it is and accounted for: the same again is a duplicate, another value a conflict.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg

from ems_telemetry.errors import RejectedByDatabaseError
from ems_telemetry.model import DeadLetter, Flag, Gap
from ems_telemetry.storage.capability import Capability, prepare_for
from ems_telemetry.storage.gap_events import announce_gaps
from ems_telemetry.storage.interval_marks import MARK_STAGED, SHARE_PROGRESS
from ems_telemetry.storage.load import COLUMNS, Load, Plan, Row, conflict
from ems_telemetry.storage.records import GAPS, mark_changed
from ems_telemetry.storage.translation import translated

COLUMN_TYPES = ("timestamptz", "int4", "int4", "float8", "timestamptz", "int8", "int2", "float8", "numeric")

_STAGE = "CREATE TEMPORARY TABLE IF NOT EXISTS staged_readings (LIKE readings) ON COMMIT DELETE ROWS"
# A late row may meet a batch of the columnstore; the default bound is for mistakes, not for a writer that is bounded itself.
_UNBOUND = "SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
# A chunk that is being compressed is held for as long as that takes, and such rows can wait; see `postponed`.
_WAIT_BRIEFLY = "SET LOCAL lock_timeout = '1s'"
_NAMES = "time, point_id, flags, value, received_at, source_status, quality, raw, exact"
_COPY = f"COPY staged_readings ({_NAMES}) FROM STDIN (FORMAT binary)"
_INSERT = f"""
    INSERT INTO readings ({_NAMES}) SELECT {_NAMES} FROM staged_readings ON CONFLICT (point_id, time) DO NOTHING
"""  # noqa: S608  # only constants of this module
# What was read later from a device's history is never what it says now, however new it is: it gives way to whatever is not.
_BACKFILLED = int(Flag.BACKFILLED)
_PUT_LATEST = f"""
    INSERT INTO latest_readings AS old ({_NAMES})
    SELECT DISTINCT ON (point_id) {_NAMES} FROM staged_readings ORDER BY point_id, flags & {_BACKFILLED}, time DESC
    ON CONFLICT (point_id) DO UPDATE
    SET time = excluded.time, flags = excluded.flags, value = excluded.value, received_at = excluded.received_at,
        source_status = excluded.source_status, quality = excluded.quality, raw = excluded.raw, exact = excluded.exact
    WHERE (excluded.flags & {_BACKFILLED}, old.time) < (old.flags & {_BACKFILLED}, excluded.time)
"""  # noqa: S608  # only constants of this module
# The limit keeps it a look-up per row by key, and the span keeps all other partitions out of the plan.
_DIFFERING = """
    SELECT s.point_id, s.time, r.point_id IS NOT NULL, r.value, r.quality
    FROM staged_readings s
    LEFT JOIN LATERAL (
        SELECT * FROM readings WHERE point_id = s.point_id AND time = s.time AND time BETWEEN %s AND %s LIMIT 1
    ) r ON true
    WHERE r.point_id IS NULL OR (s.value, s.exact, s.raw, s.quality) IS DISTINCT FROM (r.value, r.exact, r.raw, r.quality)
"""
_PUT_DEAD_LETTERS = """
    INSERT INTO dead_letters (id, connector, point, reason, detail, source, payload, received_at)
    SELECT DISTINCT ON (id) *
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[], %s::timestamptz[])
        AS told (id, connector, point, reason, detail, source, payload, received_at)
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET retried_at = NULL, retry_note = 'refused again: ' || excluded.detail
    WHERE dead_letters.retried_at IS NOT NULL
    RETURNING reason
"""
# A letter that comes again was retried in vain, or is written again after a crash. Only the former was marked as retried.
_PUT_GAPS = """
    INSERT INTO gaps (id, connector, point, started_at, ended_at, cause, refused, open, expected)
    SELECT DISTINCT ON (id) *
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::bigint[],
                %s::boolean[], %s::bigint[])
        AS told (id, connector, point, started_at, ended_at, cause, refused, open, expected)
    ORDER BY id, open, ended_at DESC
    ON CONFLICT (id) DO UPDATE
    SET ended_at = excluded.ended_at, refused = excluded.refused, open = excluded.open, expected = excluded.expected
    WHERE (NOT excluded.open, excluded.ended_at) > (NOT gaps.open, gaps.ended_at)
    RETURNING id, xmax = 0, coalesce(point, 'connector/' || connector), started_at, ended_at,
              (SELECT before.ended_at FROM gaps before WHERE before.id = gaps.id)
"""
# In whatever order the tellings of a gap come in, the same row comes of them: one that has ended wins, then the later end. What
# RETURNING looks up is the row as it was before.


@dataclass(frozen=True, slots=True)
class Account:
    """What became of readings. `dead_letters` counts those newly stored by their reason."""

    inserted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Account") -> "Account":
        return Account(
            self.inserted + other.inserted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.rejected + other.rejected,
            Counter(self.dead_letters) + Counter(other.dead_letters),
        )

    @property
    def readings(self) -> int:
        """How many readings it accounts for."""
        return self.inserted + self.duplicates + self.conflicts + self.rejected


def account_of(planned: Plan) -> Account:
    """Accounts for the readings that planning kept back."""
    return Account(duplicates=planned.duplicates, conflicts=planned.conflicts, rejected=planned.rejected)


Tell: TypeAlias = Callable[[psycopg.AsyncConnection[Any], Account], Awaitable[None]]


async def begin_session(connection: psycopg.AsyncConnection[Any], capability: Capability) -> None:
    """Makes a connection ready for `store`; once for each connection."""
    async with connection.transaction():
        await connection.execute(_STAGE)
        if capability is Capability.COMMUNITY:
            await connection.execute(_UNBOUND)


async def store(
    connection: psycopg.AsyncConnection[Any],
    capability: Capability,
    load: Load,
    meanwhile: Callable[[], None] | None = None,
    tell: Tell | None = None,
) -> Account:
    """Stores all of it, or nothing.

    Args:
        connection: one that `begin_session` made ready, outside a transaction.
        capability: what the database can do.
        load: may be empty.
        meanwhile: called once when the database has the rows and begins with them, and this process nothing to do; not called
            where there are none.
        tell: told within the transaction what became of the rows.

    Returns:
        What became of its rows.

    Raises:
        RejectedByDatabaseError: something in it is refused.
        LockedError: somebody else holds what it needs.
        TransientError: it may work later.
    """
    with translated():
        await prepare_for(connection, capability, [row.time for row in load.rows])
        async with connection.transaction():
            if load.is_late:
                await connection.execute(_WAIT_BRIEFLY)
            account, contradicting = await _store_rows(connection, load.rows, meanwhile)
            letters = await _store_dead_letters(connection, [*load.dead_letters, *contradicting])
            await store_gaps(connection, load.gaps)
            if tell is not None:
                await tell(connection, account)
    return account + Account(dead_letters=letters)


async def _store_rows(
    connection: psycopg.AsyncConnection[Any], rows: Sequence[Row], meanwhile: Callable[[], None] | None
) -> tuple[Account, list[DeadLetter]]:
    if not rows:
        return Account(), []
    await _copy(connection, rows)
    await connection.execute(SHARE_PROGRESS)
    if meanwhile is not None:
        meanwhile()
    inserted = (await connection.execute(_INSERT)).rowcount
    contradicting = await _find_contradicting(connection, rows) if inserted < len(rows) else []
    await connection.execute(_PUT_LATEST)
    if inserted:
        await connection.execute(MARK_STAGED)
    return Account(inserted, len(rows) - inserted - len(contradicting), len(contradicting)), contradicting


async def _copy(connection: psycopg.AsyncConnection[Any], rows: Sequence[Row]) -> None:
    try:
        async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(COLUMN_TYPES)
            for row in rows:
                await copy.write_row(row[:COLUMNS])
    except (TypeError, ValueError, OverflowError) as error:
        raise RejectedByDatabaseError(f"a value does not fit its column: {error}") from error


async def _find_contradicting(connection: psycopg.AsyncConnection[Any], rows: Sequence[Row]) -> list[DeadLetter]:
    """Makes dead letters of the staged rows whose key is taken by another value; counts that each of the others is there."""
    times = [row.time for row in rows]
    cursor = await connection.execute(_DIFFERING, (min(times), max(times)), prepare=False)
    differing = await cursor.fetchall()
    absent = sum(not present for _, _, present, _, _ in differing)
    if absent:
        raise RejectedByDatabaseError(f"{absent} of {len(rows)} rows were neither inserted nor found")
    by_key = {(row.point_id, row.time): row for row in rows}
    return [conflict(by_key[point_id, time], value, quality) for point_id, time, _, value, quality in differing]


async def _store_dead_letters(connection: psycopg.AsyncConnection[Any], letters: Sequence[DeadLetter]) -> Mapping[str, int]:
    if not letters:
        return {}
    cursor = await connection.execute(_PUT_DEAD_LETTERS, [list(column) for column in zip(*letters, strict=True)])
    return Counter(reason for (reason,) in await cursor.fetchall())


async def store_gaps(connection: psycopg.AsyncConnection[Any], gaps: Sequence[Gap]) -> None:
    """Stores gaps within a transaction; of each telling of one the latest counts, and webhooks are told of the first.

    Records that tell of gaps are looked at again where one is new, or reaches further than it was known to.
    """
    if gaps:
        cursor = await connection.execute(_PUT_GAPS, [list(column) for column in zip(*gaps, strict=True)])
        stored = await cursor.fetchall()
        changed = [
            (source, start if was is None else min(was, end), end if was is None else max(was, end))
            for _, _, source, start, end, was in stored
        ]
        await mark_changed(connection, changed, GAPS, "gap_recorded")
        await announce_gaps(connection, [id_ for id_, is_new, *_ in stored if is_new])
