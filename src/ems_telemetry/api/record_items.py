"""Records and the audit trail as the API shows them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from ems_telemetry.api.format import Item
from ems_telemetry.api.items import columns_of
from ems_telemetry.records.kinds import RecordQuality, RecordStatus, RecordType
from ems_telemetry.records.proving.checkpoints import Inclusion as FoundInclusion
from ems_telemetry.storage.audit import AuditRow
from ems_telemetry.storage.checkpoints import CheckpointRow
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


class Checkpoint(BaseModel):
    """One root over all that a local day added to the evidence of a site."""

    site: str = Field(examples=["BER1"])
    day_start: datetime
    day_end: datetime = Field(description="No longer part of it.")
    tz: str = Field(examples=["Europe/Berlin"])
    size: int = Field(description="Leaves of the tree: the records by `seq`, then the digests by point, day and revision.")
    records: int = Field(description="Revisions of records that were kept that day.")
    digests: int = Field(description="Digests of raw readings that were kept that day.")
    root: str = Field(description="Root of the Merkle tree (RFC 6962), hexadecimal.")
    head_seq: int = Field(description="Where the audit trail ended when it was made.")
    head_hash: str
    made_at: datetime
    seq: int = Field(description="The event that tells of it.")
    key_id: str | None = Field(description="Whose signature it is; null where no key is configured.")
    signature: str | None = Field(
        description="Ed25519, hexadecimal, over the canonical form (RFC 8785) of `site` to `made_at`."
    )


class Inclusion(BaseModel):
    """That a record is among the leaves of a checkpoint: whoever kept the root can verify it (RFC 9162, 2.1.3.2)."""

    leaf: str = Field(description="SHA-256 of a zero byte and the canonical form of the record without `hash` and `seq`.")
    index: int = Field(description="Which leaf it is, from 0.")
    path: list[str] = Field(description="The hashes beside it, from the leaf up (RFC 6962, 2.1.1).")
    checkpoint: Checkpoint


class RecordProof(BaseModel):
    """That a record is in the audit trail as it was kept, and in the checkpoint of the day it was kept."""

    record_id: str
    revision: int
    hash: str
    computed_hash: str = Field(description="Of what the database holds now; equal to `hash` if nobody changed it.")
    seq: int = Field(description="The event that tells of it.")
    event_hash: str
    previous_hash: str
    holds: bool
    inclusion: Inclusion | None = Field(description="Null until the day it was kept has its checkpoint.")


class RawFinding(BaseModel):
    """A point and day whose readings are other than they were."""

    point: str = Field(examples=["EM-01.energy_import"])
    day_start: datetime
    reason: str


class RawVerdict(BaseModel):
    """What comes of computing the digests of raw readings anew from what stands in the table."""

    ok: bool
    checked: int = Field(description="Days of points that hold.")
    late: int = Field(description="Those with readings that came after the digest; it is made anew with their record.")
    dropped: int = Field(description="Those older than every reading that is left: their retention ended.")
    first_bad: RawFinding | None
    complete: bool = Field(description="Whether all that was asked for was looked at; else ask for a shorter span.")


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
    raw: RawVerdict | None = Field(description="What comes of the raw readings; null where they were not asked for.")


RECORD_FIELDS = columns_of(Record)


def record_item(row: RecordRow) -> Item:
    """A revision as an item of `Record`."""
    kept = {**row.envelope, "seq": row.seq}
    return {name: kept[name] for name in RECORD_FIELDS}


def event_item(row: AuditRow) -> Item:
    """An event as an item of `AuditEvent`."""
    return row._asdict()


def checkpoint_item(row: CheckpointRow) -> Item:
    """A checkpoint as an item of `Checkpoint`."""
    return {**row.statement(), "seq": row.seq, "key_id": row.key_id, "signature": row.signature}


def inclusion_of(found: FoundInclusion | None) -> Inclusion | None:
    """The proof of a record in a checkpoint as the API shows it."""
    if found is None:
        return None
    path = [part.hex() for part in found.path]
    checkpoint = Checkpoint.model_validate(checkpoint_item(found.checkpoint))
    return Inclusion(leaf=found.leaf.hex(), index=found.place, path=path, checkpoint=checkpoint)
