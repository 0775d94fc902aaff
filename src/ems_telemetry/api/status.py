"""How the service stands: connectors, and at the root what machines ask: alive, ready, metrics."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import Query, Request
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel
from starlette.responses import Response

from ems_telemetry.api import items
from ems_telemetry.api.access import Caller, Reader
from ems_telemetry.api.description import GUARDED, listed, make_router, problems
from ems_telemetry.api.page import format_of, write_list
from ems_telemetry.api.parameters import ListQuery
from ems_telemetry.api.problem import RETRY_AFTER_S, ApiError, ProblemType
from ems_telemetry.api.services import ApiServices, Services
from ems_telemetry.api.standing import Standing
from ems_telemetry.observe import ConnectorStatus
from ems_telemetry.storage.catalogue import list_connectors_within

router = make_router("Service", responses={})
root_router = make_router("Service", "", responses={})

_CONNECTORS_CSV = (
    "name,type,endpoint,state,since,last_error,last_error_at,last_sample_at,clock_ahead_s,counters\r\n"
    "hall-1,modbus,tcp://10.20.0.31:502,up,2026-03-02T06:00:00Z,,,2026-03-02T10:00:00Z,"
    '"{""samples_stored"":5210}"\r\n'
)


@router.get(
    "/connectors",
    response_model=items.Page[items.Connector],
    responses=GUARDED | problems(ProblemType.DATABASE_UNAVAILABLE) | listed(_CONNECTORS_CSV, paged=False),
)
async def list_connectors(
    request: Request, services: Services, caller: Reader, query: Annotated[ListQuery, Query()]
) -> Response:
    """Lists the connectors as they stand now, by their name. Answers while the database is away, to keys for all sites."""
    format_ = format_of(request, query)
    statuses = sorted(await _visible(services, caller), key=lambda status: status.name)
    return write_list([items.connector_item(status) for status in statuses], items.Connector, format_)


@router.get("/status", response_model=Standing, responses=GUARDED | problems(ProblemType.DATABASE_UNAVAILABLE))
async def get_status(services: Services, caller: Reader) -> Response:
    """Tells how everything stands, and in words what is wrong. Answers while the database is away, to keys for all sites."""
    standing = services.standing()
    visible = {status.name for status in await _visible(services, caller)}
    connectors = [connector for connector in standing.connectors if connector.name in visible]
    return _json(standing.model_copy(update={"connectors": connectors}))


@root_router.get("/healthz", response_model=items.Alive)
async def get_health(services: Services) -> Response:
    """Tells that the process answers; says nothing of what it needs. Needs no key."""
    return Response(msgspec.json.encode({"status": "ok", "version": services.version}), media_type="application/json")


@root_router.get("/readyz", response_model=items.Ready, responses=problems(ProblemType.NOT_READY))
async def get_readiness(services: Services) -> Response:
    """Tells whether the service can do its work, check by check."""
    readiness = services.readiness()
    if readiness.ready:
        return Response(msgspec.json.encode(readiness), media_type="application/json")
    failing = "; ".join(f"{check.name}: {check.detail}" for check in readiness.checks if not check.ok)
    raise ApiError(
        ProblemType.NOT_READY,
        failing or "the service is starting or stopping",
        headers={"Retry-After": str(RETRY_AFTER_S)},
        extensions={"ready": False, "checks": readiness.checks},
    )


@root_router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(request: Request, services: Services) -> Response:
    """Gives the metrics in Prometheus' own format; they name connectors, and no point or value."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(services.metrics.registry), media_type=content_type)


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


async def _visible(services: ApiServices, caller: Caller) -> Sequence[ConnectorStatus]:
    statuses = services.connectors()
    if caller.sites is None:
        return statuses
    within = set(await list_connectors_within(services.database, caller.sites))
    return [status for status in statuses if status.name in within]
