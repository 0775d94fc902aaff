"""What OpenAPI tells of the API: the words at its head, what every operation may answer, and the offline docs page."""

from threading import Lock
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from ems_telemetry.api.format import MEDIA_TYPES, Format
from ems_telemetry.api.problem import MEDIA_TYPE, RETRY_AFTER_S, Problem, ProblemType

PREFIX = "/api/v1"
OPENAPI_PATH = f"{PREFIX}/openapi.json"
TITLE = "ems-telemetry"
SUMMARY = "What the meters of a plant measured, with its time, its quality and its reason where a value is missing."
DESCRIPTION = """
**Times** are RFC 3339 in UTC. Spans are half-open: `from` is within, `to` is not. A time without a zone is refused.

**Lists** come in pages: `{"items": [...], "next": cursor}`. Ask again with `cursor` and the same filters until `next` is null;
the header `Link: <...>; rel="next"` says the same for the others. What is stored meanwhile neither hides nor repeats
an item.

**Formats**: JSON, CSV, NDJSON or Parquet by the header `Accept` or by `format=`.

**Missing is never zero**: a value that could not be obtained is null, and its `quality` and `flags` say why.

**Errors** are `application/problem+json` (RFC 9457) and name the parameter, what was said, and what is allowed.

**Keys** are sent as `Authorization: Bearer ems_...` and made by `ems-telemetry keys create`. A key may be limited to sites.
Tokens (JWT) of the issuers of OpenID Connect that the configuration names are taken in the same place.

**Limits**: `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) tell how many requests are left.
"""
TAGS = [
    {"name": "Catalogue", "description": "What is measured where."},
    {"name": "Readings", "description": "What was measured."},
    {"name": "Intervals", "description": "What the readings come to, by quarter, hour, local day, month and year."},
    {"name": "Metrology", "description": "What happened to meters, as people declare it."},
    {"name": "Records", "description": "Figures that stand: each with its method, inputs and hash, in all its revisions."},
    {"name": "Compliance", "description": "Whether limits were kept, as far as is known, and what exceeded them."},
    {"name": "Registers", "description": "What people state: never edited, only revised, decided about and declared void."},
    {"name": "Webhooks", "description": "What is delivered to webhooks, and what became of it."},
    {"name": "Audit", "description": "Who did what to which piece of evidence, and whether it still holds."},
    {"name": "Losses", "description": "What did not become a reading, and why."},
    {"name": "Service", "description": "How the service stands. The operations at the root need no key."},
    {"name": "Configuration", "description": "What was configured when, and taking over what was changed."},
]
Responses = dict[int | str, dict[str, Any]]

_describing = Lock()
_described: dict[str, dict[str, Any]] = {}

_DESCRIPTIONS = {
    ProblemType.BAD_REQUEST: "The body is no JSON.",
    ProblemType.UNAUTHENTICATED: "There is no key or token, or it does not hold.",
    ProblemType.FORBIDDEN: "The key or token lacks the scope, or the site.",
    ProblemType.NOT_FOUND: "There is none, or the key does not let it be seen; the nearest one is named.",
    ProblemType.CONFLICT: "It was done before; say so if it is to be done again.",
    ProblemType.TOO_LARGE: "The body is larger than what is taken at once.",
    ProblemType.NOT_ACCEPTABLE: "The header Accept names no format this is written in.",
    ProblemType.INVALID_PARAMETER: "A parameter is wrong; the answer says which, and what is allowed.",
    ProblemType.CONFIGURATION_REFUSED: "The files are wrong; `problems` names each mistake, and everything goes on as before.",
    ProblemType.IN_PROGRESS: "The same request is being done at this moment.",
    ProblemType.PRECONDITION_FAILED: "It was changed since the state that If-Match names; read it again.",
    ProblemType.PRECONDITION_REQUIRED: "The header If-Match is missing; it says which state the change is of.",
    ProblemType.TOO_MANY_REQUESTS: "The caller asks too often, or keys that do not hold came from its address.",
    ProblemType.ISSUER_UNAVAILABLE: "The issuer of the token does not answer. Try again later.",
    ProblemType.DATABASE_UNAVAILABLE: (
        "The database, or the issuer of the token, does not answer, or writing to the database is paused and this would "
        "change it. Collecting goes on."
    ),
    ProblemType.WRITES_PAUSED: "Writing to the database is paused, and this would change it. Collecting goes on.",
    ProblemType.NOT_READY: "Something the service needs is missing; `checks` says what.",
}


