"""What may stand after the `?` where records and the audit trail are asked for."""

from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ems_telemetry.api.parameters import Name, Query, SpanQuery, Time
from ems_telemetry.records.kinds import RecordQuality, RecordStatus, RecordType

AS_OF = Field(default=None, description="As it was known then.")


class RecordsQuery(SpanQuery):
    """The filters of records; those whose period reaches into the span are listed."""

    site: Name | None = Field(default=None, description="Only those of this site.", examples=["BER1"])
    type: RecordType | None = Field(default=None, description="Only those of this type.")
    scope: Name | None = Field(default=None, description="Only about this.", examples=["EM-01.energy_import"])
    plan: Name | None = Field(default=None, description="Only those made for this item of the plan.")
    status: RecordStatus | None = Field(default=None, description="Only those that stand so.")
    quality: RecordQuality | None = Field(default=None, description="Only those of this quality.")
    clause: Name | None = Field(default=None, description="Only those that support this clause.", examples=["9.1.1"])
    as_of: Time | None = AS_OF
    changed_since: int | None = Field(
        default=None,
        ge=0,
        le=2**53,
        description="A `seq`: every revision that was kept after it, in the order they were kept; 0 for all. Ask again with "
        "the `seq` of the last one to miss nothing and get nothing twice.",
    )


class RecordQuery(Query):
    """How one record is asked for."""

    revision: int | None = Field(default=None, ge=1, le=1_000_000, description="This revision of it.")
    as_of: Time | None = AS_OF


class LineageDepth(StrEnum):
    """How far down a lineage goes."""

    INPUTS = "inputs"
    RAW = "raw"


class LineageQuery(RecordQuery):
    """How far down a lineage is told."""

    depth: LineageDepth = Field(
        default=LineageDepth.INPUTS, description="`inputs`: what it was made of; `raw`: down to the readings, day by day."
    )
    rows: int = Field(default=20, ge=0, le=1_000, description="With `depth=raw`: how many readings of each point at most.")
    verify: bool = Field(
        default=False,
        description="`true`: compute the digest of each day from the readings that stand there now, which takes longer.",
    )


class DependentsQuery(SpanQuery):
    """What records were made of: a point, another record, or a fact by `kind` and `id`. One of them is named."""

    point: Name | None = Field(default=None, description="The records made of this point.", examples=["EM-01.energy_import"])
    record: UUID | None = Field(default=None, description="The records made of this record.")
    kind: Name | None = Field(default=None, description="With `id`: the kind of a fact.", examples=["instrument"])
    id: Name | None = Field(default=None, description="With `kind`: the name of a fact.", examples=["A123"])

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        named = [self.point is not None, self.record is not None, self.kind is not None and self.id is not None]
        if sum(named) != 1 or (self.kind is None) != (self.id is None):
            raise PydanticCustomError("one_of", "name one thing: `point`, or `record`, or `kind` together with `id`")
        return self


class AuditQuery(SpanQuery):
    """The filters of the audit trail."""

    actor: Name | None = Field(default=None, description="Only what this actor did.", examples=["key:0123456789ab"])
    object_type: Name | None = Field(default=None, description="Only what was done to such objects.", examples=["record"])
    object_id: Name | None = Field(default=None, description="Only what was done to this object.")


class VerifyQuery(Query):
    """What is verified beside the trail."""

    raw: bool = Field(default=False, description="Compute the digests of raw readings anew too, so many as one request may.")
    site: Name | None = Field(default=None, description="Raw readings of this site alone.", examples=["BER1"])
    from_: Time | None = Field(default=None, alias="from", description="Raw readings of days that reach beyond this time.")
    to: Time | None = Field(default=None, description="Raw readings of days that begin before this time.")


class CheckpointsQuery(SpanQuery):
    """The filters of checkpoints; those whose day reaches into the span are listed."""

    site: Name | None = Field(default=None, description="Only those of this site.", examples=["BER1"])
