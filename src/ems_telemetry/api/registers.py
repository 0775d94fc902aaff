"""Registers as REST has them: the same operations for every kind of fact that people state.

A fact is added, revised, approved or rejected by somebody else where that is needed, and declared void. It is never edited or
deleted: a request to do so is answered 405 and says what to do instead.
"""

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn, TypeAlias
from uuid import NAMESPACE_URL, uuid4, uuid5

import msgspec
from fastapi import APIRouter, Body, Path, Query, Request, Security
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model
from starlette.responses import Response

from ems_telemetry.api.access import Reader, require
from ems_telemetry.api.caller import Caller
from ems_telemetry.api.description import PREFIX, STORED, listed, problems
from ems_telemetry.api.etag import IfMatch, check_match, etag_of, tagged
from ems_telemetry.api.format import Item
from ems_telemetry.api.items import Page
from ems_telemetry.api.meter_events import IdempotencyKey, Text
from ems_telemetry.api.page import Listing
from ems_telemetry.api.parameters import Name, PageQuery, Time
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.model import Scope
from ems_telemetry.records import entries, stating
from ems_telemetry.records.entries import EntryStatus
from ems_telemetry.records.registers import REGISTERS, Dated, Register
from ems_telemetry.records.stating import NotAllowedNowError, SecondPersonError
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, EntryTakenError, NewEntry, read_entries
from ems_telemetry.storage.point_facts import read_facts

EntryId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
MOST_ENTRIES = 100_000
INSTEAD = (
    "what was stated stays; state a new revision with PUT and a reason, or declare it void with POST …/{id}:void and a reason"
)


class EntriesQuery(PageQuery):
    """The filters of facts."""

    site: Name | None = Field(default=None, description="Only what belongs to this site, or to all of them.")
    status: EntryStatus | None = Field(default=None, description="Only revisions of which this became.")
    at: Time | None = Field(default=None, description="Only what is in force then, in the revision in force then.")
    from_: Time | None = Field(default=None, alias="from", description="Only what speaks of this time or later.")
    to: Time | None = Field(default=None, description="Only what speaks of a time before this.")
    as_of: Time | None = Field(default=None, description="As it was known then.")


class OneQuery(BaseModel):
    """How one fact is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: Time | None = Field(default=None, description="As it was known then.")
    at: Time | None = Field(default=None, description="The revision in force then.")


class Decision(BaseModel):
    """Why something is approved, rejected or declared void."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Text = Field(examples=["checked against the certificate"])


class Decided(BaseModel):
    """A decision about a revision."""

    decision: str = Field(description="`approved`, `rejected` or `voided`.")
    actor: str = Field(description="Whose it was.")


def entry_model(register: Register) -> type[BaseModel]:
    """Describes a fact as it is kept."""
    name = "".join(part.title() for part in register.kind.split("_"))
    return create_model(
        name,
        __doc__=register.title,
        kind=(str, Field(description="The register.", examples=[register.kind])),
        id=(str, Field(description="Its name; stays through all revisions.")),
        revision=(int, Field(description="Counts from 1.")),
        status=(EntryStatus, Field(description="What became of the revision.")),
        site=(str | None, Field(description="The site it belongs to; null where it belongs to all.")),
        valid_from=(datetime | None, Field(description="From when on it holds, or when it happened.")),
        valid_to=(datetime | None, Field(description="From when on it no longer holds.")),
        body=(register.body, Field(description="What it says.")),
        author=(str, Field(description="Who stated it.")),
        author_name=(str, Field(description="By name.")),
        reason=(str, Field(description="Why.")),
        recorded_at=(datetime, Field(description="When it became known here.")),
        decisions=(list[Decided], Field(description="What was decided about it, in order.")),
        hash=(str, Field(description="SHA-256 of its canonical form, as the audit trail has it.")),
    )


