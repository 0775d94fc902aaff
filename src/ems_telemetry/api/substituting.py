"""Substitutes by the rule of a regime: computed from what was measured, stated as proposals, and approved by somebody else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import NAMESPACE_URL, uuid5

import msgspec
from fastapi import Body, Security
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from ems_telemetry.api.access import require
from ems_telemetry.api.caller import Caller
from ems_telemetry.api.description import make_router, problems
from ems_telemetry.api.idempotency import Sent
from ems_telemetry.api.items import Page
from ems_telemetry.api.parameters import Name, Time
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.register_items import entry_item
from ems_telemetry.api.registers import OPERATIONS
from ems_telemetry.api.services import Services
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.model import Scope
from ems_telemetry.records.averages.filling import FillMethod, FillParams, Proposal, propose
from ems_telemetry.records.facts import entries
from ems_telemetry.records.facts.entries import EntryStatus
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.registering import stating
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.records.registers.adjustments import QUARTER_S, SubstitutionBody
from ems_telemetry.records.registers.register import Text
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryRow, EntryTakenError, NewEntry
from ems_telemetry.storage.point_facts import PointFacts, read_facts

router = make_router("Registers")

KIND: Final = "substitution"
Item: Any = OPERATIONS[KIND].item
Substituter = Annotated[Caller, Security(require(Scope.METROLOGY, Scope.METHODS, Scope.ADMIN))]


class ProposedSubstitution(BaseModel):
    """A gap of a gauge, and the rule that is to fill it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: Name = Field(description="A gauge.", examples=["CEMS-01.so2"])
    from_: Annotated[Time, Field(alias="from", description="A full quarter of an hour.", examples=["2026-03-02T10:00:00Z"])]
    to: Time = Field(description="A full quarter of an hour, at most 92 days later.", examples=["2026-03-02T16:00:00Z"])
    method: FillMethod = Field(description="The rule.", examples=["part75_so2@1"])
    params: FillParams = Field(
        default=FillParams(),
        description="What the rule needs beside what was measured.",
        examples=[{"maximum_potential": "500"}],
    )
    cause: Text = Field(description="Why nothing was measured.", examples=["lamp failed"])
    reason: Text = Field(description="Why it is stated.", examples=["40 CFR 75.33"])

    @model_validator(mode="after")
    def _whole_quarters(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("`from` is not before `to`; nothing lies between them")
        if any(moment.timestamp() % QUARTER_S for moment in (self.from_, self.to)):
            raise ValueError("`from` and `to` must be full quarters of an hour, as 10:00, 10:15, 10:30, 10:45")
        return self


@router.post(
    "/substitutions:propose",
    status_code=201,
    response_model=Page[Item],
    responses=problems(ProblemType.BAD_REQUEST, ProblemType.CONFLICT),
)
async def propose_substitutions(
    services: Services, caller: Substituter, body: Annotated[ProposedSubstitution, Body()], sent: Sent
) -> Response:
    """States a substitution for each missing stretch of a span, by a rule; each holds once somebody else approved it."""

    async def do(connection: Connection) -> tuple[int, bytes]:
        point = await _point(connection, caller, body.point)
        now = services.clock.now()
        try:
            proposals = await propose(Sources(connection, now), point, body.from_, body.to, body.method, body.params)
        except CannotComputeError as error:
            raise ApiError(ProblemType.CONFLICT, str(error)) from error
        rows = [await _state(connection, caller, point, body, each, now) for each in proposals]
        return 201, _answer(rows)

    return await sent.answer(services.database, caller, do)


async def _point(connection: Connection, caller: Caller, key: str) -> PointFacts:
    """Finds a point the caller may see."""
    found = await read_facts(connection, [key])
    if not found or (caller.sites is not None and found[0].site not in caller.sites):
        raise wrong_parameter("point", key, "there is no such point")
    return found[0]


async def _state(  # who states what about which point
    connection: Connection, caller: Caller, point: PointFacts, said: ProposedSubstitution, proposal: Proposal, now: datetime
) -> EntryRow:
    """States one proposal; a stretch has one id whatever the rule, so that it is filled once."""
    register = REGISTERS[KIND]
    name = f"urn:ems-telemetry:substitution:{point.key}:{proposal.start.isoformat()}:{proposal.end.isoformat()}"
    id_ = str(uuid5(NAMESPACE_URL, name))
    before = await stating.find_revision(connection, KIND, id_)
    if before is not None:
        status = entries.status_of(before, needs_approval=register.needs_approval)
        if status in {EntryStatus.PROPOSED, EntryStatus.IN_FORCE}:
            detail = f"a substitution from {proposal.start:%Y-%m-%d %H:%M}Z on is {status.replace('_', ' ')} already: {id_}"
            raise ApiError(ProblemType.CONFLICT, f"{detail}; have it approved or rejected, or declare it void")
    content = SubstitutionBody.model_validate(
        {
            "point": point.key, "from": proposal.start, "to": proposal.end, "value": proposal.value, "method": said.method,
            "cause": said.cause, "inputs": list(proposal.substitute.inputs),
        }
    )  # fmt: skip
    new = NewEntry(KIND, id_, point.site, proposal.start, proposal.end, stating.content_of(content), said.reason)
    follows = 0 if before is None else before.revision
    try:
        return await stating.state(connection, caller.actor, register, new, now, follows)
    except EntryTakenError as error:
        raise ApiError(ProblemType.CONFLICT, f"the substitution {id_} was stated meanwhile; look at it first") from error


def _answer(rows: Sequence[EntryRow]) -> bytes:
    return msgspec.json.encode({"items": [entry_item(REGISTERS[KIND], row) for row in rows], "next": None})
