"""Who asks, whether by a key of ours, a token of an issuer or without either, and how a request is turned away at the door."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.model import Scope
from ems_telemetry.storage.audit import Actor


class CallerKind(StrEnum):
    """By what a caller is known."""

    KEY = "key"
    OIDC = "oidc"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `id` is one caller's alone and stays the same, `name` is for people. `sites` None: may see all of them."""

    id: str
    kind: CallerKind
    name: str
    scopes: frozenset[str]
    sites: tuple[str, ...] | None = None
    client: str | None = None
    """The address that the request came from; behind a proxy, that of the proxy."""

    @property
    def actor(self) -> Actor:
        """Who asks, as the audit trail names them."""
        return Actor(self.id, self.name, self.client)

    @property
    def credential(self) -> str:
        """By what it is known, in a word for messages."""
        return "token" if self.kind is CallerKind.OIDC else "key"

    @property
    def label(self) -> str:
        """Who it is, for logs and for people: a key by its name, somebody with a token by name and `id`."""
        match self.kind:
            case CallerKind.KEY:
                return f"key {self.name}"
            case CallerKind.OIDC:
                return f"{self.name} ({self.id})"
            case CallerKind.ANONYMOUS:
                return self.name

    def check_site(self, site: str | None) -> None:
        """Refuses a filter by a site the caller may not see, whether or not there is one of that name.

        Raises:
            ApiError: 403.
        """
        if site is not None and self.sites is not None and site not in self.sites:
            message = f'this {self.credential} does not allow the site "{site}", only {", ".join(self.sites)}'
            raise ApiError(ProblemType.FORBIDDEN, message)

    def check_whole(self, what: str) -> None:
        """Refuses what belongs to all sites to a key that is for some.

        Raises:
            ApiError: 403.
        """
        if self.sites is not None:
            allowed = ", ".join(self.sites)
            raise ApiError(ProblemType.FORBIDDEN, f"{what} is of all sites, and this {self.credential} is for {allowed} only")


ANONYMOUS: Final = Caller("anonymous", CallerKind.ANONYMOUS, "anonymous", frozenset({Scope.READ}))


def turned_away(detail: str, code: str | None = "invalid_token") -> ApiError:
    """Makes the problem of a request without a key or token that holds; `code` is that of RFC 6750, None if none was sent."""
    challenge = 'Bearer realm="ems-telemetry"' + (f', error="{code}"' if code else "")
    return ApiError(ProblemType.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})
