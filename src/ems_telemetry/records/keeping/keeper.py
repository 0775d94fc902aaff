"""Keeps the records: closes periods when their grace is over, and amends what was made of something that changed since.

Each record is one transaction of its own, together with its line in the audit trail; whatever ends the keeper in the middle,
the rest waits for the next time. Looking twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from ems_telemetry.clock import Clock
from ems_telemetry.observe import get_logger
from ems_telemetry.records.keeping.making import draft, keep
from ems_telemetry.records.method import Asked, Method
from ems_telemetry.records.methods import METHODS
from ems_telemetry.records.plan import Planned, read_plan
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.records import find_record, last_periods, settle_record_marks, take_record_marks

MOST_MARKS = 500
MOST_PERIODS = 500
"""So many in one pass: stopping waits for the pass."""


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
        """Closes the periods whose grace is over, oldest first of each item of the plan."""
        async with self._database.connection() as connection:
            plan = await read_plan(connection)
            last = await last_periods(connection)
        now, done = self._clock.now(), 0
        for planned in plan:
            if not self._has_method(planned):
                continue
            for asked in planned.due(last.get(planned.item.id), now):
                if done >= MOST_PERIODS or not await self._close(asked, now):
                    break
                done += 1
        return done

    async def amend_marked(self) -> int:
        """Looks again at the records that are marked, and keeps a revision of each that says something else now."""
        async with self._database.connection() as connection:
            marks = await take_record_marks(connection, MOST_MARKS)
            plan = await read_plan(connection) if marks else []
        return sum([await self._look_again(id_, reason, ids, plan) for id_, reason, ids in marks])

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

    async def _look_again(self, id_: UUID, reason: str, marks: Sequence[int], plan: Sequence[Planned]) -> int:
        now = self._clock.now()
        async with self._database.connection() as connection:
            row = await find_record(connection, id_)
            kept = None
            asked = None if row is None else asked_again(plan, row.plan, row.period_start)
            asked = asked if asked is not None and asked.item.method in self._methods else None
            if row is not None and asked is not None:
                made = await draft(connection, asked, now, self._methods)
                if made.waits_for:
                    return 0
                kept = await keep(connection, made, row, reason, now)
            await settle_record_marks(connection, marks)
        return int(kept is not None)


def asked_again(plan: Sequence[Planned], id_: str, start: datetime) -> Asked | None:
    """Gives what the plan asks for now of a period; None where its item is gone."""
    for planned in plan:
        if planned.item.id == id_ and planned.covers(start):
            return planned.asked(start)
    return None
