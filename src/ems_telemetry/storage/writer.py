"""Drains the spool into the database: an entry is removed only after the commit that holds it, and replaying one is harmless.

The writer is the one owner of coming back to the database. While that is away the spool keeps everything; a row that the
database will never take is set aside alone, so that no batch holds up the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from ems_telemetry.clock import Clock
from ems_telemetry.errors import DatabaseNotReadyError, EmsTelemetryError
from ems_telemetry.model import Batch
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.spool.port import Entry, SpoolReader
from ems_telemetry.storage.ahead import Ahead, Planned, Target
from ems_telemetry.storage.bisecting import TRANSACTION_TIMEOUT_S, answered, store_bisecting
from ems_telemetry.storage.capability import Capability
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.gate import Gate
from ems_telemetry.storage.imports import Parts, parts_of, stored_parts, tell_parts
from ems_telemetry.storage.lanes import MAX_ITEMS, Lanes
from ems_telemetry.storage.load import Plan, Row, plan
from ems_telemetry.storage.registry import declare
from ems_telemetry.storage.storing import Account, account_of, begin_session
from ems_telemetry.waiting import first_of

GATHER_S = 0.25
"""After a load smaller than that, others may gather for so long: a hundred meters need not be a hundred commits a second."""
PREPARE_TIMEOUT_S = 3_600.0
"""Long enough for a migration that rewrites a table."""
LAST_TRANSACTION_S = 1.0
"""How long a transaction may go on once the writer is cancelled; one that is broken off is still in the spool."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WriterState:
    """How writing stands. `oldest_at` is when the oldest batch not yet written was spooled; None if none waits."""

    connected: bool = False
    last_error: str | None = None
    last_error_at: datetime | None = None
    last_commit_at: datetime | None = None
    oldest_at: datetime | None = None
    commit_s: float | None = None
    """How long the last portion took, from the first statement to the last commit."""
    rows: int = 0
    """Readings accounted for since the start."""


