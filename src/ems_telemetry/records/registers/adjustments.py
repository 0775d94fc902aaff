"""What people put in the place of measured values, in a layer of its own: substitution, corrections, and voiding of records."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Dated, Moment, Number, Register, Sha256, Text, Word

QUARTER_S = 900


class Stretch(Body):
    """A span `[from, to)` of a point, from quarter to quarter."""

    point: Word = Field(examples=["EM-01.energy_import"])
    from_: Annotated[Moment, Field(alias="from", examples=["2026-03-02T10:00:00Z"])]
    to: Annotated[Moment, Field(examples=["2026-03-02T12:00:00Z"])]

    @model_validator(mode="after")
    def _whole_quarters(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("`from` is not before `to`; nothing lies between them")
        if any(_off_quarter(moment) for moment in (self.from_, self.to)):
            raise ValueError("`from` and `to` must be full quarters of an hour, as 10:00, 10:15, 10:30, 10:45")
        return self


class SubstitutionBody(Stretch):
    """A value in the place of one that is missing. Where something was measured, that stays."""

    value: Number = Field(description="Counters and totals: what the span comes to. Gauges: the mean over it.")
    method: Word = Field(description="By which rule it was found.", examples=["mrr45@1"])
    cause: Text = Field(description="Why nothing was measured.", examples=["meter exchanged"])
    action: Text | None = Field(default=None, description="What was done about the cause.")
    inputs: list[Text] = Field(default=[], max_length=50, description="In words, what the value was made of.")
    conservative: bool | None = Field(
        default=None,
        description="Whether it can only be too high, as a regulator asks; where a rule found it, the rule says so.",
    )
    evidence_sha256: Sha256 | None = None


class CorrectionClass(StrEnum):
    """Why a measured value is not right."""

    TYPING_ERROR = "typing_error"
    CALIBRATION = "calibration"
    WRONG_METER = "wrong_meter"
    RESTATEMENT = "restatement"
    OTHER = "other"


class CorrectionBody(Stretch):
    """A value in the place of what was measured, or none; the readings stay as they are."""

    value: Number | None = Field(
        description="Counters and totals: what the span comes to. Gauges: the mean over it. Null: the old one does not hold."
    )
    class_: Annotated[CorrectionClass, Field(alias="class")]
    evidence_sha256: Sha256 | None = Field(default=None, description="SHA-256 of the file that proves it.")


class VoidingBody(Body):
    """A record that is to hold no longer. It stays readable, with its reason."""

    record_id: UUID


def _off_quarter(moment: datetime) -> bool:
    return moment.timestamp() % QUARTER_S != 0


def _point(body: Stretch) -> list[str]:
    return [body.point]


def _span(body: Stretch) -> tuple[datetime, datetime]:
    return body.from_, body.to


_SPAN = {"point": "EM-01.energy_import", "from": "2026-03-02T10:00:00Z", "to": "2026-03-02T12:00:00Z"}
_WHO = (Scope.METROLOGY, Scope.METHODS)

REGISTERS = (
    Register(
        kind="substitution",
        path="substitutions",
        title="Values in the place of missing ones, always flagged.",
        body=SubstitutionBody,
        example=SubstitutionBody.model_validate(
            {**_SPAN, "value": "31.5", "method": "by_neighbours@1", "cause": "meter exchanged"}
        ),
        scopes=_WHO,
        dated=Dated.MOMENT,
        needs_approval=True,
        needs_site=True,
        points_of=_point,
        span_of=_span,
    ),
    Register(
        kind="correction",
        path="corrections",
        title="Values in the place of measured ones that do not hold; the old ones are kept.",
        body=CorrectionBody,
        example=CorrectionBody.model_validate({**_SPAN, "value": "31.5", "class": "typing_error"}),
        scopes=_WHO,
        dated=Dated.MOMENT,
        needs_approval=True,
        needs_site=True,
        points_of=_point,
        span_of=_span,
    ),
    Register(
        kind="voiding",
        path="voidings",
        title="Records that hold no longer, as one person asks and another agrees.",
        body=VoidingBody,
        example=VoidingBody(record_id=UUID("8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10")),
        scopes=_WHO,
        dated=Dated.MOMENT,
        needs_approval=True,
        needs_site=True,
        untimed=True,
    ),
)
