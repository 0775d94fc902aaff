"""Legal holds: what must be kept whatever its retention class says (CR-53)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Moment, Register, Text, Word


class HoldScope(StrEnum):
    """What a hold covers."""

    SITE = "site"
    POINT = "point"
    RECORD = "record"


class HoldBody(Body):
    """An order to keep things until it is lifted: it is in force from `valid_from` until `valid_to`, or until it is void."""

    scope: HoldScope
    point: Word | None = Field(default=None, description="With `scope` point: whose readings.")
    record_id: UUID | None = Field(default=None, description="With `scope` record: the record, and all it was made of.")
    from_: Annotated[
        Moment | None, Field(alias="from", description="Only what was measured then or later; all if not said.")
    ] = None
    to: Moment | None = Field(default=None, description="Only what was measured before this.")
    order: Text | None = Field(default=None, description="Who ordered it, and its number.")

    @model_validator(mode="after")
    def _names_what_it_covers(self) -> Self:
        if (self.scope is HoldScope.POINT) != (self.point is not None):
            raise ValueError("`point` is named if `scope` is point, and only then")
        if (self.scope is HoldScope.RECORD) != (self.record_id is not None):
            raise ValueError("`record_id` is named if `scope` is record, and only then")
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise ValueError("`from` is not before `to`; nothing lies between them")
        return self


def _points(body: HoldBody) -> Sequence[str]:
    return () if body.point is None else (body.point,)


REGISTERS = (
    Register(
        kind="hold",
        path="holds",
        title="Legal holds: what must be kept whatever its retention class says.",
        body=HoldBody,
        example=HoldBody.model_validate({"scope": "point", "point": "EM-01.energy_import", "order": "court order 7 O 12/26"}),
        scopes=(Scope.AUDIT, Scope.ADMIN),
        needs_site=True,
        points_of=_points,
    ),
)
