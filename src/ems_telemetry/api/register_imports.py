"""Facts from CSV files: one operation for every register, all of a file or nothing unless parts are asked for."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Security
from pydantic import BaseModel, Field
from starlette.responses import Response

from ems_telemetry.api.access import require
from ems_telemetry.api.caller import Caller
from ems_telemetry.api.description import make_router, problems
from ems_telemetry.api.meter_events import Text
from ems_telemetry.api.parameters import Query as Parameters
from ems_telemetry.api.problem import ApiError, ProblemType, WrongParameter, shorten, wrong_parameter
from ems_telemetry.api.services import Services
from ems_telemetry.model import Scope
from ems_telemetry.records.registering.importing import Imported, Wanted, import_sheet
from ems_telemetry.records.registering.sheets import columns_of, read_sheet
from ems_telemetry.records.registering.statements import Mistake
from ems_telemetry.records.registering.stating import NotAllowedNowError
from ems_telemetry.records.registers import REGISTERS, Register

LARGEST: Final = 10_000_000
"""Bytes of a file."""
MOST_TOLD: Final = 200


class RegisterImportQuery(Parameters):
    """How a file is imported."""

    dry_run: bool = Field(default=False, description="`true`: only look for mistakes, and store nothing.")
    partial: bool = Field(default=False, description="`true`: store what is right beside what is not.")
    reason: Text = Field(default="imported from a file", description="Why, of lines that say none.")


class ImportMistake(BaseModel):
    """What is wrong in a file."""

    line: int
    column: str | None = Field(description="Null where the line as a whole is meant.")
    value: str | None = Field(description="What stands there.")
    detail: str = Field(description="What is wrong with it, and what to do.")


class ImportOutcome(BaseModel):
    """What became of a file."""

    kind: str = Field(description="The register.", examples=["sample"])
    stored: bool = Field(description="Whether what was accepted is stored.")
    accepted: list[str] = Field(description="Ids of facts that were stored, or would be.")
    duplicates: list[str] = Field(description="Ids of facts that are known in the same words.")
    conflicts: list[ImportMistake] = Field(description="Ids that are known with other content.")
    refused: list[ImportMistake] = Field(description="What is wrong by itself.")


def _router_of(register: Register) -> APIRouter:
    """Makes the operation of one register. Who may ask is only known here, and told to FastAPI."""
    router = make_router("Registers")

    async def import_entries(
        request: Request, services: Services, caller: Caller, query: Annotated[RegisterImportQuery, Query()]
    ) -> Response:
        sheet = read_sheet(register, await _read(request), query.reason)
        wanted = Wanted(dry_run=query.dry_run, partial=query.partial)
        async with services.database.connection() as connection:
            try:
                outcome = await import_sheet(
                    connection, caller.actor, sheet, wanted, services.clock.now(), lambda _, site: _may_not(caller, site)
                )
            except NotAllowedNowError as error:
                raise ApiError(ProblemType.CONFLICT, str(error)) from error
        if outcome.mistakes and not (query.dry_run or query.partial):
            raise _refused(outcome)
        return Response(_told(register, outcome).model_dump_json(), media_type="application/json")

    scopes = [Scope(scope) for scope in register.scopes]
    import_entries.__annotations__["caller"] = Annotated[Caller, Security(require(*scopes))]
    noun, columns = register.kind.replace("_", " "), ", ".join(columns_of(register))
    router.add_api_route(
        f"/{register.path}:import", import_entries, methods=["POST"], name=f"import_{register.kind}",
        summary=f"Imports each {noun} of a CSV file.", description=f"{register.title} Columns: {columns}.",
        responses=problems(ProblemType.CONFLICT, ProblemType.TOO_LARGE), response_model=ImportOutcome,
        openapi_extra=_body(register),
    )  # fmt: skip
    return router


def _body(register: Register) -> dict[str, Any]:
    head = ",".join(columns_of(register)[:6])
    content = {"text/csv": {"schema": {"type": "string"}, "example": f"{head}\n"}}
    return {"requestBody": {"required": True, "content": content}}


async def _read(request: Request) -> str:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise ApiError(ProblemType.TOO_LARGE, f"a file may have {LARGEST:,} bytes; cut it")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise wrong_parameter("body", None, f"is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _may_not(caller: Caller, site: str | None) -> str | None:
    if caller.sites is None or site in caller.sites:
        return None
    return f"is not among the sites of this {caller.credential}: {', '.join(caller.sites)}"


def _refused(outcome: Imported) -> ApiError:
    mistakes = outcome.mistakes
    told = [
        WrongParameter(
            f"line {each.line}" + (f", {each.column}" if each.column else ""), each.value and shorten(each.value), each.detail
        )
        for each in mistakes[:MOST_TOLD]
    ]
    words = "; ".join(f"line {each.line}: {each}" for each in mistakes[:5])
    more = f"; and {len(mistakes) - 5} more" if len(mistakes) > 5 else ""  # noqa: PLR2004  # as many as are told in words
    return ApiError(ProblemType.INVALID_PARAMETER, f"nothing was stored: {words}{more}", errors=told)


def _told(register: Register, outcome: Imported) -> ImportOutcome:
    return ImportOutcome(
        kind=register.kind,
        stored=outcome.stored,
        accepted=[each.new.id for each in outcome.accepted],
        duplicates=[each.new.id for each in outcome.duplicates],
        conflicts=_mistakes(outcome.conflicts),
        refused=_mistakes(outcome.refused),
    )


def _mistakes(mistakes: Sequence[Mistake]) -> list[ImportMistake]:
    return [ImportMistake(**each._asdict()) for each in mistakes[:MOST_TOLD]]


ROUTERS = [_router_of(register) for register in REGISTERS.values() if not register.has_secret]
"""The operation of every register; a secret that is made for an entry is shown to who states it by itself."""
