"""The public keys of an issuer of OpenID Connect: found by its discovery document, fetched when due, kept while it is away.

They are asked for anew once an hour, and when a token names a key that is not among them, but then at most once a minute. While
the issuer does not answer, the keys that it gave last are good for a day.
"""

import asyncio
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.clock import Clock
from ems_telemetry.config.access import Algorithm, IssuerSettings, check_safe_url
from ems_telemetry.observe import get_logger

RENEWED_AFTER_S: Final = 3_600.0
UNKNOWN_AGAIN_S: Final = 60.0
AWAY_AGAIN_S: Final = 10.0
"""How soon it is asked again where no key is held at all."""
KEPT_S: Final = 86_400.0
FETCH_WITHIN_S: Final = 5.0
MOST_BYTES: Final = 256 * 1024
MOST_KEYS: Final = 50
LEAST_RSA_BITS: Final = 2_048
"""NIST SP 800-131A Rev. 2, section 3: shorter ones are not allowed for signatures."""
_SUFFIX: Final = "/.well-known/openid-configuration"
_KINDS: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_CURVES: Mapping[Algorithm, str] = {
    Algorithm.ES256: "P-256",
    Algorithm.ES384: "P-384",
    Algorithm.ES512: "P-521",
    Algorithm.EDDSA: "Ed25519",
}

_log = get_logger("ems_telemetry.api")


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Sequence[Key]
    since_s: float


class _UnusableError(Exception):
    """The issuer answers, and what it says will not do."""


class IssuerKeys:
    """The keys of one issuer. Building it does no I/O."""

    def __init__(self, settings: IssuerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._held: _Held | None = None
        self._asked_s: float | None = None
        self._asking = asyncio.Lock()
        self._failure = ""

    async def find(self, kid: str | None, algorithm: Algorithm) -> Sequence[Key]:
        """Gives the keys by which a token may be signed.

        Args:
            kid: the name of the key in the head of the token; None for any key.
            algorithm: how the token is signed; keys of another kind are left out.

        Raises:
            ApiError: 503, none are held and the issuer does not give any.
        """
        found = self._fitting(kid, algorithm)
        # Who finds a key does not wait for others to be fetched, but for whoever fetches them.
        if self._is_due(unknown=not found) and not (found and self._asking.locked()):
            async with self._asking:
                if self._is_due(unknown=not self._fitting(kid, algorithm)):
                    await self._ask()
            found = self._fitting(kid, algorithm)
        if self._keys() is None:
            detail = (
                f"the keys of the issuer {self._settings.issuer} cannot be had now; a key of this service works all the same"
            )
            raise ApiError(ProblemType.ISSUER_UNAVAILABLE, detail, headers={"Retry-After": f"{AWAY_AGAIN_S:.0f}"})
        return found

    def _keys(self) -> _Held | None:
        held = self._held
        return held if held is not None and self._clock.monotonic() - held.since_s < KEPT_S else None

    def _fitting(self, kid: str | None, algorithm: Algorithm) -> Sequence[Key]:
        held = self._keys()
        return [
            key
            for key in (held.keys if held else ())
            if kid in {None, key.get("kid")} and key.get("alg") in {None, algorithm} and _fits(key, algorithm)
        ]

    def _is_due(self, *, unknown: bool) -> bool:
        now_s, held = self._clock.monotonic(), self._keys()
        pause_s = AWAY_AGAIN_S if held is None else UNKNOWN_AGAIN_S
        if self._asked_s is not None and now_s - self._asked_s < pause_s:
            return False
        return unknown or held is None or now_s - held.since_s >= RENEWED_AFTER_S

    async def _ask(self) -> None:
        self._asked_s = self._clock.monotonic()
        try:
            async with asyncio.timeout(FETCH_WITHIN_S):
                keys = await self._fetch()
        except TimeoutError:
            self._tell(f"it did not answer within {FETCH_WITHIN_S:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, _UnusableError) as error:
            self._tell(str(error) or type(error).__name__)
        else:
            self._held = _Held(keys, self._clock.monotonic())
            self._tell("")

    async def _fetch(self) -> Sequence[Key]:
        trusted = await asyncio.to_thread(ssl.create_default_context, cafile=self._settings.ca_file)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with httpx.AsyncClient(verify=trusted, timeout=FETCH_WITHIN_S, headers=headers) as client:
            uri = self._settings.jwks_uri or await self._discover(client)
            return _read_keys(await _get(client, uri))

    async def _discover(self, client: httpx.AsyncClient) -> str:
        said = await _get(client, self._settings.issuer.rstrip("/") + _SUFFIX)
        if said.get("issuer") != self._settings.issuer:
            raise _UnusableError("its discovery document is that of another issuer")
        try:
            return check_safe_url(str(said.get("jwks_uri", "")))
        except ValueError as error:
            message = f"its discovery document names no place of its keys that can be believed: {error}"
            raise _UnusableError(message) from error

    def _tell(self, failure: str) -> None:
        """Logs a change: away, away for another reason, back."""
        if failure == self._failure:
            return
        if failure:
            _log.warning(
                "the keys of an issuer cannot be had",
                event_code="oidc_issuer_away",
                issuer=self._settings.issuer,
                reason=failure,
                held=self._keys() is not None,
            )
        else:
            _log.info("the keys of an issuer are here again", event_code="oidc_issuer_back", issuer=self._settings.issuer)
        self._failure = failure


async def _get(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    body = bytearray()
    async with client.stream("GET", url) as answer:
        if answer.status_code != httpx.codes.OK:
            message = f"{url} answers with {answer.status_code}"
            raise _UnusableError(message)
        if answer.headers.get("content-encoding", "identity") != "identity":
            # A small answer could be unpacked to one without end.
            message = f"{url} answers compressed, which was not asked for"
            raise _UnusableError(message)
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > MOST_BYTES:
                message = f"{url} answers with more than {MOST_BYTES} bytes"
                raise _UnusableError(message)
    try:
        said: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        message = f"{url} answers with something else than a JSON object"
        raise _UnusableError(message) from error
    return said


def _read_keys(said: Mapping[str, Any]) -> Sequence[Key]:
    """Takes those that can prove a signature; others, as for encryption or of kinds to come, are passed over."""
    written = said.get("keys")
    if not isinstance(written, list):
        raise _UnusableError("its keys are no list")
    read = [key for one in written[:MOST_KEYS] if (key := _read_key(one)) is not None]
    if not read:
        raise _UnusableError("there is no key in its list by which a signature could be checked")
    return read


def _read_key(written: object) -> Key | None:
    if not isinstance(written, dict) or written.get("use", "sig") != "sig" or not isinstance(written.get("kid", ""), str):
        return None
    operations = written.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    kind = _KINDS.get(str(written.get("kty")))
    try:
        if kind is None or (kind is RSAKey and _bits(written["n"]) < LEAST_RSA_BITS):
            return None
        return kind.import_key(written)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()


def _fits(key: Key, algorithm: Algorithm) -> bool:
    curve = _CURVES.get(algorithm)
    if curve is None:
        return isinstance(key, RSAKey)
    return isinstance(key, OKPKey if algorithm is Algorithm.EDDSA else ECKey) and key.get("crv") == curve
