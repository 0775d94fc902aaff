"""Posts one delivery: signed, to an address that was looked at first, with bounds on everything the receiver may do.

Redirects are not followed, no proxy is used, and the body of the answer is not read: its status says all that counts.
"""

import asyncio
import hashlib
import hmac
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from ems_telemetry.config.service import WebhookSettings
from ems_telemetry.records.sending.addresses import refusal
from ems_telemetry.storage.outbox import DeliveryRow, Target

WITHIN_S: Final = 20.0
"""From looking up the name to the status of the answer."""
STEP_S: Final = 10.0
"""For connecting, and for each piece of the answer."""
MOST_ADDRESSES: Final = 4


class PostError(Exception):
    """It was not sent, or no answer came; in words."""


class Poster:
    """Posts deliveries over one client, for which `open_poster` makes it."""

    def __init__(self, client: httpx.AsyncClient, settings: WebhookSettings) -> None:
        self._client = client
        self._settings = settings

    async def post(self, delivery: DeliveryRow, target: Target, timestamp: int) -> int:
        """Sends a delivery and gives the status of the answer, whatever it is.

        Args:
            delivery: what.
            target: where to, and what signs it.
            timestamp: seconds since 1970, which are signed too.

        Raises:
            PostError: no answer came.
        """
        body = body_of(delivery)
        headers = headers_of(delivery, target.secret, timestamp, body)
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._post(target.url, headers, body)
        except TimeoutError:
            raise PostError(f"no answer within {WITHIN_S:.0f} s") from None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        host = urlsplit(url).hostname or ""
        problem: httpx.TransportError | None = None
        for address in await self._addresses(url):
            try:
                return await self._post_to(address, host, url, headers, body)
            except httpx.ConnectError as error:
                problem = error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise PostError(_words(error)) from error
        raise PostError(_words(problem)) from problem

    async def _post_to(self, address: str, host: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Posts to an address that was looked at, so that the name cannot lead elsewhere meanwhile."""
        named = httpx.URL(url)
        request = self._client.build_request(
            "POST",
            named.copy_with(host=address),
            content=body,
            headers={**headers, "Host": named.netloc.decode()},
            extensions={"sni_hostname": host},
        )
        answer = await self._client.send(request, stream=True)
        await answer.aclose()
        return answer.status_code

    async def _addresses(self, url: str) -> list[str]:
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise PostError(f"its name is not found: {error}") from error
        allowed, why = [], "has no address"
        for address in dict.fromkeys(str(each[4][0]) for each in found):
            reason = refusal(address, allow_private=self._settings.allow_private, only_loopback=parts.scheme == "http")
            if reason is None:
                allowed.append(address)
            else:
                why = f"its address {address} {reason}"
        if not allowed:
            raise PostError(why)
        return allowed[:MOST_ADDRESSES]


@asynccontextmanager
async def open_poster(settings: WebhookSettings) -> AsyncIterator[Poster]:
    """Opens what posts deliveries.

    Each connection serves one request: one that was opened for a name must never serve another name at the same address.
    """
    context = await asyncio.to_thread(_tls, settings)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(
        verify=context, limits=limits, timeout=STEP_S, follow_redirects=False, trust_env=False
    ) as client:
        yield Poster(client, settings)


def body_of(delivery: DeliveryRow) -> bytes:
    """Writes what is sent: the same bytes in every attempt."""
    content: dict[str, Any] = {
        "delivery": delivery.id,
        "event": delivery.event,
        "occurred_at": delivery.occurred_at,
        "site": delivery.site,
        "seq": delivery.seq,
        "data": delivery.data,
    }
    return msgspec.json.encode(content, order="deterministic")


def headers_of(delivery: DeliveryRow, secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Gives the headers of a delivery, with its signature."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "ems-telemetry",
        "Connection": "close",
        "X-EMS-Event": delivery.event,
        "X-EMS-Delivery": str(delivery.id),
        "X-EMS-Timestamp": str(timestamp),
        "X-EMS-Signature": f"v1={signature_of(secret, timestamp, body)}",
    }


def signature_of(secret: str, timestamp: int, body: bytes) -> str:
    """Computes HMAC-SHA256 of the time, a dot and the body, hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _tls(settings: WebhookSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        context.load_verify_locations(settings.ca_file)
    return context


def _words(error: Exception | None) -> str:
    """Says what went wrong without what the receiver said: that may be what somebody wants to find out."""
    cause: BaseException | None = error
    for _ in range(5):
        if cause is None or isinstance(cause, ssl.SSLError):
            break
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(error, httpx.ConnectError):
        return "it cannot be connected to"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {STEP_S:.0f} s"
    return f"the connection failed: {type(error).__name__}"
