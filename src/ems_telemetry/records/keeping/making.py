"""Makes records: gathers inputs, computes from what was written down of them, and keeps what is other than before.

What is computed is always computed from the snapshot that is kept, so that the same figure comes out of it for ever (CR-55).
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.evidence.canonical import canonical, parse
from ems_telemetry.records.envelope import kept, make_envelope, says_the_same
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.keeping.doubts import with_instruments
from ems_telemetry.records.keeping.exceeding import announce_exceedances
from ems_telemetry.records.kinds import RecordQuality, RecordStatus
from ems_telemetry.records.method import Asked, Figure, Method
from ems_telemetry.records.methods import METHODS, find_method
from ems_telemetry.records.rows import row_of
from ems_telemetry.records.webhooks import announce_record
from ems_telemetry.storage.audit import Act, Actor, append_act
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.records import (
    RecordRow,
    Source,
    add_record,
    mark_dependents,
    mark_record,
    read_snapshot,
)

REFUSED = "cannot_compute"
MEASURED_BY = "measured_by"
"""Where a snapshot has the instruments; methods have no such input of their own."""
SERVICE = Actor("service:records", "ems-telemetry")
RECHECK = "late_data"
"""Why a record that was just kept is looked at once more: what changed while it was made left no mark."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that nobody has kept yet, what it was made of, and the points whose intervals are still to come."""

    envelope: dict[str, Any]
    snapshot: bytes
    sources: tuple[Source, ...]
    waits_for: tuple[str, ...]


async def draft(connection: Connection, asked: Asked, now: datetime, methods: Mapping[str, Method] = METHODS) -> Draft:
    """Makes a record of a period as things stand now, keeping nothing but digests of raw readings.

    A figure that cannot be computed is a record too: without a value, and with the reason.

    Raises:
        CannotComputeError: there is no such method.
    """
    sources = Sources(connection, now)
    method = find_method(asked.item.method, methods)
    try:
        inputs = await method.gather(sources, asked)
        inputs = {**inputs, **({MEASURED_BY: sources.measured_by} if sources.measured_by else {})}
    except CannotComputeError as error:
        inputs = {"refused": str(error)}
    # A year of quarters takes seconds, in which the loop must go on collecting.
    snapshot, figure = await asyncio.to_thread(_written_and_computed, method, inputs)
    hash_ = hashlib.sha256(snapshot).hexdigest()
    envelope = make_envelope(method, asked, figure, sources.refs, hash_, now)
    return Draft(envelope, snapshot, tuple(sources.sources), tuple(sources.waits_for))


def _written_and_computed(method: Method, inputs: Mapping[str, Any]) -> tuple[bytes, Figure]:
    snapshot = canonical(inputs)
    return snapshot, figure_of(method, as_inputs(snapshot))


async def keep(
    connection: Connection, made: Draft, before: RecordRow | None, reason: str, now: datetime, actor: Actor = SERVICE
) -> RecordRow | None:
    """Keeps a draft as the next revision, unless it says what the newest one says.

    Args:
        connection: whose transaction it becomes part of, together with its line in the audit trail.
        made: the draft.
        before: the newest revision; None where there is none.
        reason: why, for a revision that follows one.
        now: when this is.
        actor: who lets it be kept.

    Returns:
        The revision; None where nothing is other than before.
    """
    if before is not None and (before.status == RecordStatus.VOIDED or says_the_same(made.envelope, before)):
        return None
    status = RecordStatus.FINAL if before is None else RecordStatus.AMENDED
    envelope = kept(made.envelope, before, status, "closed" if before is None else reason, actor.id)
    row = await append_revision(connection, envelope, made, actor, now)
    if before is None:
        await mark_record(connection, row.id, RECHECK)
    await mark_followers(connection, row)
    return row


