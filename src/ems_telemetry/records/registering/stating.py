"""Stating facts and deciding about them: who may, what follows what, and which records are looked at again because of it.

Whoever states something that needs approval cannot approve it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from ems_telemetry.errors import PermanentError
from ems_telemetry.records.facts.entries import EntryStatus, status_of
from ems_telemetry.records.facts.measured_by import reaches_back_to
from ems_telemetry.records.keeping.making import void
from ems_telemetry.records.registers import REGISTERS, Body, Dated, Register
from ems_telemetry.records.registers.webhooks import WEBHOOK
from ems_telemetry.records.webhooks import settle_webhook
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import (
    EntryFilter,
    EntryRow,
    NewEntry,
    append_decision,
    append_entry,
    lock_entry,
    read_entries,
)
from ems_telemetry.storage.records import find_record, mark_dependents

APPROVED, REJECTED, VOIDED = "approved", "rejected", "voided"
VOIDING = "voiding"


class NotAllowedNowError(PermanentError):
    """What is asked for does not fit what was stated or decided before; the message says what to do."""


class SecondPersonError(PermanentError):
    """Whoever stated it cannot approve it."""


async def state(
    connection: Connection, actor: Actor, register: Register, new: NewEntry, at: datetime, follows: int | None
) -> EntryRow:
    """Adds a revision of a fact in the open transaction, and marks what is made of its kind.

    Args:
        connection: whose transaction it becomes part of.
        actor: who states it.
        register: its kind.
        new: what; its body is checked.
        at: when.
        follows: the revision it must follow; 0 where it must be the first.

    Raises:
        EntryTakenError: another revision was added meanwhile.
    """
    row = await append_entry(connection, actor, new, at, follows)
    if row.kind == WEBHOOK:
        await settle_webhook(connection, row.id, at)
    if not register.needs_approval:
        await mark_touched(connection, register, row, f"{register.kind}_changed")
    return row


async def decide(connection: Connection, actor: Actor, row: EntryRow, decision: str, reason: str, at: datetime) -> EntryRow:
    """Approves, rejects or voids a revision in the open transaction, and marks what is made of it.

    Raises:
        NotAllowedNowError: it was decided about already, or needs no approval.
        SecondPersonError: whoever stated it wants to approve it.
    """
    register = REGISTERS[row.kind]
    await lock_entry(connection, row.kind, row.id)
    known = await find_revision(connection, row.kind, row.id, row.revision)
    row = known or row
    _check_decision(register, row, actor, decision)
    decided = await append_decision(connection, actor, row, decision, reason, at)
    if decision == APPROVED and row.kind == VOIDING:
        await _void_record(connection, row, at, actor)
    if row.kind == WEBHOOK:
        await settle_webhook(connection, row.id, at)
    if decision != REJECTED:
        await mark_touched(connection, register, decided, f"{row.kind}_{'changed' if decision == APPROVED else 'voided'}")
    return decided


async def find_revision(
    connection: Connection, kind: str, id_: str, revision: int | None = None, as_of: datetime | None = None
) -> EntryRow | None:
    """Finds a revision of a fact: the one named, else the newest that was known then."""
    rows = await read_entries(connection, EntryFilter(kind, as_of=as_of, id=id_))
    wanted = [row for row in rows if revision in (None, row.revision)]
    return wanted[-1] if wanted else None


async def mark_touched(connection: Connection, register: Register, row: EntryRow, reason: str) -> None:
    """Marks the records that were made of facts of this kind at the times it speaks of, now or in a revision before."""
    known = await read_entries(connection, EntryFilter(row.kind, id=row.id))
    for each in [*(before for before in known if before.revision < row.revision), row]:
        since, until = span_of(register, each)
        await mark_dependents(connection, "register", [row.kind], reason, since, until)
        body = register.body.model_validate(each.body)
        names: Sequence[str] = [*register.points_of(body), *register.meters_of(body)]
        await mark_dependents(connection, "layer", [f"{row.kind}/{name}" for name in names], reason, since, until)
        if row.kind == "instrument":
            await mark_dependents(connection, "instrument", [row.id], reason, since, until)
        if row.kind == "calibration":  # it has its say from the last pass before it to its due date and beyond
            since = await reaches_back_to(connection, each)
            await mark_dependents(connection, "instrument", [each.body["instrument"]], reason, since)


def span_of(register: Register, row: EntryRow) -> tuple[datetime | None, datetime | None]:
    """Tells of which time a fact speaks; None where it has no end."""
    if register.dated is Dated.MOMENT and row.valid_from is not None and row.valid_to is None:
        return row.valid_from, row.valid_from + timedelta.resolution
    return row.valid_from, row.valid_to


def content_of(body: Body) -> dict[str, object]:
    """Gives a checked body as it is kept: JSON whose numbers are words."""
    return body.model_dump(mode="json", by_alias=True)


def says(body: Mapping[str, object]) -> dict[str, object]:
    """Gives what a body says: null says nothing, and fields that there were not yet when it was kept said nothing either."""
    return {name: said for name, said in body.items() if said is not None}


def _check_decision(register: Register, row: EntryRow, actor: Actor, decision: str) -> None:
    name = f"revision {row.revision} of {row.kind} {row.id}"
    status = status_of(row, needs_approval=register.needs_approval)
    if decision == VOIDED:
        if status in {EntryStatus.VOIDED, EntryStatus.REJECTED}:
            raise NotAllowedNowError(f"{name} is {status.value} already")
        return
    if not register.needs_approval:
        raise NotAllowedNowError(f"{name} needs no approval; it holds since it was stated")
    if status is not EntryStatus.PROPOSED:
        raise NotAllowedNowError(f"{name} is {status.value.replace('_', ' ')} already; state a new revision to change it")
    if decision == APPROVED and row.author == actor.id:
        raise SecondPersonError(f"{name} was stated by {row.author_name}, who cannot approve it; let somebody else do so")


async def _void_record(connection: Connection, row: EntryRow, at: datetime, actor: Actor) -> None:
    record = await find_record(connection, UUID(row.body["record_id"]))
    if record is None or record.site != row.site or record.status == VOIDED:
        raise NotAllowedNowError(f'there is no record "{row.body["record_id"]}" at {row.site}, or it is void already')
    await void(connection, record, row.reason, at, actor)
