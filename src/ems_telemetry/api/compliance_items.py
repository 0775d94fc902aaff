"""Evaluations of limits and exceedances as the API shows them, and what may be asked of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ems_telemetry.api.format import Item
from ems_telemetry.api.parameters import Name, SpanQuery, Time
from ems_telemetry.api.record_parameters import AS_OF
from ems_telemetry.records.kinds import RecordQuality, RecordStatus
from ems_telemetry.records.registers.exceedances import ExceedanceNoteBody, NonconformityLinkBody
from ems_telemetry.rules.limits import Status
from ems_telemetry.storage.exceedances import ExceedanceRow


class ExceedanceStatus(StrEnum):
    """What became of an exceedance."""

    OPEN = "open"
    ANNOTATED = "annotated"
    LINKED = "linked"
    WITHDRAWN = "withdrawn"
    """No evaluation tells of it any more, since data came late or a limit was revised."""


class EvaluationsQuery(SpanQuery):
    """The filters of evaluations; those whose period reaches into the span are listed."""

    site: Name | None = Field(default=None, description="Only those of this site.", examples=["BER1"])
    obligation: Name | None = Field(default=None, description="Only those of this obligation.", examples=["O-1"])
    limit_id: Name | None = Field(default=None, description="Only those of this limit.", examples=["L-14"])
    result: Status | None = Field(default=None, description="Only those with this result.")
    as_of: Time | None = AS_OF


class ExceedancesQuery(SpanQuery):
    """The filters of exceedances; those that reach into the span are listed."""

    site: Name | None = Field(default=None, description="Only those at this site.", examples=["BER1"])
    limit_id: Name | None = Field(default=None, description="Only those of this limit.", examples=["L-14"])
    status: ExceedanceStatus | None = Field(default=None, description="Only those of which this became.")


class NewEvaluation(BaseModel):
    """What is to be evaluated: whole days of the site, up to a year."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    limit: Name = Field(description="The limit.", examples=["L-14"])
    from_: Time = Field(alias="from", description="A local midnight of the site.", examples=["2026-03-01T00:00:00+01:00"])
    to: Time = Field(description="A later one; it is no longer part of it.", examples=["2026-04-01T00:00:00+02:00"])
    as_of: Time | None = Field(
        default=None, description="Give instead the evaluation of just this time that was kept and known then."
    )


class ExceedanceEvent(BaseModel):
    """What exceeds a limit without a break."""

    id: str = Field(description="Follows from the limit and the start; stays through all revisions.")
    criterion: str | None = Field(description="Of a set, which criterion.", examples=["day 1.1 elv 100 %"])
    start: datetime
    end: datetime
    duration_minutes: int
    limit: str = Field(description="What was exceeded.")
    peak: str = Field(description="The value furthest beyond it.")
    peak_at: datetime | None
    mean: str | None = Field(description="Over its time; null of pH.")
    count: int | None = Field(description="How many values it is made of.")
    cut: bool = Field(description="Nothing is known right before or after: it may have lasted longer.")
    continues: str | None = Field(
        default=None,
        description="The exceedance that this one goes on from: it was open when the period before ended, or a revision of the "
        "limit.",
    )
    open_at_end: bool = Field(
        default=False, description="It lasted up to the end of the period; the next one tells whether it went on."
    )


class ExcludedExceedance(BaseModel):
    """A value beyond a limit in a state in which that does not apply; it is told and not counted."""

    start: datetime
    end: datetime
    value: str
    state: str | None
    criterion: str | None


class Evaluation(BaseModel):
    """Whether a limit was kept over a period, as far as is known. Numbers are words of digits."""

    record_id: str
    revision: int = Field(description="0 of one that is not kept.")
    status: RecordStatus
    site: str
    limit_id: str
    parameter: str | None
    obligations: list[str]
    period_start: datetime
    period_end: datetime
    result: Status | None = Field(description="Null where nothing could be evaluated; `refused` says why.")
    refused: str | None
    statistic: str | None
    value: str | None = Field(description="The worst valid statistic.")
    value_text: str | None = Field(description="The same in words where it is below detection.", examples=["<2"])
    compared: str | None = Field(description="The value as it was compared, after rounding.")
    comparator: str | None
    limit: str | None = Field(description="What it was compared with, times its factor.")
    unit: str | None
    margin_percent: str | None = Field(description="How far it stays within, in percent of the limit; below zero it is beyond.")
    valid: int | None = Field(description="How many values are valid.")
    invalid: int | None
    required: int | None = Field(description="How many must be valid before it can be called compliant.")
    not_operating: int | None
    excluded: int | None = Field(description="How many are in a state in which the limit does not apply.")
    exceedances: list[ExceedanceEvent]
    excluded_exceedances: list[ExcludedExceedance]
    parts: list[dict[str, Any]] = Field(description="What came of the time of each revision of the limit.")
    quality: RecordQuality
    measured_percent: str | None
    waits_for: list[str] = Field(
        description="Points, and items of the plan (`plan/…`), of which something is still to come; of one that is not kept."
    )
    computed_at: datetime
    hash: str | None


class Exceedance(ExceedanceEvent):
    """An exceedance, and what people said of it."""

    status: ExceedanceStatus
    site: str
    limit_id: str
    parameter: str
    obligations: list[str]
    unit: str
    record_id: str = Field(description="The evaluation that tells of it.")
    record_revision: int
    note: ExceedanceNoteBody | None
    note_author: str | None = Field(description="Who wrote the note.")
    nonconformity: NonconformityLinkBody | None


_OF_DETAILS = (
    "limit_id", "parameter", "statistic", "value_text", "compared", "comparator", "limit", "margin_percent", "valid", "invalid",
    "required", "not_operating", "excluded", "result", "refused",
)  # fmt: skip
_LISTS = ("obligations", "excluded_exceedances", "parts")
_UNSAID: Mapping[str, Any] = {"continues": None, "open_at_end": False}


def evaluation_item(envelope: Mapping[str, Any], waits_for: Sequence[str] = ()) -> Item:
    """A record as an item of `Evaluation`."""
    details = envelope["details"]
    told = {
        **{name: envelope.get(name) for name in Evaluation.model_fields},
        **{name: details.get(name) for name in _OF_DETAILS},
        **{name: details.get(name, []) for name in _LISTS},
        "exceedances": [{**_UNSAID, **event} for event in details.get("exceedances", [])],
        "limit_id": details.get("limit_id", envelope["scope"]),
        "waits_for": list(waits_for),
    }
    return {name: told[name] for name in Evaluation.model_fields}


def exceedance_item(row: ExceedanceRow) -> Item:
    """A row as an item of `Exceedance`."""
    told = {**_UNSAID, **row.event, **row._asdict(), "nonconformity": row.link}
    return {name: told[name] for name in Exceedance.model_fields}
