"""What the claims of a token come to: whether it holds now and here, who presents it, what they may do, and where."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from ems_telemetry.api.caller import Caller, CallerKind, turned_away
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.config.access import IssuerSettings, TokenSites
from ems_telemetry.model import Scope

LONGEST_SUBJECT: Final = 255
"""OpenID Connect Core 1.0, section 2, `sub`."""
LONGEST_NAME: Final = 200
MOST_SITES: Final = 1_000
EVERY_SITE: Final = "*"
Claims = Mapping[str, Any]


def check_claims(settings: IssuerSettings, claims: Claims, now: datetime) -> None:
    """Checks that a token whose signature is good is for us, and holds now.

    Raises:
        ApiError: 401, in words, which never repeat the token.
    """
    if claims.get("iss") != settings.issuer:
        raise turned_away("this token is of another issuer")
    if settings.audience not in _words(claims.get("aud"), split=False):
        raise turned_away(f'this token is for another audience; its claim aud must hold "{settings.audience}"')
    now_s, leeway_s = now.timestamp(), settings.clock_leeway
    expires_s = _time(claims, "exp")
    if expires_s is None:
        raise turned_away("this token never ends (it has no claim exp), and such are not taken")
    if now_s >= expires_s + leeway_s:
        raise turned_away("this token has expired; get a new one")
    if any(now_s < start - leeway_s for name in ("nbf", "iat") if (start := _time(claims, name)) is not None):
        raise turned_away("this token does not hold yet; is the clock of its issuer or ours wrong?")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise turned_away("this token does not say whose it is (claim sub)")


def caller_of(settings: IssuerSettings, claims: Claims) -> Caller:
    """Tells who presents a token with these claims, checked before.

    Raises:
        ApiError: 403, it is for no site.
    """
    sites = _sites(settings, claims)
    if sites == ():
        where = f"; its claim {settings.sites_claim} names them" if settings.sites_claim else ""
        raise ApiError(ProblemType.FORBIDDEN, f"this token is for no site{where}")
    subject = claims["sub"]
    place = urlsplit(settings.issuer)
    id_ = f"oidc:{place.netloc}{place.path.rstrip('/')}:{subject}"
    return Caller(id_, CallerKind.OIDC, _name(settings, claims) or subject, _scopes(settings, claims), sites)


def find_claim(claims: Claims, path: str) -> object:
    """Finds a claim by its name, or else by a path whose dots lead into what is nested; None where there is none."""
    if path in claims:  # some issuers name their own claims by a URL, which has dots
        found: object = claims[path]
        return found
    found = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _scopes(settings: IssuerSettings, claims: Claims) -> frozenset[str]:
    words = _words(find_claim(claims, settings.scopes_claim))
    if settings.scope_map:
        return frozenset(str(scope) for word in words for scope in settings.scope_map.get(word, ()))
    return frozenset(words) & frozenset(str(scope) for scope in Scope)


def _sites(settings: IssuerSettings, claims: Claims) -> tuple[str, ...] | None:
    claim = None if settings.sites_claim is None else find_claim(claims, settings.sites_claim)
    if claim is None:
        return None if settings.sites is TokenSites.ALL else ()
    named = _words(claim)
    return None if EVERY_SITE in named else tuple(dict.fromkeys(named[:MOST_SITES]))


def _name(settings: IssuerSettings, claims: Claims) -> str | None:
    found = find_claim(claims, settings.name_claim)
    return found[:LONGEST_NAME] if isinstance(found, str) and found.strip() and found.isprintable() else None


def _words(claim: object, *, split: bool = True) -> Sequence[str]:
    """Reads a claim of several words: a list, or one text with blanks between them. Anything else holds none."""
    if isinstance(claim, str):
        return claim.split() if split else [claim]
    return [word for word in claim if isinstance(word, str)] if isinstance(claim, list) else []


def _time(claims: Claims, name: str) -> float | None:
    """Reads a time.

    Raises:
        ApiError: 401, it is none.
    """
    said = claims.get(name)
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise turned_away(f"this token's claim {name} is no time")
    return float(said)
