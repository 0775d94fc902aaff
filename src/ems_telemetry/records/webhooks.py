"""Between the register of webhooks and the outbox: what a webhook is now, and which events records make."""

import secrets
from datetime import datetime
from typing import Any, Final

from ems_telemetry.evidence.canonical import plain_object
from ems_telemetry.records.facts.entries import newest
from ems_telemetry.records.registers.webhooks import WEBHOOK, WebhookBody, WebhookEvent
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, read_entries
from ems_telemetry.storage.outbox import Endpoint, Event, announce, put_webhook
from ems_telemetry.storage.records import RecordRow

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # what secrets begin with, so that scanners find those that leak
SECRET_BYTES: Final = 32
INACTIVE: Final = "the webhook was made inactive or void"
EVENTS: Final = {
    "final": WebhookEvent.RECORD_FINALISED,
    "amended": WebhookEvent.RECORD_AMENDED,
    "voided": WebhookEvent.RECORD_VOIDED,
}
_TOLD = ("type", "status", "site", "scope", "plan", "period", "period_start", "period_end", "quantity", "value", "unit",
         "quality", "flags", "method", "reason", "previous_hash", "hash")  # fmt: skip


async def settle_webhook(connection: Connection, id_: str, at: datetime, note: str = INACTIVE) -> None:
    """Takes over what was stated or decided about a webhook, in the same transaction; a new one gets its secret."""
    rows = await read_entries(connection, EntryFilter(WEBHOOK, id=id_))
    holding = newest(rows, needs_approval=False)
    row = (holding or rows)[-1]
    body = WebhookBody.model_validate(row.body)
    endpoint = Endpoint(id_, row.site, body.url, body.events, active=bool(holding) and body.active)
    await put_webhook(connection, endpoint, SECRET_PREFIX + secrets.token_hex(SECRET_BYTES), note, at)


async def announce_record(connection: Connection, row: RecordRow, at: datetime) -> None:
    """Tells webhooks of a revision, in the transaction in which it is kept."""
    await announce(connection, Event(EVENTS[row.status], row.site, row.seq, record_data(row), at))


def record_data(row: RecordRow) -> dict[str, Any]:
    """Gives what a receiver needs to decide whether to read the revision; its inputs and details are read there."""
    told = {
        "record_id": row.id,
        "revision": row.revision,
        "seq": row.seq,
        **{name: row.envelope[name] for name in _TOLD},
        "path": f"/api/v1/records/{row.id}?revision={row.revision}",
    }
    return plain_object(told)
