"""Instruments, where each stood when, and the checks that tell whether its readings can be relied on (R15)."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Dated, Moment, Number, Register, Sha256, Text, Word


def _is_unsaid(value: object) -> bool:
    return value is None


Percent = Annotated[Number, Field(gt=0)]


class MeasuringRange(Body):
    """From where to where an instrument measures, in the unit it shows."""

    low: Number
    high: Number
    unit: Word

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.low >= self.high:
            raise ValueError("`low` is not below `high`; an instrument measures from the one to the other")
        return self


class InstrumentBody(Body):
    """An instrument and what it measures from `valid_from` on; where it is moved to later is a revision that begins then."""

    serial: Word = Field(examples=["A123"])
    manufacturer: Word | None = None
    model: Word | None = None
    meters: tuple[Word, ...] = Field(default=(), max_length=200, description="All points of these meters are its.")
    points: tuple[Word, ...] = Field(default=(), max_length=200, description="Points that are its, where a meter has several.")
    range: MeasuringRange | None = None
    accuracy_class: Word | None = Field(default=None, description="As on its plate, `0.5S`.")
    uncertainty_percent: Percent | None = Field(default=None, description="Expanded, of its reading.")
    calibration_interval_days: int | None = Field(
        default=None, ge=1, le=20_000, description="A check is due so long after the one before."
    )
    notice_days: int | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="So many days before a check is due webhooks are told (`calibration.due`); 30 if not said.",
    )
    tolerance_percent: Percent | None = Field(
        default=None, description="So far off, of full scale, an as-found check still passes."
    )


class CalibrationKind(StrEnum):
    """What kind of check it was."""

    CALIBRATION = "calibration"
    VERIFICATION = "verification"
    QAL3 = "qal3"
    """Drift and precision in operation (EN 14181)."""


class Verdict(StrEnum):
    """What came of a check."""

    PASS = "pass"  # noqa: S105  # a verdict
    FAIL = "fail"


class AsFoundBody(Body):
    """What the reference and the instrument showed before anybody touched it, in one unit."""

    reference: Number
    reading: Number
    full_scale: Number = Field(gt=0)


class CorrectionFunction(Body):
    """y = a + b x, as a certificate gives it, as that of a QAL2 (EN 14181). Methods that apply it say so."""

    a: Number
    b: Number
    point: Word | None = Field(
        default=None, exclude_if=_is_unsaid, description="Of which point; needed where the instrument measures several."
    )
    valid_from: Moment | None = Field(
        default=None, exclude_if=_is_unsaid, description="From when on it holds, until the next one does; `at` if not said."
    )
    low: Number | None = Field(
        default=None, exclude_if=_is_unsaid, description="The least y that it is valid for, in the unit of the point."
    )
    high: Number | None = Field(default=None, exclude_if=_is_unsaid, description="The greatest y that it is valid for.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("`low` is not below `high`; a function is valid from the one to the other")
        return self


class CalibrationBody(Body):
    """A check of an instrument."""

    instrument: Word = Field(description="Its id in this service.", examples=["A123"])
    at: Moment = Field(examples=["2026-03-20T09:00:00Z"])
    from_: Moment | None = Field(
        default=None, alias="from", exclude_if=_is_unsaid,
        description="From when to when the instrument was at it, so that what it showed does not count.",
    )  # fmt: skip
    to: Moment | None = Field(default=None, exclude_if=_is_unsaid)
    kind: CalibrationKind = CalibrationKind.CALIBRATION
    lab: Text | None = None
    certificate: Word | None = Field(default=None, description="Its number.")
    certificate_sha256: Sha256 | None = None
    as_found: AsFoundBody | None = None
    result: Verdict | None = Field(
        default=None,
        description="How it was found; follows from `as_found` and the tolerance of the instrument, and must be said without.",
    )
    as_left: Verdict | None = Field(
        default=None, description="How it was left, where it was adjusted; as it was found if not said."
    )
    uncertainty_percent: Percent | None = None
    due: Moment | None = Field(
        default=None, description="When the next one is due; by the interval of the instrument if not said."
    )
    correction: CorrectionFunction | None = None

    @model_validator(mode="after")
    def _is_due_later(self) -> Self:
        if self.due is not None and self.due <= self.at:
            raise ValueError("`due` is not after `at`; the next check follows this one")
        return self

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if (self.from_ is None) != (self.to is None):
            raise ValueError("say both `from` and `to`, or neither")
        if self.from_ is not None and self.to is not None and not (self.from_ < self.to and self.from_ <= self.at <= self.to):
            raise ValueError("`at` does not lie from `from` to `to`; a check is made while the instrument is at it")
        return self


def _at(body: CalibrationBody) -> tuple[datetime, None]:
    return body.at, None


def _points(body: InstrumentBody) -> Sequence[str]:
    return body.points


def _meters(body: InstrumentBody) -> Sequence[str]:
    return body.meters


REGISTERS = (
    Register(
        kind="instrument",
        path="instruments",
        title="Instruments: which stood where, since when, and how well they measure.",
        body=InstrumentBody,
        example=InstrumentBody.model_validate(
            {
                "serial": "A123",
                "manufacturer": "Acme",
                "model": "Flow 500",
                "meters": ["EM-01"],
                "range": {"low": "0", "high": "500", "unit": "m3/h"},
                "calibration_interval_days": 365,
                "tolerance_percent": "2",
            }
        ),
        scopes=(Scope.METROLOGY,),
        needs_site=True,
        points_of=_points,
        meters_of=_meters,
    ),
    Register(
        kind="calibration",
        path="calibrations",
        title="Checks of instruments: how each was found, how it was left, and when the next one is due.",
        body=CalibrationBody,
        example=CalibrationBody.model_validate(
            {
                "instrument": "A123",
                "at": "2026-03-20T09:00:00Z",
                "certificate": "K-2026-118",
                "as_found": {"reference": "250", "reading": "262", "full_scale": "500"},
            }
        ),
        scopes=(Scope.METROLOGY,),
        dated=Dated.MOMENT,
        needs_site=True,
        span_of=_at,
    ),
)