class Writer:
    """Writes what the spool holds, until `stop`.

    Building one does no I/O. `run` is called once; `stop` does no harm before it, twice, or after the end.

    Args:
        database: open while `run` does.
        spool: read by this writer alone.
        prepare: called before each new connection; brings schema and registry up to date, or checks that they are.
        clock: for waiting and for the state.
        metrics: counts rows by what became of them.
        backoff: how long to wait for a database that is away.
    """

    def __init__(
        self,
        database: Database,
        spool: SpoolReader,
        prepare: Callable[[], Awaitable[Target]],
        *,
        clock: Clock,
        metrics: Metrics,
        backoff: Backoff,
    ) -> None:
        self._database = database
        self._spool = spool
        self._prepare = prepare
        self._clock = clock
        self._metrics = metrics
        self._backoff = backoff
        self.gate = Gate()
        """While it is shut nothing is written, and no connection is held."""
        self.committed: Callable[[Sequence[Row]], None] = lambda _rows: None
        """Called after a commit with its rows, if the database took them all."""
        self._stopping = asyncio.Event()
        self._outdated = asyncio.Event()
        self._state = WriterState()
        self._failures = 0
        self._log = get_logger(__name__)

    @property
    def state(self) -> WriterState:
        """How it stands now."""
        return replace(self._state, oldest_at=self._spool.state().oldest_at)

    def stop(self) -> None:
        """Asks `run` to end after the transaction in flight; the rest stays in the spool."""
        self._stopping.set()

    def renew(self) -> None:
        """Asks it to prepare anew. Whatever is spooled from now on is written by what it knows then. Never blocks."""
        self._outdated.set()

    async def run(self) -> None:
        """Writes until `stop`, coming back to the database for as long as it takes.

        Cancelling it lets the transaction in flight end first, or breaks it off after a second; `CancelledError` travels on.
        """
        try:
            while not self._stopping.is_set():
                if self.gate.closed.is_set():
                    await self._rest()
                    continue
                try:
                    await self._session()
                except EmsTelemetryError as error:
                    await self._wait_after(error)
        finally:
            self._state = replace(self._state, connected=False)

    async def _rest(self) -> None:
        """Holds still until the gate is opened, or `stop`."""
        self._state = replace(self._state, connected=False)
        self.gate.at_rest.set()
        try:
            await first_of(self.gate.opened.wait(), self._stopping.wait())
        finally:
            self.gate.at_rest.clear()

    async def _session(self) -> None:
        """Writes on one connection until it is lost, the gate shut, or `stop`."""
        known = target = await self._prepare_anew()
        async with self._database.connection() as connection:
            await answered(begin_session(connection, target.capability), TRANSACTION_TIMEOUT_S)
            self._tell_connected(target.capability)
            lanes = Lanes(self._spool, self._clock)
            async with Ahead(lanes) as ahead:
                while await self._has_work():
                    planned = await ahead.take(target)
                    if self._outdated.is_set():  # asked after reading: what was spooled after `renew` meets the new target
                        fresh = await self._prepare_anew()
                        known, target = fresh, target.renewed(fresh, known.point_ids)
                    entries = planned.portion.entries
                    is_full = lanes.is_behind or sum(len(entry.batch) for entry in entries) >= MAX_ITEMS
                    if entries:
                        began_s = self._clock.monotonic()
                        # In a thread beside the COPY it would only take the interpreter away from it.
                        meanwhile = partial(ahead.begin, target) if is_full else None
                        target = await _undisturbed(self._hand_over(connection, target, planned, meanwhile))
                        lanes.written(planned.portion, self._clock.monotonic() - began_s)
                    if not is_full:
                        await first_of(self._clock.sleep(GATHER_S), self._stopping.wait())

    async def _prepare_anew(self) -> Target:
        self._outdated.clear()
        return await answered(self._prepare(), PREPARE_TIMEOUT_S)

    async def _has_work(self) -> bool:
        """Waits for something to write, or to prepare anew; False if it is time to stop or to rest."""
        waits = (self._stopping.wait(), self.gate.closed.wait(), self._outdated.wait())
        await first_of(self._spool.wait_for_entries(), *waits)
        return not (self._stopping.is_set() or self.gate.closed.is_set())

    async def _hand_over(
        self,
        connection: psycopg.AsyncConnection[Any],
        target: Target,
        ahead: Planned,
        meanwhile: Callable[[], None] | None,
    ) -> Target:
        """Stores entries and removes them; gives the target as it is known afterwards."""
        began_s, entries = self._clock.monotonic(), ahead.portion.entries
        declared = [(entry.batch.connector, point) for entry in entries for point in entry.batch.declarations]
        if declared:
            known = await answered(declare(connection, declared, target.point_ids), TRANSACTION_TIMEOUT_S)
            target = replace(target, point_ids=known)
        planned = ahead.plan_for(target)
        account = account_of(planned) + await store_bisecting(connection, target.capability, planned.load, meanwhile)
        if planned.late.rows:
            # Apart, so that rows of long ago hold up none of now; by time, so that they touch each old chunk once.
            late_meanwhile = None if planned.load.rows else meanwhile
            account += await store_bisecting(connection, target.capability, planned.late, late_meanwhile)
        others_meanwhile = None if planned.load.rows or planned.late.rows else meanwhile
        brought, rows = await self._store_runs(connection, target, entries, others_meanwhile)
        account += brought
        if not account.rejected:
            self.committed((*planned.load.rows, *planned.late.rows, *rows))
        self._tell(account, sum(len(entry.batch.readings) for entry in entries), self._clock.monotonic() - began_s)
        await self._spool.remove([entry.sequence for entry in entries])
        return target

    async def _store_runs(
        self,
        connection: psycopg.AsyncConnection[Any],
        target: Target,
        entries: Sequence[Entry],
        meanwhile: Callable[[], None] | None,
    ) -> tuple[Account, list[Row]]:
        """Stores what somebody brings, each run apart: what the audit trail is told of one is of its readings alone."""
        runs: dict[UUID, list[Batch]] = {}
        for entry in entries:
            if entry.batch.run is not None:
                runs.setdefault(entry.batch.run.id, []).append(entry.batch)
        account, rows = Account(), list[Row]()
        for batches in runs.values():
            known = await answered(stored_parts(connection, parts_of(batches).runs), TRANSACTION_TIMEOUT_S)
            again = [batch for batch in batches if batch.run is not None and batch.run.part in known]
            account += Account(duplicates=sum(len(batch.readings) for batch in again))
            new = [batch for batch in batches if batch not in again]
            if new:
                planned = plan(new, target.point_ids)
                account += await self._store_run(connection, target, planned, parts_of(new), None if rows else meanwhile)
                rows += planned.whole.rows
        return account, rows

    async def _store_run(
        self,
        connection: psycopg.AsyncConnection[Any],
        target: Target,
        planned: Plan,
        parts: Parts,
        meanwhile: Callable[[], None] | None,
    ) -> Account:
        already = account_of(planned)

        async def tell(open_: Connection, stored: Account) -> None:
            await tell_parts(open_, parts, already + stored)

        return already + await store_bisecting(connection, target.capability, planned.whole, meanwhile, tell)

    def _tell(self, account: Account, sent: int, duration_s: float) -> None:
        """Publishes what was committed; by now every reading must be accounted for."""
        if account.readings != sent:
            raise DatabaseNotReadyError(
                f"{sent} readings were sent and {account.readings} are accounted for; nothing was removed"
            )
        outcomes = {
            "inserted": account.inserted,
            "duplicate": account.duplicates,
            "conflict": account.conflicts,
            "rejected": account.rejected,
        }
        for outcome, amount in outcomes.items():
            self._metrics.writer_rows.labels(outcome).inc(amount)
        for reason, amount in account.dead_letters.items():
            self._metrics.dead_letters.labels(reason).inc(amount)
        self._metrics.writer_commit.observe(duration_s)
        self._failures = 0
        self._state = replace(
            self._state,
            connected=True,
            last_commit_at=self._clock.now(),
            commit_s=duration_s,
            rows=self._state.rows + account.readings,
        )

    def _tell_connected(self, capability: Capability) -> None:
        self._state = replace(self._state, connected=True)
        address = self._database.address
        self._log.info("writing to the database", event_code="writer_connected", database=str(capability), address=address)

    async def _wait_after(self, error: EmsTelemetryError) -> None:
        """Tells that the database is away, once per reason, and waits before the next attempt."""
        repeated = not self._state.connected and self._state.last_error == str(error)
        self._state = replace(self._state, connected=False, last_error=str(error), last_error_at=self._clock.now())
        self._failures += 1
        delay_s = self._backoff.delay_s(self._failures)
        if not repeated:
            self._log.warning(
                "cannot write; the spool keeps everything",
                event_code="writer_waiting",
                reason=str(error),
                retry_in_s=round(delay_s, 1),
            )
        await first_of(self._clock.sleep(delay_s), self._stopping.wait(), self.gate.closed.wait())


async def _undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Lets work end although its caller is cancelled meanwhile, if that takes no longer than a moment."""
    task = asyncio.create_task(work, name="writer-transaction")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task}, timeout=LAST_TRANSACTION_S)
        finally:
            task.cancel()
        with suppress(EmsTelemetryError, asyncio.CancelledError):
            await task
        raise
