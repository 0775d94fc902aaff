"""Who may ask: API keys from `Authorization: Bearer`, their scopes and sites.

A key found good is remembered for a minute, so that not every request costs a query and a short absence of the database does
not lock out who was just let in. A revoked key therefore ends within that minute.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.clock import Clock
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.keys import KeyParts, Scope, StoredKey, find_key, take_apart

REMEMBERED_S: Final = 60.0
REMEMBERED_KEYS: Final = 1_000

bearer = HTTPBearer(
    auto_error=False, bearerFormat="ems_<id>_<secret>", description="A key made by `ems-telemetry keys create`."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `sites` None: may see all of them."""

    name: str
    scopes: frozenset[str]
    sites: tuple[str, ...] | None = None

    def check_site(self, site: str | None) -> None:
        """Refuses a filter by a site the caller may not see, whether or not there is one of that name.

        Raises:
            ApiError: 403.
        """
        if site is not None and self.sites is not None and site not in self.sites:
            raise ApiError(ProblemType.FORBIDDEN, f'this key does not allow the site "{site}", only {", ".join(self.sites)}')

    def check_whole(self, what: str) -> None:
        """Refuses what belongs to all sites to a key that is for some.

        Raises:
            ApiError: 403.
        """
        if self.sites is not None:
            allowed = ", ".join(self.sites)
            raise ApiError(ProblemType.FORBIDDEN, f"{what} is of all sites, and this key is for {allowed} only")


ANONYMOUS = Caller("anonymous", frozenset({Scope.READ}))


class Keyring:
    """Checks presented keys against the database and remembers the good ones for a minute."""

    def __init__(self, database: Database, clock: Clock, *, allow_anonymous: bool) -> None:
        self._database = database
        self._clock = clock
        self._allow_anonymous = allow_anonymous
        self._remembered: dict[KeyParts, tuple[float, StoredKey]] = {}

    async def identify(self, key: str | None) -> Caller:
        """Tells who presents this key.

        Raises:
            ApiError: 401, in words: no key, none of ours, expired, revoked.
            TransientError: the database is away and the key is not remembered.
        """
        if key is None:
            if self._allow_anonymous:
                return ANONYMOUS
            raise _refused("send a key as `Authorization: Bearer ems_…`; `ems-telemetry keys create` makes one", code=None)
        presented = take_apart(key)
        if presented is None:
            raise _refused("this is not a key of this service; one reads ems_<id>_<secret>")
        stored = await self._find(presented)
        self._check_holds(stored)
        return Caller(stored.name, frozenset(stored.scopes), None if stored.sites is None else tuple(stored.sites))

    async def _find(self, presented: KeyParts) -> StoredKey:
        now_s = self._clock.monotonic()
        seen_s, stored = self._remembered.get(presented, (0.0, None))
        if stored is not None and now_s - seen_s < REMEMBERED_S:
            return stored
        self._remembered.pop(presented, None)
        found = await find_key(self._database, presented)
        if found is None:
            raise _refused("this key is not known")
        self._remember(presented, found, now_s)
        return found

    def _remember(self, presented: KeyParts, found: StoredKey, now_s: float) -> None:
        if len(self._remembered) >= REMEMBERED_KEYS:
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[presented] = (now_s, found)

    def _check_holds(self, stored: StoredKey) -> None:
        if stored.revoked_at is not None:
            raise _refused(f"the key {stored.id} was revoked on {stored.revoked_at:%Y-%m-%d}")
        if stored.expires_at is not None and stored.expires_at <= self._clock.now():
            raise _refused(f"the key {stored.id} expired on {stored.expires_at:%Y-%m-%d}")


def require(*scopes: Scope) -> Callable[..., Awaitable[Caller]]:
    """Makes the dependency of operations that need one of these scopes."""

    async def identify(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> Caller:
        keyring: Keyring = request.app.state.keyring
        _check_scheme(request, credentials)
        caller = await keyring.identify(credentials.credentials if credentials else None)
        if caller.scopes.isdisjoint(scopes):
            allowed, needed = ", ".join(sorted(caller.scopes)), " or ".join(f'"{scope}"' for scope in scopes)
            raise ApiError(ProblemType.FORBIDDEN, f"this needs a key with the scope {needed}; this one allows {allowed}")
        return caller

    return identify


Reader = Annotated[Caller, Security(require(Scope.READ))]
"""Whoever may read."""
Administrator = Annotated[Caller, Security(require(Scope.ADMIN))]
"""Whoever may change what the service holds, and how it runs."""

Metrologist = Annotated[Caller, Security(require(Scope.METROLOGY, Scope.ADMIN))]
"""Whoever may declare what happened to meters."""


def _check_scheme(request: Request, credentials: HTTPAuthorizationCredentials | None) -> None:
    """A client that meant to identify itself and did it wrong must not pass as anonymous."""
    if credentials is None and "authorization" in request.headers:
        raise _refused("the header Authorization must read `Bearer KEY`")


def _refused(detail: str, code: str | None = "invalid_token") -> ApiError:
    challenge = 'Bearer realm="ems-telemetry"' + (f', error="{code}"' if code else "")
    return ApiError(ProblemType.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})
