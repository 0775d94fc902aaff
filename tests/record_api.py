"""The API over a plant of `record_plant`, as several people with keys of their own see it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass

import httpx
from record_plant import Plant
from standings import refused, standing

from ems_telemetry.api.app import ApiServices, Readiness, create_app
from ems_telemetry.api.retried import Retried
from ems_telemetry.api.services import TakeIn, TakenIn
from ems_telemetry.api.standing import Reload, Writes
from ems_telemetry.model import DeadLetter, Scope
from ems_telemetry.observe import Metrics
from ems_telemetry.records.packing.maker import PackRoom
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.keys import create_key


@dataclass(frozen=True, slots=True)
class Clients:
    """Alice states facts and may approve those of others, Bob approves, an auditor reads the trail; Munich is another site.

    The administrator runs the service.
    """

    alice: httpx.AsyncClient
    bob: httpx.AsyncClient
    auditor: httpx.AsyncClient
    munich: httpx.AsyncClient
    admin: httpx.AsyncClient


@asynccontextmanager
async def open_clients(plant: Plant, packs: PackRoom | None = None) -> AsyncIterator[Clients]:
    """Opens them on one application."""
    app = create_app(services(plant, packs))
    writing = [Scope.READ, Scope.METROLOGY, Scope.METHODS, Scope.INGEST, Scope.APPROVE]
    async with AsyncExitStack() as stack:

        async def client(name: str, scopes: list[Scope], sites: list[str] | None = None) -> httpx.AsyncClient:
            issued = await create_key(plant.database, name, scopes, sites)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {issued.key.get_secret_value()}"}
            return await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://plant", headers=headers, timeout=60)
            )

        yield Clients(
            await client("alice", writing),
            await client("bob", [Scope.READ, Scope.APPROVE]),
            await client("auditor", [Scope.READ, Scope.AUDIT]),
            await client("munich", list(Scope), ["MUC1"]),
            await client("admin", [Scope.READ, Scope.ADMIN]),
        )


def services(plant: Plant, packs: PackRoom | None = None) -> ApiServices:
    """Gives what the API works with; nothing but the database and the clock matters here."""

    async def retry(_letter: DeadLetter, _by: Actor) -> Retried:
        return Retried(0, "nothing")

    async def take_in(_asked: TakeIn) -> TakenIn:
        return TakenIn(0, stored=True)

    async def reload(_by: Actor, _reason: str | None) -> Reload:
        return refused()

    async def writes(_by: str, _actor: Actor) -> Writes:
        return Writes(paused=None, at_rest=False)

    return ApiServices(
        database=plant.database,
        connectors=list,
        readiness=lambda: Readiness(ready=True, checks=()),
        retry=retry,
        standing=standing,
        reload=reload,
        pause=writes,
        resume=writes,
        paused=lambda: None,
        writing=nullcontext,
        take_in=take_in,
        metrics=Metrics(),
        clock=plant.clock,
        allow_anonymous=False,
        version="0.1.0",
        oidc=(),
        rate_limit=None,
        failed_login_limit=None,
        packs=packs or PackRoom(),
    )
