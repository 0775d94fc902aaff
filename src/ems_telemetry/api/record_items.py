"""Records and the audit trail as the API shows them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from ems_telemetry.api.format import Item
from ems_telemetry.api.items import columns_of
from ems_telemetry.records.kinds import RecordQuality, RecordStatus, RecordType
from ems_telemetry.storage.audit import AuditRow
from ems_telemetry.storage.records import RecordRow


class RecordClause(BaseModel):
    """A clause of a standard that a record supports."""

    standard: str = Field(examples=["ISO 14001"])
    edition: str = Field(examples=["2026"])
    clause: str = Field(examples=["9.1.1"])


class RecordPlan(BaseModel):
    """The item of the monitoring plan that a record was made for."""

    id: str = Field(examples=["total/EM-01.energy_import/1mo"])
    revision: int = Field(description="0 of what is planned without anybody asking.")


class Record(BaseModel):
    """A figure that stands, with its method, inputs and hash. Numbers are words of digits."""

    seq: int | None = Field(description="Rises with every revision that is kept; null of a preliminary one.")
    record_id: str = Field(description="Stays through all revisions.")
    revision: int = Field(description="Counts from 1; 0 of a preliminary one.")
    supersedes: int | None = Field(description="The revision it takes the place of.")
    type: RecordType
    status: RecordStatus
    site: str
    scope: str = Field(description="What it is about.")
    plan: RecordPlan
    period: str = Field(examples=["1mo"])
    period_start: datetime
    period_end: datetime = Field(description="No longer part of it.")
    tz: str = Field(examples=["Europe/Berlin"])
    quantity: str | None
    value: str | None = Field(description="Null where it cannot be told, never zero in its place.", examples=["71500"])
    unit: str | None
    quality: RecordQuality
    flags: list[str]
    coverage_percent: str | None = Field(description="Share of the time that was measured.")
    measured_percent: str | None
    estimated_percent: str | None = Field(description="Share of the time that was spread over gaps.")
    details: dict[str, Any] = Field(description="What the type of record has besides.")
    method: str = Field(description="Name and version.", examples=["period_total@1"])
    inputs: list[dict[str, Any]] = Field(description="What it was made of, each with its hash.")
    snapshot: str = Field(description="SHA-256 of the inputs as they were.")
    clause: list[RecordClause]
    computed_at: datetime
    computed_by: str | None
    reason: str | None = Field(description="Why this revision was kept.", examples=["late_data"])
    retention_class: str
    previous_hash: str | None = Field(description="The hash of the revision before.")
    hash: str | None = Field(description="SHA-256 of the canonical form of all this without `hash` and `seq`.")


class AuditEvent(BaseModel):
    """Something that somebody did to a piece of evidence."""

    seq: int = Field(description="Counts from 1 without a hole.")
    id: str
    occurred_at: datetime
    actor: str = Field(examples=["key:0123456789ab"])
    actor_name: str
    client: str | None
    action: str = Field(examples=["record.amended"])
    object_type: str = Field(examples=["record"])
    object_id: str
    object_revision: int | None
    site: str | None
    reason: str | None
    before_hash: str | None
    after_hash: str | None
    detail: dict[str, Any] | None
    previous_hash: str = Field(description="The hash of the event before.")
    hash: str = Field(description="SHA-256 of the previous hash and the leaf of this event; docs/evidence.md.")


class RecordComparison(BaseModel):
    """What comes of computing a record again, from its inputs and by its version of the method."""

    record_id: str
    revision: int
    method: str
    equal: bool = Field(description="Whether both say the same, to the last digit.")
    stored: dict[str, Any]
    recomputed: dict[str, Any]


class RecordProof(BaseModel):
    """That a record is in the audit trail as it was kept."""

    record_id: str
    revision: int
    hash: str
    computed_hash: str = Field(description="Of what the database holds now; equal to `hash` if nobody changed it.")
    seq: int = Field(description="The event that tells of it.")
    event_hash: str
    previous_hash: str
    holds: bool


class AuditVerdict(BaseModel):
    """What comes of verifying the whole chain and everything it tells of."""

    ok: bool
    first_bad_seq: int | None = Field(
        description="The first event that does not follow, or whose object is other than it says."
    )
    reason: str | None = Field(description="What is wrong there.")
    checked: int = Field(description="Events that hold.")
    head_seq: int
    head_hash: str


RECORD_FIELDS = columns_of(Record)


def record_item(row: RecordRow) -> Item:
    """A revision as an item of `Record`."""
    kept = {**row.envelope, "seq": row.seq}
    return {name: kept[name] for name in RECORD_FIELDS}


def event_item(row: AuditRow) -> Item:
    """An event as an item of `AuditEvent`."""
    return row._asdict()
