"""Tells webhooks of checks of instruments: once when one is due soon, and once when it is overdue.

What was told is kept in the transaction that puts it into the outbox, so that no restart tells it again. What nobody wanted to
be told of is told to whoever wants to be later, as long as it is true.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ems_telemetry.clock import Clock
from ems_telemetry.evidence.canonical import plain_object
from ems_telemetry.records.facts.entries import covering
from ems_telemetry.records.facts.instruments import checks_of, measures
from ems_telemetry.records.registers.webhooks import WebhookEvent
from ems_telemetry.rules.calibration import Calibration, CalibrationStatus, status_at
from ems_telemetry.storage.checks_told import ToldCheck, announce_check, read_told_checks
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries
from ems_telemetry.storage.outbox import Event, is_wanted
from ems_telemetry.storage.point_facts import read_facts

NOTICE_DAYS: Final = 30
"""So many days before a check is due it is told, where the instrument does not say otherwise."""
EVERY: Final = timedelta(minutes=10)
"""So often it is looked: due dates are days, and all instruments are read."""
DUE, OVERDUE = "due", "overdue"


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A check that is due soon, or overdue, with the last one before it."""

    instrument: EntryRow
    last: Calibration
    due: datetime
    status: str

    @property
    def told(self) -> ToldCheck:
        """What is remembered of it."""
        return ToldCheck(self.instrument.id, self.due, self.status)


class Reminder:
    """Looks which checks are due. Building one does no I/O.

    Args:
        database: open.
        clock: tells what is due.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._next_at: datetime | None = None

    async def catch_up(self) -> int:
        """Tells of what is due now and was not told yet, if it is time to look.

        Returns:
            How many checks somebody was told of.

        Raises:
            EmsTelemetryError: the database is out of reach.
        """
        now = self._clock.now()
        if self._next_at is not None and self._next_at - EVERY <= now < self._next_at:
            return 0
        async with self._database.connection() as connection:
            told = await remind(connection, now)
        self._next_at = now + EVERY
        return told


async def remind(connection: Connection, now: datetime) -> int:
    """Tells of what is due now and was not told yet, in the open transaction; tells how many checks these were."""
    if not await is_wanted(connection, WebhookEvent.CALIBRATION_DUE):
        return 0
    instruments = covering(await read_entries(connection, EntryFilter("instrument")), now, needs_approval=False)
    calibrations = await read_entries(connection, EntryFilter("calibration"))
    known = await read_told_checks(connection)
    due = [each for each in due_checks(instruments, calibrations, now) if each.told not in known]
    return sum([await _tell(connection, each, now) for each in due])


def due_checks(instruments: Iterable[EntryRow], calibrations: Iterable[EntryRow], now: datetime) -> list[DueCheck]:
    """Finds the instruments in force whose next check is due within their notice, or was due already.

    One that failed its last check, or never had any, has no date on which the next one is due.
    """
    of: dict[str, list[EntryRow]] = {}
    for row in calibrations:
        of.setdefault(row.body["instrument"], []).append(row)
    found = [_due_check(row, checks_of(of.get(row.id, ())), now) for row in instruments]
    return [each for each in found if each is not None]


def _due_check(instrument: EntryRow, checks: Sequence[Calibration], now: datetime) -> DueCheck | None:
    done = [check for check in checks if check.at <= now]
    status = status_at(done, now)
    if status not in {CalibrationStatus.VALID, CalibrationStatus.OVERDUE} or done[-1].due is None:
        return None
    said: int | None = instrument.body.get("notice_days")
    if now < done[-1].due - timedelta(days=NOTICE_DAYS if said is None else said):
        return None
    return DueCheck(instrument, done[-1], done[-1].due, OVERDUE if status is CalibrationStatus.OVERDUE else DUE)


async def _tell(connection: Connection, check: DueCheck, now: datetime) -> bool:
    row = check.instrument
    facts = await read_facts(connection, site=row.site)
    data = _data_of(check, [fact.key for fact in facts if measures(row, fact)])
    return await announce_check(connection, check.told, Event(WebhookEvent.CALIBRATION_DUE, row.site, None, data, now))


def _data_of(check: DueCheck, points: Sequence[str]) -> Mapping[str, Any]:
    row, last = check.instrument, check.last
    return plain_object(
        {
            "instrument": row.id,
            "serial": row.body["serial"],
            "site": row.site,
            "status": check.status,
            "due": check.due,
            "last_check": {"id": last.id, "at": last.at, "found_good": last.found_good, "left_good": last.left_good},
            "meters": list(row.body["meters"]),
            "points": list(points),
            "path": f"/api/v1/instruments/{row.id}/status",
        }
    )
