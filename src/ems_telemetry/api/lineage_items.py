"""The lineage of a record as the API shows it: a tree, from the figure down to the readings."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from ems_telemetry.api.interval_items import MeterEvent
from ems_telemetry.api.items import Reading


class LineageEvent(BaseModel):
    """What somebody did to it."""

    seq: int = Field(description="Its place in the audit trail.")
    at: datetime
    actor: str
    actor_name: str
    action: str = Field(examples=["record.amended"])
    revision: int | None
    reason: str | None


class LineageMethod(BaseModel):
    """How the figure was made."""

    id: str = Field(examples=["period_total@1"])
    formula: str | None = Field(description="What it computes, with its source; null of a method this version does not have.")


class LineageIntervals(BaseModel):
    """Intervals that went into it."""

    point: str
    period: str = Field(examples=["1d"])
    since: datetime
    until: datetime
    rows: int
    hash: str = Field(description="Of the intervals as they were.")
    hash_now: str = Field(description="Of the intervals as they are.")
    same: bool


class LineageDay(BaseModel):
    """The readings of a point on a local day."""

    start: datetime
    end: datetime
    readings: int = Field(description="How many there were.")
    digest: str = Field(description="SHA-256 of them as they were; docs/evidence.md tells the form.")
    readings_now: int
    digest_now: str = Field(description="Of those there are: computed now with `verify=true`, else the last one that was kept.")
    same: bool


class LineageReadings(BaseModel):
    """Raw readings that lie under it."""

    point: str
    since: datetime
    until: datetime
    readings: int
    hash: str = Field(description="Of the days with their numbers and digests, as the record has it.")
    digests_hold: bool = Field(description="Whether the digests that are kept give this hash.")
    verified: bool = Field(description="Whether the digests of now were computed from the readings.")
    same: bool = Field(description="Whether all days are as they were.")
    days: list[LineageDay]
    first: Reading | None
    last: Reading | None
    rows: list[Reading] = Field(description="The first ones, as many as `rows` says.")


class LineageMeaning(BaseModel):
    """What a point meant from a time on."""

    point: str
    since: datetime
    configuration: int | None = Field(description="The revision of the configuration; `GET /config/revisions/{id}` has it.")
    hash: str
    same: bool
    meaning: dict[str, Any] | None = Field(description="Source, units, scale, kind.")


class LineageStanding(BaseModel):
    """What the configuration said of a meter by which points were chosen."""

    meter: str
    since: datetime | None = Field(description="Null where no configuration was written down yet.")
    configuration: int | None = Field(description="The revision of the configuration; `GET /config/revisions/{id}` has it.")
    hash: str
    same: bool
    standing: dict[str, Any] | None = Field(description="Site, area, medium, the meter it stands behind, cost centre.")


class LineageFact(BaseModel):
    """An entry of a register that went into it: an instrument, calibration, factor, limit, correction."""

    kind: str = Field(examples=["calibration"])
    id: str
    revision: int
    hash: str
    same: bool = Field(description="Whether it is as its hash was taken of it.")
    newest: int | None = Field(description="Its newest revision.")
    status: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    body: dict[str, Any] | None = Field(description="What it says; null if it is gone.")
    events: list[LineageEvent]


class LineageRecord(BaseModel):
    """A record as far as a tree needs it; `GET /records/{id}` has the rest."""

    record_id: str
    type: str
    revision: int
    status: str
    site: str
    scope: str
    plan: dict[str, Any]
    period: str
    period_start: datetime
    period_end: datetime
    quantity: str | None
    value: str | None
    unit: str | None
    quality: str
    flags: list[str]
    computed_at: datetime
    computed_by: str | None
    reason: str | None
    snapshot: str
    hash: str


class Lineage(BaseModel):
    """What a revision of a record was made of, who did what to it, and the same of the records it was made of."""

    record: LineageRecord
    method: LineageMethod
    events: list[LineageEvent]
    intervals: list[LineageIntervals]
    raw: list[LineageReadings] = Field(description="Empty unless `depth=raw`.")
    meanings: list[LineageMeaning]
    standings: list[LineageStanding] = Field(description="Of records that choose their points by area, medium or meter.")
    facts: list[LineageFact]
    meter_events: list[MeterEvent] = Field(description="What was declared of the meters in the period.")
    records: list["Lineage"]
    left_out: list[dict[str, Any]] = Field(description="Inputs that were not followed: too many, too deep, told already above.")