def _describe_problem(type_: ProblemType) -> dict[str, Any]:
    example = {
        "type": type_.uri,
        "title": type_.title,
        "status": int(type_.status),
        "detail": _DESCRIPTIONS[type_],
        "instance": "/api/v1/points",
    }
    described: dict[str, Any] = {
        "description": _DESCRIPTIONS[type_],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }
    if type_ is ProblemType.DATABASE_UNAVAILABLE:
        described["headers"] = {
            "Retry-After": {"description": f"Seconds to wait: {RETRY_AFTER_S}.", "schema": {"type": "integer"}}
        }
    if type_ in {ProblemType.IN_PROGRESS, ProblemType.ISSUER_UNAVAILABLE}:
        described["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    if type_ is ProblemType.TOO_MANY_REQUESTS:
        described["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
            "RateLimit-Limit": {"description": "How many requests there may be.", "schema": {"type": "integer"}},
            "RateLimit-Remaining": {"description": "How many are left.", "schema": {"type": "integer"}},
            "RateLimit-Reset": {"description": "Seconds until the first comes back.", "schema": {"type": "integer"}},
        }
    if type_ is ProblemType.UNAUTHENTICATED:
        described["headers"] = {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}}}
    return described


def problems(*types: ProblemType) -> Responses:
    """Describes the problems an operation may answer with."""
    return {int(type_.status): _describe_problem(type_) for type_ in types}


GUARDED = problems(
    ProblemType.UNAUTHENTICATED,
    ProblemType.FORBIDDEN,
    ProblemType.INVALID_PARAMETER,
    ProblemType.TOO_MANY_REQUESTS,
    ProblemType.ISSUER_UNAVAILABLE,
)
STORED = GUARDED | problems(ProblemType.DATABASE_UNAVAILABLE)


UNCHANGED: Responses = {304: {"description": "It is as `If-None-Match` says; the answer has no body."}}


def listed(csv_example: str, *, paged: bool = True) -> Responses:
    """Describes the formats of a list beside JSON, and the header that names the following page."""
    answer: dict[str, Any] = {
        "description": "A page of the list.",
        "content": {
            MEDIA_TYPES[Format.CSV]: {"schema": {"type": "string"}, "example": csv_example},
            MEDIA_TYPES[Format.NDJSON]: {"schema": {"type": "string", "description": "One item as JSON per line."}},
            MEDIA_TYPES[Format.PARQUET]: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    if paged:
        answer["headers"] = {
            "Link": {"description": 'The following page, as `<...>; rel="next"`.', "schema": {"type": "string"}}
        }
    return {200: answer} | problems(ProblemType.NOT_ACCEPTABLE)


def make_router(tag: str, prefix: str = PREFIX, *, responses: Responses = STORED) -> APIRouter:
    """Makes the router of one module: operations are called what their functions are called."""
    return APIRouter(prefix=prefix, tags=[tag], responses=responses, generate_unique_id_function=lambda route: str(route.name))


def describe(app: FastAPI) -> dict[str, Any]:
    """Makes the OpenAPI document, and adds the schema of problems that no operation names as its own.

    It takes seconds of a small machine's processor: never on the event loop, which collects meanwhile. The operations are
    the same in every application of a process, so it is made once for each version.
    """
    with _describing:
        if app.version not in _described:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=TAGS,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            document["components"]["schemas"] |= {**schema.pop("$defs"), "Problem": schema}
            _described[app.version] = document
        return _described[app.version]