async def void(connection: Connection, before: RecordRow, reason: str, now: datetime, actor: Actor) -> RecordRow:
    """Declares a record void, as a revision that follows the newest one; what it said stays readable in that one."""
    snapshot = await read_snapshot(connection, before.snapshot)
    if snapshot is None:
        raise CannotComputeError(f"the inputs of the record {before.id} were purged; it cannot be changed any more")
    envelope = kept({**before.envelope, "computed_at": now}, before, RecordStatus.VOIDED, reason, actor.id)
    envelope = as_inputs(canonical(envelope))
    row = await append_revision(connection, envelope, Draft(envelope, snapshot, (), ()), actor, now)
    await mark_followers(connection, row)
    return row


async def append_revision(
    connection: Connection, envelope: dict[str, Any], made: Draft, actor: Actor, now: datetime
) -> RecordRow:
    """Appends a revision with its line in the audit trail, and what webhooks are told of it."""
    row = row_of(envelope)
    action = {"final": "finalised", "amended": "amended", "voided": "voided"}[row.status]
    act = Act(
        f"record.{action}",
        "record",
        str(row.id),
        row.revision,
        row.site,
        envelope["reason"],
        envelope["previous_hash"],
        row.hash,
    )
    row = row._replace(seq=(await append_act(connection, actor, act, now)).seq)
    await add_record(connection, row, made.sources, made.snapshot)
    await announce_record(connection, row, now)
    await announce_exceedances(connection, row, now)
    return row


async def mark_followers(connection: Connection, row: RecordRow) -> None:
    """Marks the records that were made of this one, or of what its plan item gave for its period."""
    await mark_dependents(connection, "record", [str(row.id)], "input_amended")
    await mark_dependents(connection, "plan", [row.plan], "input_amended", row.period_start, row.period_end)


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What comes of computing a record again from its inputs, beside what is kept: equal for ever."""

    stored: dict[str, Any]
    recomputed: dict[str, Any]

    @property
    def equal(self) -> bool:
        """Whether they say the same, to the last digit."""
        return self.stored == self.recomputed


FIGURE = (
    "quantity",
    "value",
    "unit",
    "quality",
    "flags",
    "coverage_percent",
    "measured_percent",
    "estimated_percent",
    "details",
)


async def recompute(
    connection: Connection, row: RecordRow, asked: Asked, methods: Mapping[str, Method] = METHODS
) -> Recomputed:
    """Computes a record again, by the version of the method and from the inputs that it was made with.

    Raises:
        CannotComputeError: its inputs were purged, or are not what their hash says.
    """
    snapshot = await read_snapshot(connection, row.snapshot)
    if snapshot is None:
        raise CannotComputeError(f"the inputs of the record {row.id} were purged when their retention ended")
    if hashlib.sha256(snapshot).hexdigest() != row.snapshot:
        raise CannotComputeError(f"the inputs of the record {row.id} are not what their hash says; see GET /audit/verify")
    method = find_method(row.method, methods)
    figure = await asyncio.to_thread(lambda: figure_of(method, as_inputs(snapshot)))
    again = make_envelope(method, asked, figure, (), row.snapshot, row.computed_at)
    return Recomputed({name: row.envelope[name] for name in FIGURE}, {name: again[name] for name in FIGURE})


def figure_of(method: Method, inputs: dict[str, Any]) -> Figure:
    """Makes the figure of a snapshot; what was measured by instruments says so, whatever the method."""
    if "refused" in inputs:
        return _refused(inputs["refused"])
    measured_by = inputs.pop(MEASURED_BY, ())
    try:
        return with_instruments(method.compute(inputs), measured_by)
    except CannotComputeError as error:
        return _refused(str(error))


def _refused(why: str) -> Figure:
    return Figure(None, None, RecordQuality.MISSING, flags=(REFUSED,), details={"refused": why})


def as_inputs(snapshot: bytes) -> dict[str, Any]:
    """Reads a snapshot as a method is given it."""
    parsed = parse(snapshot)
    if not isinstance(parsed, dict):
        raise TypeError("inputs are an object")
    return parsed
