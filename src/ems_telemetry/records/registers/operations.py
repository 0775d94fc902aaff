"""How a site or a unit of it was operated: normally, in a start-up, out of order."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from ems_telemetry.records.registers.register import Body, Moment, Register, Text, Word
from ems_telemetry.storage.keys import Scope


class OperatingState(StrEnum):
    """How something is operated."""

    NORMAL = "normal"
    OFF = "off"
    START_UP = "start_up"
    SHUT_DOWN = "shut_down"
    MAINTENANCE = "maintenance"
    MALFUNCTION = "malfunction"
    BYPASS = "bypass"
    ABNORMAL = "abnormal"
    EMERGENCY = "emergency"
    CALIBRATION = "calibration"
    """Of an instrument: what it shows then does not count."""


class Condition(StrEnum):
    """The conditions that environmental aspects are determined in (ISO 14001, 6.1.2), the least severe first."""

    NORMAL = "normal"
    ABNORMAL = "abnormal"
    EMERGENCY = "emergency"


CONDITION_OF: Final[Mapping[OperatingState, Condition]] = {
    **dict.fromkeys(OperatingState, Condition.ABNORMAL),
    OperatingState.NORMAL: Condition.NORMAL,
    OperatingState.OFF: Condition.NORMAL,
    OperatingState.CALIBRATION: Condition.NORMAL,
    OperatingState.EMERGENCY: Condition.EMERGENCY,
}
"""Start-up, shut-down, maintenance and malfunctions are abnormal conditions; the calibration of an instrument is none."""


class OperatingStateBody(Body):
    """A state over a span `[from, to)`."""

    state: OperatingState
    from_: Annotated[Moment, Field(alias="from", examples=["2026-03-02T10:05:00Z"])]
    to: Moment | None = Field(default=None, description="Null while it lasts.", examples=["2026-03-02T12:40:00Z"])
    equipment: Word | None = Field(
        default=None, description="Which unit, or the point, meter or instrument; null: the whole site.", examples=["boiler 1"]
    )
    cause: Text | None = None

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.to is not None and self.from_ >= self.to:
            raise ValueError("`from` is not before `to`; nothing lies between them")
        return self


class StateRegister(Body):
    """Which entries of the register of operating states tell the state of what a limit judges."""

    equipment: Annotated[list[Word], Field(max_length=50)] = Field(
        default=[], description="Which units count, beside the whole site; none: the whole site alone."
    )
    overrides: bool = Field(
        default=False,
        description="What is stated goes before what the point tells; without, it counts where the point tells nothing.",
    )


def _span(body: OperatingStateBody) -> tuple[datetime, datetime | None]:
    return body.from_, body.to


REGISTERS = (
    Register(
        kind="operating_state",
        path="operating-states",
        title="How a site or a unit of it was operated, from when to when.",
        body=OperatingStateBody,
        example=OperatingStateBody.model_validate(
            {"state": "start_up", "from": "2026-03-02T10:05:00Z", "to": "2026-03-02T12:40:00Z", "equipment": "boiler 1"}
        ),
        scopes=(Scope.INGEST, Scope.METHODS),
        needs_site=True,
        span_of=_span,
    ),
)
