"""The REST API as one application, made of the services it is given. Making it does no I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ems_telemetry.api import (
    audit,
    balances,
    catalogue,
    completeness,
    compliance,
    configuration,
    consumption,
    exports,
    ghg,
    importing,
    instruments,
    intervals,
    lineage,
    losses,
    meter_events,
    methods,
    outbox,
    packs,
    peaks,
    plan,
    readings,
    records,
    register_imports,
    registers,
    retention,
    status,
    substituting,
    views,
    writes,
)
from ems_telemetry.api.access import Doorkeeper
from ems_telemetry.api.description import DESCRIPTION, SUMMARY, TITLE, describe
from ems_telemetry.api.docs import add_docs
from ems_telemetry.api.guard import RequestGuard
from ems_telemetry.api.parameters import explain_invalid
from ems_telemetry.api.problem import RETRY_AFTER_S, ApiError, ProblemType
from ems_telemetry.api.readiness import Check, Readiness
from ems_telemetry.api.services import ApiServices
from ems_telemetry.errors import TransientError
from ems_telemetry.observe import get_logger

__all__ = ["ApiServices", "Check", "Readiness", "create_app"]

_BY_STATUS: Mapping[int, ProblemType] = {
    400: ProblemType.BAD_REQUEST,
    404: ProblemType.NOT_FOUND,
    405: ProblemType.METHOD_NOT_ALLOWED,
}
_ROUTERS = (
    catalogue.router,
    readings.router,
    intervals.router,
    consumption.router,
    completeness.router,
    balances.router,
    peaks.router,
    meter_events.router,
    importing.router,
    lineage.router,  # before records: /records/dependents is no id of a record
    records.router,
    views.router,
    compliance.router,
    ghg.router,
    methods.router,
    instruments.router,
    plan.router,
    exports.router,
    outbox.router,
    audit.router,
    packs.router,
    retention.router,
    losses.router,
    configuration.router,
    status.router,
    substituting.router,
    writes.router,
    *registers.ROUTERS,
    *register_imports.ROUTERS,
    status.root_router,
)
_ROUTES = [route for router in _ROUTERS for route in router.routes]
"""The routes of every application: what they work with stands in its state. To include routers would make them all again."""
_log = get_logger("ems_telemetry.api")


def create_app(services: ApiServices) -> FastAPI:
    """Makes the application.

    Args:
        services: what it works with; the database is opened and closed by whoever gives it.
    """
    app = FastAPI(
        title=TITLE,
        version=services.version,
        summary=SUMMARY,
        description=DESCRIPTION,
        openapi_url=None,  # FastAPI would make the document on the event loop; docs serves it
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=list(_ROUTES),
    )
    app.state.services = services
    app.state.doorkeeper = Doorkeeper(services)
    add_docs(app)
    _add_problem_handlers(app)
    app.add_middleware(RequestGuard, clock=services.clock, metrics=services.metrics)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # the way FastAPI documents
    return app


def _add_problem_handlers(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> Response:
        return error.to_response(request.url.path)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return explain_invalid(error.errors(), _known_parameters(request)).to_response(request.url.path)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        type_ = _BY_STATUS.get(error.status_code, ProblemType.BAD_REQUEST)
        return ApiError(type_, _in_words(request, error), headers=error.headers).to_response(request.url.path)

    @app.exception_handler(TransientError)
    async def on_transient(request: Request, error: TransientError) -> Response:
        _log.warning("the database is away from a request", event_code="api_database_unavailable", reason=str(error))
        detail = f"the database does not answer now; collecting goes on. Try again in {RETRY_AFTER_S} s"
        away = ApiError(ProblemType.DATABASE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_S)})
        return away.to_response(request.url.path)


def _in_words(request: Request, error: HTTPException) -> str:
    if error.status_code == ProblemType.NOT_FOUND.status:
        return "nothing is served at this path; the API is described at /api/docs"
    if error.status_code == ProblemType.METHOD_NOT_ALLOWED.status:
        return f"{request.method} is not possible here; allowed: {(error.headers or {}).get('Allow', 'GET')}"
    return str(error.detail)


def _known_parameters(request: Request) -> Sequence[str]:
    """Names the query parameters of the operation and the fields of its body, as the OpenAPI document has them.

    Of this one route alone: to describe them all takes long enough to hold up everything else in the process.
    """
    route: Any = request.scope.get("route")
    document = get_openapi(title=TITLE, version=request.app.version, routes=[route])
    operation = document["paths"].get(route.path, {}).get(request.method.lower(), {})
    names = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = document.get("components", {}).get("schemas", {}).get(body.get("$ref", "").rpartition("/")[2], {})
    return [*names, *schema.get("properties", {})]
