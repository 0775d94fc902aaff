"""Who may ask the API beside our own keys, and how often: issuers of OpenID Connect, limits of requests."""

import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from ems_telemetry.config.base import Model, PlainFile
from ems_telemetry.config.scalars import Duration
from ems_telemetry.model import Scope

MOST_IN_A_WINDOW: Final = 10_000
MOST_LEEWAY_S: Final = 300.0
_RATE = re.compile(r"(\d+)\s*/\s*(second|minute|hour|day)s?")
_RATE_OR_OFF = rf"^(off|{_RATE.pattern})$"


def is_loopback(host: str) -> bool:
    """Tells whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_rate(text: object) -> str | None:
    """Reads how often something may be done, as `600/minute`; None for `off`.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    if text is None or text is False or str(text).strip().lower() == "off":
        return None
    match = _RATE.fullmatch(str(text).strip().lower())
    if match is None or not 1 <= int(match[1]) <= MOST_IN_A_WINDOW:
        message = (
            f'"{text}" is not a limit; write a number from 1 to {MOST_IN_A_WINDOW} and what it counts for, '
            "as 10/second, 600/minute, 5000/hour or 10000/day, or off"
        )
        raise ValueError(message)
    return f"{int(match[1])}/{match[2]}"


Rate: TypeAlias = Annotated[
    str | None,
    BeforeValidator(parse_rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _RATE_OR_OFF, "examples": ["600/minute", "off"]},
                {"const": False},
            ]
        }
    ),
]
"""How often, as `600/minute`; None where it is `off`."""


def check_safe_url(url: str) -> str:
    """Takes https, and http where it stays on this machine: who can change what an issuer says can let anybody in."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        message = f'"{url}" is not protected: whoever sits between could let anybody in; use https'
        raise ValueError(message)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or parts.fragment:
        message = f'"{url}" is not the address of an issuer; write it as https://login.example.org/realms/plant'
        raise ValueError(message)
    return url


def _without_query(url: str) -> str:
    if "?" in url:
        message = f'"{url}" may hold no "?"; an issuer is named as it names itself in its tokens (claim iss)'
        raise ValueError(message)
    return url


SafeUrl: TypeAlias = Annotated[str, AfterValidator(check_safe_url)]
"""A URL whose answers can be believed: https, or http on loopback."""


class Algorithm(StrEnum):
    """How tokens may be signed: with a private key of the issuer's alone. What needs a shared secret is not among them."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"


class TokenSites(StrEnum):
    """What a token may see that says nothing of sites."""

    ALL = "all"
    NONE = "none"


class IssuerSettings(Model):
    """An issuer of OpenID Connect whose tokens are taken."""

    issuer: Annotated[SafeUrl, AfterValidator(_without_query)]
    """As it stands in its tokens (`iss`), to the letter."""
    audience: str = Field(min_length=1)
    """The name of this API at the issuer; it must be in `aud`."""
    scopes_claim: str = Field(default="scope", min_length=1)
    """Where a token says what it may do; dots lead into what is nested: `realm_access.roles`."""
    scope_map: Mapping[str, tuple[Scope, ...]] = {}
    """What each word of the claim allows; one not named here allows nothing. Without it, the words are our scopes."""
    sites_claim: str | None = Field(default=None, min_length=1)
    """Where a token names the sites it is for: a list, or `*` for all."""
    sites: TokenSites = TokenSites.NONE
    """What a token without that claim is for."""
    name_claim: str = Field(default="preferred_username", min_length=1)
    """Where a token says who asks, for people; `sub` if it is not there."""
    algorithms: tuple[Algorithm, ...] = Field(default=(Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA), min_length=1)
    """How its tokens may be signed."""
    ca_file: PlainFile | None = None
    """Certificates (PEM) by which its server is known; those of the system if not said."""
    jwks_uri: SafeUrl | None = None
    """Where its keys are; found at the issuer if not said."""
    clock_leeway: Annotated[Duration, Field(le=MOST_LEEWAY_S)] = 30.0
    """How far its clock and ours may be apart."""
