"""Registers as REST has them: the same operations for every kind of fact that people state.

A fact is added, revised, approved or rejected by somebody else where that is needed, and declared void. It is never edited or
deleted: a request to do so is answered 405 and says what to do instead.
"""

import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import NAMESPACE_URL, uuid4, uuid5

import msgspec
from fastapi import APIRouter, Body, Path, Query, Request, Security
from starlette.responses import Response
from starlette.routing import Route

from ems_telemetry.api.access import require
from ems_telemetry.api.caller import Caller
from ems_telemetry.api.description import PREFIX, Responses, listed, make_router, problems
from ems_telemetry.api.etag import IfMatch, check_match
from ems_telemetry.api.idempotency import IdempotencyKey
from ems_telemetry.api.instruments import InstrumentsQuery, select_by_status
from ems_telemetry.api.items import Page
from ems_telemetry.api.page import Listing
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.register_changes import Stated, decide_entry, find_revisions, state_entry
from ems_telemetry.api.register_items import entry_item, state_of, written
from ems_telemetry.api.register_models import Decision, EntriesQuery, EntryId, OneQuery, entry_model, stated_model, with_secret
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.model import Scope
from ems_telemetry.records.facts import entries
from ems_telemetry.records.registering import stating
from ems_telemetry.records.registers import REGISTERS, Dated, Register
from ems_telemetry.rules.calibration import CalibrationStatus
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries

Endpoint = Callable[..., Awaitable[Response]]
EndpointT = TypeVar("EndpointT", bound=Endpoint)

EntryPath = Annotated[EntryId, Path(alias="id", description="The name of the fact.")]
VERBS = {stating.VOIDED: "void", stating.APPROVED: "approve", stating.REJECTED: "reject"}
INSTEAD = (
    "what was stated stays; state a new revision with PUT and a reason, or declare it void with "
    "POST …/{id}/revisions/{revision}:void and a reason"
)
_CSV = "kind,id,revision,status,site,valid_from,valid_to,body,author,author_name,reason,recorded_at,decisions,hash\r\n"
_CHANGING = problems(ProblemType.BAD_REQUEST, ProblemType.NOT_FOUND, ProblemType.CONFLICT)
_GUARDED = problems(ProblemType.PRECONDITION_FAILED, ProblemType.PRECONDITION_REQUIRED)


