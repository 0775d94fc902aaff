"""What a server offers to whoever asks, without a session: endpoints with their protection, users and certificate."""

import hashlib
from dataclasses import dataclass

from asyncua import ua
from asyncua.client.client import Client

from ems_telemetry.connectors.opcua.access import SecurityMode, SecurityPolicy
from ems_telemetry.connectors.opcua.errors import in_our_words
from ems_telemetry.connectors.opcua.session import REQUEST_TIMEOUT_S

_USERS = {
    ua.UserTokenType.Anonymous: "anonymous",
    ua.UserTokenType.UserName: "name and password",
    ua.UserTokenType.Certificate: "certificate",
    ua.UserTokenType.IssuedToken: "issued token",
}
_USABLE_USERS = frozenset({"anonymous", "name and password", "certificate"})
_MODES = {
    ua.MessageSecurityMode.None_: SecurityMode.NONE,
    ua.MessageSecurityMode.Sign: SecurityMode.SIGN,
    ua.MessageSecurityMode.SignAndEncrypt: SecurityMode.SIGN_AND_ENCRYPT,
}
_TRANSPORT = "opc.tcp://"


@dataclass(frozen=True, slots=True)
class Offer:
    """One endpoint of a server."""

    url: str
    policy: str
    mode: str
    users: tuple[str, ...]
    fingerprint: str | None
    """SHA-256 of the server's certificate, in hexadecimal digits."""
    server: str
    application_uri: str
    is_usable: bool
    """True where we speak its transport and policy, and know one of its kinds of users."""


async def read_offers(url: str) -> list[Offer]:
    """Asks a server for its endpoints.

    Raises:
        ConnectionLostError: nobody there, or nobody answers.
        EndpointRefusedError: the server knows no such endpoint.
    """
    client = Client(url, timeout=REQUEST_TIMEOUT_S)
    with in_our_words():
        return [_offer(endpoint) for endpoint in await client.connect_and_get_server_endpoints()]


def _offer(endpoint: ua.EndpointDescription) -> Offer:
    policy = str(endpoint.SecurityPolicyUri or "").rpartition("#")[2] or "None"
    mode = _MODES.get(endpoint.SecurityMode)
    users = tuple(dict.fromkeys(_USERS.get(token.TokenType, "?") for token in endpoint.UserIdentityTokens or ()))
    url = str(endpoint.EndpointUrl or "")
    certificate = endpoint.ServerCertificate
    return Offer(
        url=url,
        policy=policy,
        mode="?" if mode is None else mode.value,
        users=users,
        fingerprint=hashlib.sha256(certificate).hexdigest().upper() if certificate else None,
        server=str(endpoint.Server.ApplicationName.Text or ""),
        application_uri=str(endpoint.Server.ApplicationUri or ""),
        is_usable=url.startswith(_TRANSPORT)
        and policy in set(SecurityPolicy)
        and mode is not None
        and (not users or not _USABLE_USERS.isdisjoint(users)),
    )
