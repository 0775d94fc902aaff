"""A record as it is hashed, kept and shown: one envelope for all types."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from ems_telemetry.evidence.canonical import plain_object
from ems_telemetry.evidence.envelope import record_hash
from ems_telemetry.records.kinds import CLAUSES, RecordStatus
from ems_telemetry.records.method import Asked, Figure, Method, method_id
from ems_telemetry.rules.arithmetic import settle
from ems_telemetry.storage.records import RecordRow

Json = dict[str, Any]


def record_id(plan: str, start: datetime) -> UUID:
    """Gives the id of the record of a plan item and period: the same in every revision, and wherever it is computed."""
    return uuid5(NAMESPACE_URL, f"urn:ems-telemetry:record:{plan}:{start.isoformat()}")


def make_envelope(
    method: Method, asked: Asked, figure: Figure, refs: Sequence[Mapping[str, Any]], snapshot: str, computed_at: datetime
) -> Json:
    """Puts a record together that nobody has kept yet: revision 0, preliminary, without a hash."""
    item = asked.item
    value = None if figure.value is None else settle(figure.value)
    envelope = {
        "record_id": record_id(item.id, asked.start),
        "type": method.record,
        "revision": 0,
        "supersedes": None,
        "status": RecordStatus.PRELIMINARY,
        "site": item.site,
        "scope": item.scope,
        "plan": {"id": item.id, "revision": item.revision},
        "period": item.period,
        "period_start": asked.start,
        "period_end": asked.end,
        "tz": asked.zone.key,
        "quantity": figure.quantity,
        "value": value,
        "unit": figure.unit,
        "quality": figure.quality,
        "flags": list(figure.flags),
        "coverage_percent": figure.coverage,
        "measured_percent": figure.measured,
        "estimated_percent": figure.estimated,
        "details": figure.details,
        "method": method_id(method),
        "inputs": list(refs),
        "snapshot": snapshot,
        "clause": [clause._asdict() for clause in CLAUSES[method.record]],
        "computed_at": computed_at,
        "computed_by": None,
        "reason": None,
        "retention_class": item.retention_class,
        "previous_hash": None,
    }
    return plain_object(envelope)


def kept(preliminary: Json, before: RecordRow | None, status: RecordStatus, reason: str, actor: str) -> Json:
    """Makes the revision that is kept of a preliminary record, with its hash."""
    envelope = {
        **preliminary,
        "revision": 1 if before is None else before.revision + 1,
        "supersedes": None if before is None else before.revision,
        "status": str(status),
        "computed_by": actor,
        "reason": reason,
        "previous_hash": None if before is None else before.hash,
    }
    return {**envelope, "hash": record_hash(envelope)}


CONTENT = (
    "quantity", "value", "unit", "quality", "flags", "coverage_percent", "measured_percent", "estimated_percent", "details",
    "method", "snapshot", "plan",
)  # fmt: skip
"""What makes two revisions different: the figure and what it was made of."""


def says_the_same(preliminary: Json, before: RecordRow) -> bool:
    """Tells whether a record looked at again says what its newest revision says, of the same inputs."""
    return all(preliminary[name] == before.envelope[name] for name in CONTENT)
