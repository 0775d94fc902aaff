"""Who may ask: keys of ours and tokens of issuers from `Authorization: Bearer`, their scopes and sites, and how often.

A bearer that begins with `ems_` is a key, one of three parts with dots between them a token.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Final

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ems_telemetry.api.caller import ANONYMOUS, Caller, CallerKind, turned_away
from ems_telemetry.api.keyring import REMEMBERED_S, Keyring
from ems_telemetry.api.pausing import begin_writing
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.rates import Limit, neighbourhood
from ems_telemetry.api.services import ApiServices
from ems_telemetry.api.tokens import Tokens, looks_like_token
from ems_telemetry.model import Scope
from ems_telemetry.storage.keys import PREFIX

__all__ = [
    "ANONYMOUS",
    "REMEMBERED_S",
    "Administrator",
    "Approver",
    "Auditor",
    "Caller",
    "CallerKind",
    "Doorkeeper",
    "Ingester",
    "Methodist",
    "Metrologist",
    "Reader",
    "require",
]

ALLOWANCE: Final = "allowance"
"""Where the state of a request holds what is left to its caller."""

bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="ems_<id>_<secret>, or a JSON Web Token",
    description="A key made by `ems-telemetry keys create`, or a token of an issuer that the configuration names.",
)


class Doorkeeper:
    """Tells who asks, and turns away who may not or asks too often. Building one does no I/O."""

    def __init__(self, services: ApiServices) -> None:
        self._keyring = Keyring(services.database, services.clock)
        self._tokens = Tokens(services.oidc, services.clock)
        self._allow_anonymous = services.allow_anonymous
        self._requests = Limit(services.rate_limit, services.clock)
        self._failures = Limit(services.failed_login_limit, services.clock)

    async def admit(self, request: Request, credentials: HTTPAuthorizationCredentials | None) -> Caller:
        """Tells who asks and counts it; leaves in the state of the request what is left to them.

        Raises:
            ApiError: 401, 403 or 503 as the credentials are; 429, too often.
            TransientError: the database is away and the key is not remembered.
        """
        address = request.client.host if request.client else None
        place = neighbourhood(address)
        if credentials is None and "authorization" not in request.headers:
            self._count(request, f"address:{place}")
            if not self._allow_anonymous:
                raise turned_away(
                    "send a key as `Authorization: Bearer ems_…`; `ems-telemetry keys create` makes one", code=None
                )
            return replace(ANONYMOUS, client=address)
        identified = await self._identify(credentials, place)
        self._count(request, identified.id)
        return replace(identified, client=address)

    def _count(self, request: Request, who: str) -> None:
        allowance = self._requests.take(who, "these are more requests than one caller may send")
        request.scope.setdefault("state", {})[ALLOWANCE] = allowance

    async def _identify(self, credentials: HTTPAuthorizationCredentials | None, place: str) -> Caller:
        presented = credentials.credentials if credentials else ""
        # A key that held before is let in all the same: who tries out keys must not lock out those who share the address.
        if not self._keyring.has_met(presented):
            self._failures.check(place, "too many keys and tokens that do not hold came from this address")
        try:
            if credentials is None:
                # A client that meant to identify itself and did it wrong must not pass as anonymous.
                raise turned_away("the header Authorization must read `Bearer KEY`")
            if not presented.startswith(f"{PREFIX}_") and looks_like_token(presented):
                return await self._tokens.identify(presented)
            return await self._keyring.identify(presented)
        except ApiError as error:
            if error.type is ProblemType.UNAUTHENTICATED:
                self._failures.take(place, "too many keys and tokens that do not hold came from this address")
            raise


def require(*scopes: Scope) -> Callable[..., Awaitable[Caller]]:
    """Makes the dependency of operations that need one of these scopes, and none of which changes tables in a pause."""

    async def identify(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> Caller:
        doorkeeper: Doorkeeper = request.app.state.doorkeeper
        caller = await doorkeeper.admit(request, credentials)
        if caller.scopes.isdisjoint(scopes):
            allowed, needed = ", ".join(sorted(caller.scopes)), " or ".join(f'"{scope}"' for scope in scopes)
            message = f"this needs a {caller.credential} with the scope {needed}; this one allows {allowed or 'nothing'}"
            raise ApiError(ProblemType.FORBIDDEN, message)
        begin_writing(request)
        return caller

    return identify


Reader = Annotated[Caller, Security(require(Scope.READ))]
"""Whoever may read."""
Administrator = Annotated[Caller, Security(require(Scope.ADMIN))]
"""Whoever may change what the service holds, and how it runs."""

Metrologist = Annotated[Caller, Security(require(Scope.METROLOGY, Scope.ADMIN))]
"""Whoever may declare what happened to meters."""

Ingester = Annotated[Caller, Security(require(Scope.INGEST))]
"""Whoever may hand in readings."""

Methodist = Annotated[Caller, Security(require(Scope.METHODS))]
"""Whoever may change methods, limits and factors."""

Approver = Annotated[Caller, Security(require(Scope.APPROVE))]
"""Whoever may approve what others made. Running the service (`admin`) does not include it."""

Auditor = Annotated[Caller, Security(require(Scope.AUDIT))]
"""Whoever may read the audit trail."""
