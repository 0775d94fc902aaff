"""What of a portion of the spool is stored apart: rows of long ago, and what somebody brings, run by run."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from ems_telemetry.model import Batch
from ems_telemetry.spool.port import Entry
from ems_telemetry.storage.bounded import TRANSACTION_TIMEOUT_S, answered
from ems_telemetry.storage.imports import parts_of, stored_parts, tell_parts
from ems_telemetry.storage.load import Plan, is_late, plan
from ems_telemetry.storage.postponed import Late
from ems_telemetry.storage.storing import Account, Tell, account_of


class Brought(NamedTuple):
    """What somebody brings: what is to be stored, and what was stored before."""

    runs: Sequence[Late]
    before: Account


def late_of(planned: Plan, entries: Sequence[Entry]) -> list[Late]:
    """Gives the rows of long ago that no run brings, with the entries they came in; at most one."""
    if not planned.late.rows:
        return []
    of_them = (entry for entry in entries if entry.batch.run is None and any(map(is_late, entry.batch.readings)))
    return [Late(planned.late, frozenset(entry.sequence for entry in of_them), len(planned.late.rows))]


async def plan_runs(
    connection: psycopg.AsyncConnection[Any], entries: Sequence[Entry], point_ids: Mapping[str, int]
) -> Brought:
    """Plans each run apart: what the audit trail is told of one is of its readings alone.

    Batches that were stored before, as when the service ended between commit and the spool, are passed over.
    """
    runs: dict[UUID, list[Entry]] = {}
    for entry in entries:
        if entry.batch.run is not None:
            runs.setdefault(entry.batch.run.id, []).append(entry)
    planned, before = list[Late](), Account()
    for brought in runs.values():
        batches = [entry.batch for entry in brought]
        known = await answered(stored_parts(connection, parts_of(batches).runs), TRANSACTION_TIMEOUT_S)
        new = [entry for entry in brought if entry.batch.run is not None and entry.batch.run.part not in known]
        again = sum(len(batch.readings) for batch in batches) - sum(len(entry.batch.readings) for entry in new)
        before += Account(duplicates=again)
        if new:
            planned.append(_planned_run(new, point_ids))
    return Brought(planned, before)


def _planned_run(entries: Sequence[Entry], point_ids: Mapping[str, int]) -> Late:
    batches = [entry.batch for entry in entries]
    planned = plan(batches, point_ids)
    sequences = frozenset(entry.sequence for entry in entries)
    already = account_of(planned)
    return Late(planned.whole, sequences, sum(len(batch.readings) for batch in batches), already, _telling(batches, already))


def _telling(batches: Sequence[Batch], already: Account) -> Tell:
    async def tell(connection: psycopg.AsyncConnection[Any], stored: Account) -> None:
        await tell_parts(connection, parts_of(batches), already + stored)

    return tell