def stated_model(register: Register, *, with_id: bool) -> type[BaseModel]:
    """Describes what a client says when it states a fact."""
    name = "New" + "".join(part.title() for part in register.kind.split("_")) + ("" if with_id else "Revision")
    fields: dict[str, Any] = {}
    if with_id:
        fields["id"] = (
            EntryId | None,
            Field(default=None, description="Its name; made here if it has none.", examples=[f"{register.kind}-1"]),
        )
    fields["site"] = (
        Name if register.needs_site else Name | None,
        Field(**({} if register.needs_site else {"default": None}), description="The site it belongs to.", examples=["BER1"]),
    )
    if register.dated is Dated.MOMENT:
        fields["valid_from"] = (Time | None, Field(default=None, description="When it happened; as `body` says if it does."))
    else:
        fields["valid_from"] = (Time | None, Field(default=None, description="From when on it holds; always if not said."))
    fields["valid_to"] = (Time | None, Field(default=None, description="From when on it no longer holds."))
    fields["reason"] = (Text, Field(description="Why it is stated.", examples=["permit 12/2024"]))
    fields["body"] = (register.body, Field(description="What it says.", examples=[_example(register)]))
    return create_model(name, __doc__=register.title, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def make_router(register: Register) -> APIRouter:
    """Makes the operations of one register."""
    router = APIRouter(prefix=f"{PREFIX}/{register.path}", tags=["Registers"], responses=STORED)
    item, new, revised = entry_model(register), stated_model(register, with_id=True), stated_model(register, with_id=False)
    writer = Annotated[Caller, _needs(*register.scopes, Scope.ADMIN)]
    approver = Annotated[Caller, _needs(Scope.APPROVE, Scope.ADMIN)]
    id_ = Annotated[EntryId, Path(alias="id", description="The name of the fact.")]
    csv_example = "kind,id,revision,status,site,valid_from,valid_to,body,author,author_name,reason,recorded_at,decisions,hash\r\n"

    async def list_entries(
        request: Request, services: Services, caller: Reader, query: Annotated[EntriesQuery, Query()]
    ) -> Response:
        caller.check_site(query.site)
        listing = Listing(request, query)
        rows = await _select(services, register, caller, query)
        after = listing.after(str)
        page = [row for row in rows if after is None or row.id > after][: listing.limit]
        return await listing.answer(page, item, functools.partial(entry_item, register), key=lambda row: row.id)

    async def add_entry(
        services: Services, caller: writer, body: Annotated[new, Body()], idempotency_key: IdempotencyKey = None  # type: ignore[valid-type]
    ) -> Response:
        name = body.id or _made_id(caller, idempotency_key)  # type: ignore[attr-defined]
        return await _state(services, caller, register, name, body, follows=0)

    async def get_entry(services: Services, caller: Reader, id_: id_, query: Annotated[OneQuery, Query()]) -> Response:  # type: ignore[valid-type]
        rows = await _revisions(services, register, caller, id_, query.as_of)
        if query.at is not None:
            rows = entries.covering(rows, query.at, needs_approval=register.needs_approval)
            if not rows:
                raise ApiError(ProblemType.NOT_FOUND, f'no {register.kind} "{id_}" is in force then')
        return written(register, rows[-1])

    async def list_revisions(services: Services, caller: Reader, id_: id_, query: Annotated[OneQuery, Query()]) -> Response:  # type: ignore[valid-type]
        rows = await _revisions(services, register, caller, id_, query.as_of)
        body = {"items": [entry_item(register, row) for row in rows], "next": None}
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def revise_entry(
        services: Services, caller: writer, id_: id_, body: Annotated[revised, Body()], if_match: IfMatch = None  # type: ignore[valid-type]
    ) -> Response:
        rows = await _revisions(services, register, caller, id_, None)
        check_match(if_match, state_of(rows[-1]))
        return await _state(services, caller, register, id_, body, follows=rows[-1].revision)

    def decider(decision: str) -> Callable[..., Any]:
        async def decide(
            services: Services,
            caller: writer if decision == stating.VOIDED else approver,  # type: ignore[valid-type]
            id_: id_,  # type: ignore[valid-type]
            revision: Annotated[int, Path(ge=1, le=1_000_000)],
            body: Annotated[Decision, Body()],
        ) -> Response:
            return await _decide(services, caller, register, (id_, revision), (decision, body.reason))

        return decide

    async def refuse_to_change(request: Request) -> Response:
        refuse_change()

    kind, bad = register.kind, problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND, ProblemType.CONFLICT)
    missing = problems(ProblemType.NOT_FOUND)
    again = {200: {"model": item, "description": "It was stated before, in the same words."}}
    add = router.add_api_route
    add("", list_entries, name=f"list_{kind}", response_model=Page[item], responses=listed(csv_example),  # type: ignore[valid-type]
        summary=f"Lists {kind.replace('_', ' ')}s: {register.title}")  # fmt: skip
    add("", add_entry, methods=["POST"], name=f"add_{kind}", status_code=201, response_model=item, responses=bad | again,
        summary=f"States a {kind.replace('_', ' ')}.")  # fmt: skip
    add("/{id}", get_entry, name=f"get_{kind}", response_model=item, responses=missing,
        summary=f"Gives one {kind.replace('_', ' ')}.")  # fmt: skip
    add("/{id}", revise_entry, methods=["PUT"], name=f"revise_{kind}", response_model=item,
        responses=bad | problems(ProblemType.PRECONDITION_FAILED, ProblemType.PRECONDITION_REQUIRED),
        summary=f"States a new revision of a {kind.replace('_', ' ')}.")  # fmt: skip
    add("/{id}/revisions", list_revisions, name=f"list_{kind}_revisions", response_model=Page[item], responses=missing,  # type: ignore[valid-type]
        summary="Lists all revisions, the first one first.")  # fmt: skip
    decisions = {stating.VOIDED: "void"}
    if register.needs_approval:
        decisions |= {stating.APPROVED: "approve", stating.REJECTED: "reject"}
    for decision, verb in decisions.items():
        add(f"/{{id}}/revisions/{{revision}}:{verb}", decider(decision), methods=["POST"], name=f"{verb}_{kind}",
            response_model=item, responses=bad, summary=f"{verb.title()}s a revision.")  # fmt: skip
    for path in ("", "/{id}", "/{id}/revisions", "/{id}/revisions/{revision}"):
        methods = ["PATCH", "DELETE"] if path == "/{id}" else ["PUT", "PATCH", "DELETE"]
        add(path, refuse_to_change, methods=methods, name=f"refuse_{kind}{path.count('/')}", include_in_schema=False)
    return router


