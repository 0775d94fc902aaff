"""Tells webhooks of exceedances, in the transaction in which an evaluation is kept: once that each opened.

One that no newest evaluation tells of any more is withdrawn; one that comes back after that is reinstated, under its id.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from ems_telemetry.records.kinds import RecordStatus, RecordType
from ems_telemetry.records.registers.webhooks import WebhookEvent
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import read_used
from ems_telemetry.storage.exceedances import note_told
from ems_telemetry.storage.outbox import Event, announce
from ems_telemetry.storage.records import RecordRow, find_record

Json = Mapping[str, Any]
EVENTS: Final[Mapping[tuple[bool | None, bool], WebhookEvent]] = {
    (None, True): WebhookEvent.EXCEEDANCE_OPENED,
    (True, False): WebhookEvent.EXCEEDANCE_WITHDRAWN,
    (False, True): WebhookEvent.EXCEEDANCE_REINSTATED,
}
"""By whether any newest evaluation told of it before, None where none ever had, and tells of it now."""
_OF_EVENT = ("criterion", "start", "end", "duration_minutes", "limit", "peak", "peak_at", "mean", "count", "cut")


async def announce_exceedances(connection: Connection, row: RecordRow, at: datetime) -> None:
    """Tells webhooks what a revision of an evaluation changes about exceedances, in the transaction in which it is kept."""
    if row.type != RecordType.COMPLIANCE_EVALUATION:
        return
    listed = _listed(row)
    changed = await note_told(connection, row.id, [] if row.status == RecordStatus.VOIDED else list(listed))
    if not changed:
        return
    before = await find_record(connection, row.id, revision=row.revision - 1)
    told = {**({} if before is None else {id_: (event, before) for id_, event in _listed(before).items()}),
            **{id_: (event, row) for id_, event in listed.items()}}  # fmt: skip
    for each in sorted(changed, key=lambda each: str(told[each.id][0]["start"])):
        event, by = told[each.id]
        data = {**await _data_of(connection, event, by), "record_id": str(row.id), "revision": row.revision}
        await announce(connection, Event(EVENTS[each.before, each.now], row.site, row.seq, data, at))


def _listed(row: RecordRow) -> dict[UUID, Json]:
    events: Sequence[Json] = row.envelope["details"].get("exceedances", ())
    return {UUID(event["id"]): event for event in events}


async def _data_of(connection: Connection, event: Json, row: RecordRow) -> dict[str, Any]:
    """Gives what a receiver needs to act upon an exceedance, as `row` tells of it."""
    details = row.envelope["details"]
    limit = await _limit_of(connection, event, details)
    return {
        "id": event["id"],
        "site": row.site,
        "limit_id": details["limit_id"],
        "obligations": details["obligations"],
        "parameter": details["parameter"],
        "point": limit["point"],
        "plan": limit["plan"],
        "statistic": limit["statistic"],
        "unit": limit["unit"],
        **{name: event[name] for name in _OF_EVENT},
        "continues": event.get("continues"),
        "open_at_end": event.get("open_at_end", False),
        "path": f"/api/v1/exceedances/{event['id']}",
    }


async def _limit_of(connection: Connection, event: Json, details: Json) -> Json:
    """Gives the body of the revision of the limit that was exceeded: that of the part in which the event begins."""
    start = datetime.fromisoformat(event["start"])
    begun = [part for part in details["parts"] if datetime.fromisoformat(part["from"]) <= start] or details["parts"]
    (limit,) = await read_used(connection, [("limit", details["limit_id"], begun[-1]["limit_revision"])])
    return limit.body
