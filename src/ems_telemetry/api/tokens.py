"""Bearer tokens of issuers of OpenID Connect: JSON Web Tokens, signed with a key of an issuer that the configuration names.

Nothing of a token is believed before its signature is checked, but for who is to have made it. No refusal repeats a token, and
nothing of it is logged.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key

from ems_telemetry.api.caller import Caller, turned_away
from ems_telemetry.api.issuer_keys import IssuerKeys
from ems_telemetry.api.token_claims import caller_of, check_claims
from ems_telemetry.clock import Clock
from ems_telemetry.config.access import Algorithm, IssuerSettings

MOST_BYTES: Final = 16 * 1024
LONGEST_KID: Final = 512
TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""What a token may call itself: RFC 7519, section 5.1, and RFC 9068, section 2.1."""
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")
_DOTS = 2
_UNREADABLE: Final = "this token cannot be read"


def looks_like_token(presented: str) -> bool:
    """Tells a token from a key: it has three parts with dots between them."""
    return presented.count(".") == _DOTS


class Tokens:
    """Checks the tokens of some issuers. Building it does no I/O."""

    def __init__(self, issuers: Sequence[IssuerSettings], clock: Clock) -> None:
        self._clock = clock
        self._issuers = {one.issuer: (one, IssuerKeys(one, clock)) for one in issuers}

    async def identify(self, token: str) -> Caller:
        """Tells who presents this token.

        Raises:
            ApiError: 401, in words; 403, it is for no site; 503, its issuer's keys cannot be had.
        """
        if not self._issuers:
            message = "tokens are not taken here; name their issuer in api.oidc, or send a key as `Authorization: Bearer ems_…`"
            raise turned_away(message)
        head, claims = _take_apart(token)
        found = self._issuers.get(str(claims.get("iss")))
        if found is None:
            raise turned_away(f"this token is of another issuer; taken are those of {', '.join(self._issuers)}")
        settings, keys = found
        algorithm, kid = _check_head(head, settings.algorithms)
        fitting = await keys.find(kid, algorithm)
        if not fitting:
            raise turned_away("this token is signed with a key that its issuer does not name")
        if not any(_is_signed(token, key, algorithm) for key in fitting):
            raise turned_away("the signature of this token is not right")
        check_claims(settings, claims, self._clock.now())
        return caller_of(settings, claims)


class _Registry(jws.JWSRegistry):
    """The one algorithm that is allowed; `EdDSA` is taken without a warning of its name, which RFC 9864 replaces."""

    max_header_length = MOST_BYTES

    def __init__(self, algorithm: Algorithm) -> None:
        # Parameters that a head may hold beside those registered are to be passed over (RFC 7515, section 4).
        super().__init__(algorithms=[algorithm], strict_check_header=False)

    def get_alg(self, name: str) -> JWSAlgModel:
        return self.algorithms[name] if self.allowed and name in self.allowed else super().get_alg(name)


def _is_signed(token: str, key: Key, algorithm: Algorithm) -> bool:
    try:
        jws.deserialize_compact(token, key, registry=_Registry(algorithm))
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _take_apart(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Gives the head and the claims of a token, of which nothing is proved yet.

    Raises:
        ApiError: 401, it is too long, or is none.
    """
    if len(token) > MOST_BYTES:
        raise turned_away(f"this token is longer than {MOST_BYTES} bytes")
    match = _FORM.fullmatch(token)
    if match is None:
        raise turned_away(_UNREADABLE)
    return _decode(match[1]), _decode(match[2])


def _decode(part: str) -> Mapping[str, Any]:
    try:
        said: dict[str, Any] = msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, Any])
    except (ValueError, RecursionError):
        raise turned_away(_UNREADABLE) from None  # the reason would repeat a part of the token
    return said


def _check_head(head: Mapping[str, Any], allowed: Sequence[Algorithm]) -> tuple[Algorithm, str | None]:
    """Checks what a token says of itself; gives how it is signed, and by which key.

    Raises:
        ApiError: 401.
    """
    if "crit" in head or "b64" in head:
        raise turned_away("this token asks for extensions (crit), and such are not taken")
    algorithm = next((one for one in allowed if one == head.get("alg")), None)
    if algorithm is None:
        raise turned_away(f"this token is not signed in a way that is taken; taken are {', '.join(allowed)}")
    type_, kid = head.get("typ", "JWT"), head.get("kid")
    if not isinstance(type_, str) or type_.lower() not in TYPES:
        raise turned_away("this token is of another type; taken are JWT and at+jwt")
    if kid is not None and (not isinstance(kid, str) or len(kid) > LONGEST_KID):
        raise turned_away(_UNREADABLE)
    return algorithm, kid
