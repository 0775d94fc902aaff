"""Drains the spool into the database: an entry is removed only after the commit that holds it, and replaying one is harmless.

The writer is the one owner of coming back to the database. While that is away the spool keeps everything; a row that the
database will never take is set aside alone, so that no batch holds up the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import psycopg

from ems_telemetry.clock import Clock
from ems_telemetry.errors import DatabaseNotReadyError, EmsTelemetryError, LockedError
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.spool.port import SpoolReader
from ems_telemetry.storage.ahead import Ahead, Planned, Target
from ems_telemetry.storage.bisecting import store_bisecting
from ems_telemetry.storage.bounded import TRANSACTION_TIMEOUT_S, answered, undisturbed
from ems_telemetry.storage.capability import Capability
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.gate import Gate
from ems_telemetry.storage.lanes import MAX_ITEMS, Lanes
from ems_telemetry.storage.load import Row
from ems_telemetry.storage.postponed import Late, Postponed
from ems_telemetry.storage.registry import declare
from ems_telemetry.storage.runs import late_of, plan_runs
from ems_telemetry.storage.storing import Account, account_of, begin_session
from ems_telemetry.waiting import first_of

GATHER_S = 0.25
"""After a load smaller than that, others may gather for so long: a hundred meters need not be a hundred commits a second."""
PREPARE_TIMEOUT_S = 3_600.0
"""Long enough for a migration that rewrites a table."""


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
        self._postponed = Postponed(clock)
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
                    with self.gate.inside():
                        await self._session()
                except EmsTelemetryError as error:
                    await self._wait_after(error)
        finally:
            self._state = replace(self._state, connected=False)

    async def _rest(self) -> None:
        """Holds still until the gate is opened, or `stop`."""
        self._state = replace(self._state, connected=False)
        await first_of(self.gate.opened.wait(), self._stopping.wait())

    async def _session(self) -> None:
        """Writes on one connection until it is lost, the gate shut, or `stop`."""
        known = target = await self._prepare_anew()
        async with self._database.connection() as connection:
            await answered(begin_session(connection, target.capability), TRANSACTION_TIMEOUT_S)
            self._tell_connected(target.capability)
            lanes, self._postponed = Lanes(self._spool, self._clock), Postponed(self._clock)
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
                        target = await undisturbed(self._hand_over(connection, target, planned, meanwhile))
                        lanes.written(planned.portion, self._clock.monotonic() - began_s)
                    if late := self._postponed.next_due():
                        await undisturbed(self._try_again(connection, target, late))
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
        sent, rows, held = sum(len(entry.batch.readings) for entry in entries), planned.load.rows, set[int]()
        if planned.load.rows:
            meanwhile = None
        brought = await plan_runs(connection, entries, target.point_ids)
        account += brought.before
        # Apart, so that rows of long ago hold up none of now; by time, so that they touch each old chunk once.
        for late in [*late_of(planned, entries), *brought.runs]:
            stored = await self._store_late(connection, target.capability, late, meanwhile)
            meanwhile = None
            if stored is None:
                held |= late.sequences
                sent -= late.sent
            else:
                account += stored
                rows += late.load.rows
        await self._finish(account, rows, sent, [entry.sequence for entry in entries if entry.sequence not in held], began_s)
        return target

    async def _store_late(
        self,
        connection: psycopg.AsyncConnection[Any],
        capability: Capability,
        late: Late,
        meanwhile: Callable[[], None] | None,
    ) -> Account | None:
        """Stores rows of long ago; None if they wait, and their entries with them, since somebody else holds their chunk."""
        try:
            return late.already + await store_bisecting(connection, capability, late.load, meanwhile, late.tell)
        except LockedError as error:
            if not self._postponed.add(late):
                raise
            self._log.info("rows of long ago wait for what holds their chunk", event_code="late_rows_wait", reason=str(error))
            return None

    async def _try_again(self, connection: psycopg.AsyncConnection[Any], target: Target, late: Late) -> None:
        """Stores what was postponed, and removes it; what is still held waits on."""
        began_s = self._clock.monotonic()
        try:
            account = late.already + await store_bisecting(connection, target.capability, late.load, None, late.tell)
        except LockedError:
            self._postponed.again()
            return
        await self._finish(account, late.load.rows, late.sent, sorted(late.sequences), began_s)
        self._postponed.done()

    async def _finish(self, account: Account, rows: Sequence[Row], sent: int, sequences: Sequence[int], began_s: float) -> None:
        """Tells what was committed, and removes it from the spool."""
        if not account.rejected:
            self.committed(rows)
        self._tell(account, sent, self._clock.monotonic() - began_s)
        await self._spool.remove(sequences)

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
