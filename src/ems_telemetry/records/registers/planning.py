"""The monitoring plan: which records there are to be."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Register, Text, Word


class PlanPeriod(StrEnum):
    """How long a period of a record is, by the clock of its site."""

    DAY = "1d"
    MONTH = "1mo"
    YEAR = "1y"


class PlanBody(Body):
    """An item of the monitoring plan."""

    method: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*@[1-9][0-9]*$")] = Field(
        description="Method and version, as `GET /methods` lists them.", examples=["water_balance@1"]
    )
    scope: Word = Field(description="What the record is about: a point, meter, stack, outfall, limit or site.")
    period: PlanPeriod = PlanPeriod.MONTH
    params: dict[str, Any] = Field(default={}, description="What the method needs to know; its form is in `GET /methods/{id}`.")
    retention_class: Word = Field(default="ems_record", description="How long its records and their inputs are kept.")
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
