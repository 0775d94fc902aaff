"""What people declare of meters: added, listed, declared void, never edited. Each change marks what must be computed anew.

The marks are made in the transaction of the change, so that no interval stays as it was before it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from ems_telemetry.storage.audit import SERVICE, Act, Actor, append_now
from ems_telemetry.storage.columns import usable_before, usable_from
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.interval_marks import SHARE_PROGRESS, put_marks
from ems_telemetry.storage.losses import TimePage
from ems_telemetry.storage.translation import translated


class RegisterRow(NamedTuple):
    """What an event says of a register, in the unit of its point."""

    point: str
    final: Decimal | None
    initial: Decimal | None
    multiplier: Decimal | None


class EventRow(NamedTuple):
    """An event of a meter."""

    id: UUID
    meter: str
    type: str
    at: datetime
    author: str
    reason: str
    registers: Sequence[RegisterRow]
    recorded_at: datetime
    voided_at: datetime | None = None
    voided_by: str | None = None
    void_reason: str | None = None


class NewEvent(NamedTuple):
    """An event to be added. `id` makes it the same event if it is added again."""

    id: UUID
    meter: str
    type: str
    at: datetime
    author: str
    reason: str
    registers: Sequence[RegisterRow]


class Voiding(NamedTuple):
    """Who declares an event void, and why."""

    author: str
    reason: str


LOCK_METER = "SELECT pg_advisory_xact_lock(hashtext('ems_telemetry.meter_events'), hashtext(%(meter)s))"
"""Whoever changes the events of a meter does so alone."""

_EVENT = """
    SELECT e.id, e.meter_id, e.type, e.at, e.author, e.reason, e.recorded_at, e.voided_at, e.voided_by, e.void_reason
    FROM meter_events e"""

FIND_EVENT = f"{_EVENT} WHERE e.id = %(id)s AND (%(meter)s::text IS NULL OR e.meter_id = %(meter)s)"
"""One event."""

LIST_EVENTS = f"""{_EVENT}
    WHERE (%(meter)s::text IS NULL OR e.meter_id = %(meter)s)
      AND e.at <= %(time)s AND (e.at < %(time)s OR e.id > %(id)s)
    ORDER BY e.at DESC, e.id
    LIMIT %(limit)s"""
"""A page of events by their time, newest first."""

EVENTS_WITHIN = f"""{_EVENT}
    WHERE e.meter_id = ANY (%(meters)s) AND e.at >= %(since)s AND e.at < %(until)s
    ORDER BY e.at, e.id LIMIT %(limit)s"""
"""The events of meters within a span, oldest first."""

READ_REGISTERS = """
    SELECT r.event_id, p.key, r.final, r.initial, r.multiplier
    FROM meter_event_registers r JOIN points p ON p.id = r.point_id
    WHERE r.event_id = ANY (%(ids)s) ORDER BY p.key"""
"""What events say of registers."""

ADD_EVENT = """
    INSERT INTO meter_events (id, meter_id, type, at, author, reason)
    VALUES (%(id)s, %(meter)s, %(type)s, %(at)s, %(author)s, %(reason)s)"""
"""Adds an event."""

ADD_REGISTER = """
    INSERT INTO meter_event_registers (event_id, point_id, final, initial, multiplier)
    SELECT %(event)s, id, %(final)s, %(initial)s, %(multiplier)s FROM points WHERE key = %(point)s"""
"""Adds what an event says of a register."""

VOID_EVENT = """
    UPDATE meter_events SET voided_at = now(), voided_by = %(author)s, void_reason = %(reason)s
    WHERE id = %(id)s AND voided_at IS NULL"""
"""Declares an event void."""

TOUCHED = """
    SELECT p.id, g.computed_to, r.multiplier IS NOT NULL,
           (SELECT min(e.at) FROM meter_event_registers o JOIN meter_events e ON e.id = o.event_id
            WHERE o.point_id = p.id AND o.multiplier IS NOT NULL AND e.voided_at IS NULL AND e.at > %(at)s)
    FROM meter_event_registers r
    JOIN points p ON p.id = r.point_id
    JOIN interval_progress g ON g.point_id = p.id
    WHERE r.event_id = %(event)s"""
"""The computed points that an event says something of: whether it sets a multiplier, and when another event does next."""

LIST_REGISTERS = """
    SELECT key FROM points WHERE meter_id = %(meter)s AND kind = 'counter' AND expression IS NULL ORDER BY key"""
"""The points of a meter that are registers."""

SITE_OF = "SELECT site_id FROM meters WHERE id = %(meter)s"
"""Where a meter stands."""

_MICROSECOND = timedelta(microseconds=1)


async def list_registers(database: Database, meter: str) -> list[str]:
    """Names the points of a meter that are registers: counters that are read, not computed."""
    async with database.connection() as connection:
        return [key for (key,) in await (await connection.execute(LIST_REGISTERS, {"meter": meter})).fetchall()]


async def list_events(database: Database, meter: str | None, page: TimePage) -> list[EventRow]:
    """Gives a page of the events of a meter, or of all, newest first; those that are void too."""
    async with database.connection() as connection:
        return await _read(connection, LIST_EVENTS, {"meter": meter, **page._asdict()})


async def events_within(
    connection: Connection, meters: Sequence[str], since: datetime, until: datetime, limit: int
) -> list[EventRow]:
    """Gives the events of some meters within `[since, until)`, oldest first; those that are void too."""
    told = {"meters": list(meters), "since": since, "until": until, "limit": limit}
    with translated():
        return await _read(connection, EVENTS_WITHIN, told)


async def find_event(database: Database, meter: str | None, id_: UUID) -> EventRow | None:
    """Finds an event of a meter, or of any."""
    async with database.connection() as connection:
        return await _find(connection, meter, id_)


async def add_event(database: Database, new: NewEvent, *, by: Actor = SERVICE) -> tuple[EventRow, bool]:
    """Adds an event, marks what it touches, and tells the audit trail.

    Args:
        database: where it is kept.
        new: its registers are points of its meter.
        by: who declares it; `author` of the event is who says so.

    Returns:
        The event as it is kept, and whether it is new: one that has the id already stays as it is.
    """
    async with database.connection() as connection:
        await connection.execute(LOCK_METER, {"meter": new.meter})
        kept = await _find(connection, None, new.id)
        if kept is not None:
            return kept, False
        await connection.execute(
            ADD_EVENT, {name: getattr(new, name) for name in ("id", "meter", "type", "at", "author", "reason")}
        )
        cursor = connection.cursor()
        await cursor.executemany(ADD_REGISTER, [{"event": new.id, **register._asdict()} for register in new.registers])
        await _mark(connection, new.id, new.at)
        found = await _find(connection, new.meter, new.id)
        if found is None:
            raise AssertionError("an event was added and is not there")
        await _tell(connection, by, "meter_event.added", found, found.reason)
    return found, True


async def void_event(database: Database, event: EventRow, voiding: Voiding, *, by: Actor = SERVICE) -> tuple[EventRow, bool]:
    """Declares an event void, marks what it touched, and tells the audit trail.

    Returns:
        The event as it is kept, and whether it held until now.
    """
    async with database.connection() as connection:
        return await void_event_by(connection, event, voiding, by=by)


async def void_event_by(
    connection: Connection, event: EventRow, voiding: Voiding, *, by: Actor = SERVICE
) -> tuple[EventRow, bool]:
    """Does what `void_event` does in the transaction that the connection is in."""
    await connection.execute(LOCK_METER, {"meter": event.meter})
    held = (await connection.execute(VOID_EVENT, {"id": event.id, **voiding._asdict()})).rowcount == 1
    if held:
        await _mark(connection, event.id, event.at)
    found = await _find(connection, event.meter, event.id) or event
    if held:
        await _tell(connection, by, "meter_event.voided", found, voiding.reason)
    return found, held


async def _tell(connection: Connection, by: Actor, action: str, event: EventRow, reason: str) -> None:
    found = await (await connection.execute(SITE_OF, {"meter": event.meter})).fetchone()
    said = {
        "meter": event.meter,
        "type": event.type,
        "at": event.at,
        "author": event.voided_by or event.author,
        "registers": [register._asdict() for register in event.registers],
    }
    site = found[0] if found else None
    await append_now(connection, by, Act(action, "meter_event", str(event.id), site=site, reason=reason, detail=said))


async def _mark(connection: Connection, event: UUID, at: datetime) -> None:
    """Marks, of each register, from the last reading before to the first one after, and as far as a multiplier holds."""
    await connection.execute(SHARE_PROGRESS)
    touched = await (await connection.execute(TOUCHED, {"event": event, "at": at})).fetchall()
    before = await usable_before(connection, {point_id: at for point_id, *_ in touched}, 1)
    after = await usable_from(
        connection, {point_id: next_at if sets and next_at else at for point_id, _, sets, next_at in touched}, 1
    )
    stretches = []
    for point_id, computed_to, sets_multiplier, next_at in touched:
        holds_on = sets_multiplier and next_at is None
        until = computed_to if holds_on else min(after.get(point_id, ()), default=computed_to)
        # What lies beyond is computed when its time has come.
        last = min(until, computed_to - _MICROSECOND)
        since = max(before.get(point_id, ()), default=at)
        if since <= last:
            stretches.append((point_id, since, last))
    if stretches:
        await put_marks(connection, stretches)


async def _find(connection: Connection, meter: str | None, id_: UUID) -> EventRow | None:
    found = await _read(connection, FIND_EVENT, {"meter": meter, "id": id_})
    return found[0] if found else None


async def _read(connection: Connection, query: str, parameters: dict[str, Any]) -> list[EventRow]:
    events = await (await connection.execute(query.encode(), parameters)).fetchall()
    rows = await (await connection.execute(READ_REGISTERS, {"ids": [event[0] for event in events]})).fetchall()
    registers: dict[UUID, list[RegisterRow]] = {}
    for id_, *register in rows:
        registers.setdefault(id_, []).append(RegisterRow(*register))
    return [EventRow(*(*event[:6], registers.get(event[0], []), *event[6:])) for event in events]