def entry_item(register: Register, row: EntryRow) -> Item:
    """A revision as an item of its model."""
    left_out = {"seq", "decided_by"}
    return {
        **{name: value for name, value in row._asdict().items() if name not in left_out},
        "status": entries.status_of(row, needs_approval=register.needs_approval),
        "decisions": [
            {"decision": decision, "actor": actor} for decision, actor in zip(row.decisions, row.decided_by, strict=True)
        ],
    }


def state_of(row: EntryRow) -> str:
    """Gives the ETag of a revision and what was decided about it."""
    return etag_of(f"{row.kind}/{row.id}", f"{row.revision}/{len(row.decisions)}")


def written(register: Register, row: EntryRow, status: int = 200) -> Response:
    """Writes one revision."""
    headers = {**tagged(state_of(row)), "Vary": "Authorization"}
    return Response(msgspec.json.encode(entry_item(register, row)), status, headers, media_type="application/json")


def actor_of(caller: Caller) -> Actor:
    """Gives who asks as the audit trail names them."""
    return Actor(caller.id, caller.name)


def refuse_change() -> NoReturn:
    """Says what to do instead.

    Raises:
        ApiError: 405.
    """
    raise ApiError(ProblemType.METHOD_NOT_ALLOWED, INSTEAD, headers={"Allow": "GET, POST, PUT"})


ROUTERS = [make_router(register) for register in REGISTERS.values()]
"""The operations of every register."""


def _needs(*scopes: Scope) -> Any:  # noqa: ANN401  # what FastAPI takes
    return Security(require(*(Scope(scope) for scope in dict.fromkeys(scopes))))


def _example(register: Register) -> Mapping[str, object]:
    return register.example.model_dump(mode="json", by_alias=True, exclude_none=True)


def _made_id(caller: Caller, key: str | None) -> str:
    if key is None:
        return str(uuid4())
    return str(uuid5(NAMESPACE_URL, f"urn:ems-telemetry:entry:{caller.id}:{hashlib.sha256(key.encode()).hexdigest()}"))


