"""The monitoring plan: which records there are to be."""

import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Register, Text, Word

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class PlanPeriod(StrEnum):
    """How long a period of a record is, by the clock of its site."""

    DAY = "1d"
    MONTH = "1mo"
    YEAR = "1y"


def _kept(params: dict[str, Any]) -> dict[str, Any]:
    """Refuses what evidence has no form for, as floats, and the one character that no database keeps."""
    try:
        content = canonical(params)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{error}; write numbers as words of digits, as "11.3"') from error
    if _NUL.search(content):
        raise ValueError("holds the character NUL, which cannot be kept")
    return params


class PlanBody(Body):
    """An item of the monitoring plan."""

    method: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*@[1-9][0-9]*$")] = Field(
        description="Method and version, as `GET /methods` lists them.", examples=["water_balance@1"]
    )
    scope: Word = Field(description="What the record is about: a point, meter, stack, outfall, limit or site.")
    period: PlanPeriod = PlanPeriod.MONTH
    params: Annotated[dict[str, Any], AfterValidator(_kept)] = Field(
        default={}, description="What the method needs to know; its form is in `GET /methods/{id}`."
    )
    retention_class: Word = Field(
        default="ems_record", description="A class of `config/retention.yaml`: how long its records and their inputs are kept."
    )
    note: Text | None = None


REGISTERS = (
    Register(
        kind="plan",
        path="monitoring-plan",
        title="Items of the monitoring plan: which record is made of what, by which method, how often.",
        body=PlanBody,
        example=PlanBody(
            method="period_total@1", scope="EM-01.energy_import", period=PlanPeriod.DAY, params={"point": "EM-01.energy_import"}
        ),
        scopes=(Scope.METHODS,),
        needs_approval=True,
        needs_site=True,
    ),
)