class Operations:
    """The operations of one register. Which body they take and who may ask is only known here, and told to FastAPI."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.noun = register.kind.replace("_", " ")
        self.item = entry_model(register)
        self.router = make_router("Registers", f"{PREFIX}/{register.path}")
        self._writer = Annotated[Caller, Security(require(*_scopes(*register.scopes)))]
        self._reader = Annotated[Caller, Security(require(*_scopes(*register.readers)))]
        self._approver = Annotated[Caller, Security(require(Scope.APPROVE))]

    def add_to_router(self) -> APIRouter:
        """Adds all operations."""
        self._add_reading()
        self._add_stating()
        self._add_deciding(stating.VOIDED, self._writer)
        if self.register.needs_approval:
            self._add_deciding(stating.APPROVED, self._approver)
            self._add_deciding(stating.REJECTED, self._approver)
        self._add_refusing()
        return self.router

    def _route(  # noqa: PLR0913, PLR0917  # an operation has so many sides
        self,
        path: str,
        endpoint: Endpoint,
        name: str,
        summary: str,
        responses: Responses,
        method: str = "GET",
        status: int = 200,
    ) -> None:
        model: Any = Page[self.item] if name.startswith("list") else self.item  # type: ignore[name-defined]  # made at run time
        if name.startswith("add") and self.register.has_secret:
            model = with_secret(self.item)
        self.router.add_api_route(
            path, endpoint, methods=[method], name=name, summary=summary, description=f"{self.register.title} {summary}",
            responses=responses, response_model=model, status_code=status,
        )  # fmt: skip

    def _add_reading(self) -> None:
        register = self.register

        async def list_entries(
            request: Request, services: Services, caller: Caller, query: EntriesQuery | InstrumentsQuery
        ) -> Response:
            caller.check_site(query.site)
            listing = Listing(request, query)
            after = listing.after(str)
            rows = [row for row in await _select(services, register, caller, query) if after is None or row.id > after]
            to_item = partial(entry_item, register)
            return await listing.answer(rows[: listing.limit], self.item, to_item, key=lambda row: row.id)

        async def get_entry(
            services: Services, caller: Caller, id_: EntryPath, query: Annotated[OneQuery, Query()]
        ) -> Response:
            rows = await find_revisions(services, register, caller, id_, query.as_of)
            if query.at is not None:
                rows = entries.covering(rows, query.at, needs_approval=register.needs_approval)
                if not rows:
                    raise ApiError(ProblemType.NOT_FOUND, f'no {self.noun} "{id_}" is in force then')
            return written(register, rows[-1])

        async def list_revisions(
            services: Services, caller: Caller, id_: EntryPath, query: Annotated[OneQuery, Query()]
        ) -> Response:
            rows = await find_revisions(services, register, caller, id_, query.as_of)
            body = {"items": [entry_item(register, row) for row in rows], "next": None}
            return Response(msgspec.json.encode(body), media_type="application/json")

        for endpoint in (list_entries, get_entry, list_revisions):
            _typed(endpoint, caller=self._reader)
        kind, missing = register.kind, problems(ProblemType.NOT_FOUND)
        query = InstrumentsQuery if kind == "instrument" else EntriesQuery
        _typed(list_entries, query=Annotated[query, Query()])
        self._route("", list_entries, f"list_{kind}", f"Lists every {self.noun}.", listed(_CSV))
        self._route("/{id}", get_entry, f"get_{kind}", f"Gives one {self.noun}.", missing)
        revisions = f"Lists all revisions of a {self.noun}, the first one first."
        self._route("/{id}/revisions", list_revisions, f"list_{kind}_revisions", revisions, missing)

    def _add_stating(self) -> None:
        register = self.register

        async def add_entry(
            services: Services,
            caller: Caller,
            body: Stated,
            idempotency_key: IdempotencyKey = None,  # told below
        ) -> Response:
            name = body.id or _made_id(caller, idempotency_key)
            return await state_entry(services, caller, register, name, body, follows=0)

        async def revise_entry(
            services: Services,
            caller: Caller,
            id_: EntryPath,
            body: Stated,
            if_match: IfMatch = None,  # told below
        ) -> Response:
            rows = await find_revisions(services, register, caller, id_, None)
            check_match(if_match, state_of(rows[-1]))
            return await state_entry(services, caller, register, id_, body, follows=rows[-1].revision)

        new, revised = stated_model(register, with_id=True), stated_model(register, with_id=False)
        add = _typed(add_entry, caller=self._writer, body=Annotated[new, Body()])
        revise = _typed(revise_entry, caller=self._writer, body=Annotated[revised, Body()])
        again: Responses = {200: {"model": self.item, "description": "It was stated before, in the same words."}}
        kind = register.kind
        self._route("", add, f"add_{kind}", f"States a {self.noun}.", _CHANGING | again, "POST", 201)
        changed = f"States a new revision of a {self.noun}."
        self._route("/{id}", revise, f"revise_{kind}", changed, _CHANGING | _GUARDED, "PUT")

    def _add_deciding(self, decision: str, who: Any) -> None:  # noqa: ANN401  # an annotation
        async def decide(
            services: Services,
            caller: Caller,
            id_: EntryPath,
            revision: Annotated[int, Path(ge=1, le=1_000_000)],
            body: Annotated[Decision, Body()],
        ) -> Response:
            return await decide_entry(services, caller, self.register, (id_, revision), (decision, body.reason))

        verb = VERBS[decision]
        path, name = f"/{{id}}/revisions/{{revision}}:{verb}", f"{verb}_{self.register.kind}"
        summary = f"{verb.title()}s a revision of a {self.noun}."
        self._route(path, _typed(decide, caller=who), name, summary, _CHANGING, "POST")

    def _add_refusing(self) -> None:
        async def refuse_to_change(_request: Request) -> Response:
            refuse_change()

        for path in ("", "/{id}", "/{id}/revisions", "/{id}/revisions/{revision}"):
            methods = ["PATCH", "DELETE"] if path == "/{id}" else ["PUT", "PATCH", "DELETE"]
            name = f"refuse_{self.register.kind}_{path.count('/')}"
            whole = f"{self.router.prefix}{path}"
            self.router.routes.append(Route(whole, refuse_to_change, methods=methods, name=name, include_in_schema=False))


def _typed(endpoint: EndpointT, **annotations: Any) -> EndpointT:  # noqa: ANN401  # annotations are
    """Tells FastAPI what only exists at run time."""
    endpoint.__annotations__.update(annotations)
    return endpoint


def _scopes(*words: str) -> list[Scope]:
    return [Scope(word) for word in dict.fromkeys(words)]


def refuse_change() -> NoReturn:
    """Says what to do instead.

    Raises:
        ApiError: 405.
    """
    raise ApiError(ProblemType.METHOD_NOT_ALLOWED, INSTEAD, headers={"Allow": "GET, POST, PUT"})


def _made_id(caller: Caller, key: str | None) -> str:
    if key is None:
        return str(uuid4())
    return str(uuid5(NAMESPACE_URL, f"urn:ems-telemetry:entry:{caller.id}:{hashlib.sha256(key.encode()).hexdigest()}"))


async def _select(
    services: ApiServices, register: Register, caller: Caller, query: EntriesQuery | InstrumentsQuery
) -> list[EntryRow]:
    if isinstance(query.status, CalibrationStatus):
        return await select_by_status(services, caller, query, query.status)
    asked = EntryFilter(
        register.kind, query.as_of, caller.sites, query.site, None, query.at or query.from_,
        None if query.at else query.to, instants=register.dated is Dated.MOMENT, whole=query.at is not None,
    )  # fmt: skip
    async with services.database.connection() as connection:
        rows = await read_entries(connection, asked)
    if query.at is not None:
        return entries.covering(rows, query.at, needs_approval=register.needs_approval)
    chosen = {row.id: row for row in rows}.values()
    wanted = query.status
    return [row for row in chosen if wanted is None or entries.status_of(row, needs_approval=register.needs_approval) is wanted]


OPERATIONS = {kind: Operations(register) for kind, register in REGISTERS.items()}
"""The operations of every register, by its kind."""
ROUTERS = [operations.add_to_router() for operations in OPERATIONS.values()]
