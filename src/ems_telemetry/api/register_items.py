"""Revisions of facts as the API shows them."""

from typing import Any

import msgspec
from starlette.responses import Response

from ems_telemetry.api.etag import etag_of, tagged
from ems_telemetry.records.facts import entries
from ems_telemetry.records.registers import Register
from ems_telemetry.storage.entries import EntryRow


def entry_item(register: Register, row: EntryRow) -> dict[str, Any]:
    """A revision as an item of its model."""
    left_out = {"seq", "decided_by"}
    return {
        **{name: value for name, value in row._asdict().items() if name not in left_out},
        "status": entries.status_of(row, needs_approval=register.needs_approval),
        "decisions": [
            {"decision": decision, "actor": actor} for decision, actor in zip(row.decisions, row.decided_by, strict=True)
        ],
    }


def state_of(row: EntryRow) -> str:
    """Gives the ETag of a revision and what was decided about it."""
    return etag_of(f"{row.kind}/{row.id}", f"{row.revision}/{len(row.decisions)}")


def written(register: Register, row: EntryRow, status: int = 200, secret: str | None = None) -> Response:
    """Writes one revision; with a secret, which is shown this once and kept by nobody in between."""
    headers = {**tagged(state_of(row)), "Vary": "Authorization"} | ({"Cache-Control": "no-store"} if secret else {})
    item = entry_item(register, row) | ({"secret": secret} if secret else {})
    return Response(msgspec.json.encode(item), status, headers, media_type="application/json")
