"""Keeps the records: closes periods when their grace is over, and amends what was made of something that changed since.

Each record is one transaction of its own, together with its line in the audit trail; whatever ends the keeper in the middle,
the rest waits for the next time. Looking twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from ems_telemetry.clock import Clock
from ems_telemetry.observe import get_logger
from ems_telemetry.records.facts.entries import in_force
from ems_telemetry.records.keeping.making import draft, keep
from ems_telemetry.records.keeping.order import LIMIT, levels_of
from ems_telemetry.records.method import Asked, Method
from ems_telemetry.records.methods import METHODS
from ems_telemetry.records.plan import Planned, read_plan
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.entries import EntryFilter, read_entries
from ems_telemetry.storage.records import Mark, find_record, last_periods, settle_record_marks, take_record_marks

MOST_MARKS = 500
MOST_PERIODS = 500
"""So many in one pass: stopping waits for the pass."""


class Looked(Enum):
    """What comes of looking at a record again."""

    KEPT = auto()
    """A revision that says something else."""
    SAME = auto()
    WAITS = auto()
    """Something that it is made of is still to come; it stays marked."""


class Keeper:
    """Closes and amends, as often as it is asked to. Building one does no I/O.

    Args:
        database: open.
        clock: tells what is due.
        methods: those that records are made by.
    """

    def __init__(self, database: Database, clock: Clock, methods: Mapping[str, Method] = METHODS) -> None:
        self._database = database
        self._clock = clock
        self._methods = methods
        self._log = get_logger(__name__)
        self._told: set[str] = set()

    async def catch_up(self) -> int:
        """Closes what is due and amends what is marked, or as much as one pass takes.

        Returns:
            How many revisions were kept.

        Raises:
            EmsTelemetryError: the database is out of reach.
        """
        return await self.close_due() + await self.amend_marked()

    async def close_due(self) -> int:
        """Closes the periods whose grace is over, oldest first of each item; items after those that they are made of."""
        async with self._database.connection() as connection:
            plan, levels = await self._read_plan(connection)
            last = await last_periods(connection)
        now, done = self._clock.now(), 0
        for planned in sorted(plan, key=lambda each: levels[each.item.id]):
            if not self._has_method(planned):
                continue
            for asked in planned.due(last.get(planned.item.id), now):
                if done >= MOST_PERIODS or not await self._close(asked, now):
                    break
                done += 1
        return done

    async def amend_marked(self) -> int:
        """Looks again at the records that are marked, and keeps a revision of each that says something else now.

        A revision marks what is made of it; that is looked at in the same pass, once all that it is made of was.
        """
        kept, left, waiting = 0, MOST_MARKS, set[UUID]()
        async with self._database.connection() as connection:
            marks = await take_record_marks(connection, MOST_MARKS)
            plan, levels = await self._read_plan(connection) if marks else ([], {})
        while marks and left > 0:
            lowest = min(levels.get(mark.plan, 0) for mark in marks)
            for mark in [mark for mark in marks if levels.get(mark.plan, 0) == lowest][:left]:
                outcome = await self._look_again(mark, plan)
                kept, left = kept + (outcome is Looked.KEPT), left - 1
                waiting |= {mark.id} if outcome is Looked.WAITS else set()
            async with self._database.connection() as connection:
                marks = [mark for mark in await take_record_marks(connection, MOST_MARKS) if mark.id not in waiting]
        return kept

    async def _read_plan(self, connection: Connection) -> tuple[list[Planned], dict[str, int]]:
        """Gives the plan, and how far up each of its items stands."""
        plan = await read_plan(connection)
        needs_approval = REGISTERS[LIMIT].needs_approval
        limits = in_force(await read_entries(connection, EntryFilter(LIMIT)), needs_approval=needs_approval)
        return plan, levels_of(plan, limits, self._methods)

    def _has_method(self, planned: Planned) -> bool:
        """Tells whether an item can be served; one that cannot is told once and holds up no other."""
        known = planned.item.method in self._methods
        if not known and planned.item.id not in self._told:
            self._told.add(planned.item.id)
            self._log.warning(
                "a plan item names a method that there is not",
                event_code="records_unknown_method", plan=planned.item.id, method=planned.item.method,
            )  # fmt: skip
        return known

    async def _close(self, asked: Asked, now: datetime) -> bool:
        async with self._database.connection() as connection:
            made = await draft(connection, asked, now, self._methods)
            if made.waits_for:
                return False
            before = await find_record(connection, UUID(made.envelope["record_id"]))
            return before is None and await keep(connection, made, None, "closed", now) is not None

    async def _look_again(self, mark: Mark, plan: Sequence[Planned]) -> Looked:
        now = self._clock.now()
        async with self._database.connection() as connection:
            row = await find_record(connection, mark.id)
            kept = None
            asked = None if row is None else asked_again(plan, row.plan, row.period_start)
            asked = asked if asked is not None and asked.item.method in self._methods else None
            if row is not None and asked is not None:
                made = await draft(connection, asked, now, self._methods)
                if made.waits_for:
                    return Looked.WAITS
                kept = await keep(connection, made, row, mark.reason, now)
            await settle_record_marks(connection, mark.marks)
        return Looked.SAME if kept is None else Looked.KEPT


def asked_again(plan: Sequence[Planned], id_: str, start: datetime) -> Asked | None:
    """Gives what the plan asks for now of a period; None where its item is gone."""
    for planned in plan:
        if planned.item.id == id_ and planned.covers(start):
            return planned.asked(start)
    return None