async def _select(services: ApiServices, register: Register, caller: Caller, query: EntriesQuery) -> list[EntryRow]:
    asked = EntryFilter(
        register.kind, query.as_of, caller.sites, query.site, None, query.at or query.from_,
        None if query.at else query.to,
    )  # fmt: skip
    async with services.database.connection() as connection:
        rows = await read_entries(connection, asked)
    if query.at is not None:
        return entries.covering(rows, query.at, needs_approval=register.needs_approval)
    chosen = {row.id: row for row in rows}.values()
    wanted = query.status
    return [
        row
        for row in chosen
        if wanted is None or entries.status_of(row, needs_approval=register.needs_approval) is wanted
    ]


async def _revisions(
    services: ApiServices, register: Register, caller: Caller, id_: str, as_of: datetime | None
) -> list[EntryRow]:
    async with services.database.connection() as connection:
        rows = await read_entries(connection, EntryFilter(register.kind, as_of=as_of, sites=caller.sites, id=id_))
    if not rows:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no {register.kind} "{id_}"')
    return rows


def _overtaken(newest: int) -> ApiError:
    detail = f"it was changed meanwhile; its newest revision is {newest}: read it, then decide whether yours still holds"
    return ApiError(ProblemType.PRECONDITION_FAILED, detail)


async def _state(
    services: ApiServices, caller: Caller, register: Register, id_: str, said: Any, *, follows: int  # noqa: ANN401  # a made model
) -> Response:
    if said.site is None:
        caller.check_whole(f"a {register.kind} without a site")
    caller.check_site(said.site)
    since, until = _span(register, said)
    new = NewEntry(register.kind, id_, said.site, since, until, stating.content_of(said.body), said.reason)
    async with services.database.connection() as connection:
        await _check_points(connection, register, said)
        try:
            row = await stating.state(connection, actor_of(caller), register, new, services.clock.now(), follows)
        except EntryTakenError as error:
            if follows:
                raise _overtaken(error.newest) from error
            return await _stated_before(connection, register, new, caller)
    return written(register, row, 200 if follows else 201)


async def _stated_before(connection: Connection, register: Register, new: NewEntry, caller: Caller) -> Response:
    """Answers who states something for the second time: with what is kept, if it is the same."""
    first = await stating.find_revision(connection, register.kind, new.id, 1)
    same = first is not None and (first.site, first.valid_from, first.valid_to, first.body) == new[2:6]
    if first is None or not same or first.author != caller.id:
        raise ApiError(
            ProblemType.CONFLICT, f'there is a {register.kind} "{new.id}" already; revise it with PUT, or choose another id'
        )
    return written(register, first)


def _span(register: Register, said: Any) -> tuple[datetime | None, datetime | None]:  # noqa: ANN401  # a made model
    since, until = register.span_of(said.body) or (said.valid_from, said.valid_to)
    if register.dated is Dated.MOMENT and since is None and not register.untimed:
        raise wrong_parameter("valid_from", None, "say when it happened")
    if since is not None and until is not None and since >= until:
        raise wrong_parameter("valid_to", until.isoformat(), "is not after valid_from; nothing lies between them")
    return since, until


async def _check_points(connection: Connection, register: Register, said: Any) -> None:  # noqa: ANN401  # a made model
    named: Sequence[str] = register.points_of(said.body)
    if not named:
        return
    known = {point.key: point.site for point in await read_facts(connection, list(named))}
    for key in named:
        if known.get(key) != said.site and (key not in known or said.site is not None):
            detail = f"there is no such point at {said.site}" if said.site else "there is no such point"
            raise wrong_parameter("point", key, detail)


async def _decide(
    services: ApiServices, caller: Caller, register: Register, which: tuple[str, int], what: tuple[str, str]
) -> Response:
    rows = await _revisions(services, register, caller, which[0], None)
    row = next((row for row in rows if row.revision == which[1]), None)
    if row is None:
        raise ApiError(ProblemType.NOT_FOUND, f'{register.kind} "{which[0]}" has no revision {which[1]}')
    if row.site is None:
        caller.check_whole(f"a {register.kind} without a site")
    async with services.database.connection() as connection:
        try:
            decided = await stating.decide(connection, actor_of(caller), row, what[0], what[1], services.clock.now())
        except SecondPersonError as error:
            raise ApiError(ProblemType.FORBIDDEN, str(error)) from error
        except NotAllowedNowError as error:
            raise ApiError(ProblemType.CONFLICT, str(error)) from error
    return written(register, decided)
