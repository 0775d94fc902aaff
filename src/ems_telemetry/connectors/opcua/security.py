"""Protects the channel of a session: our certificate shown, the server's judged before anything is sent to it.

Whatever the server returns as its addresses, we go on with the one in the file: servers name themselves by names that are
known to themselves alone.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.crypto import security_policies
from asyncua.crypto.security_policies import SecurityPolicy as AsyncuaPolicy
from cryptography import x509

from ems_telemetry.connectors.opcua.access import Security, SecurityMode, SecurityPolicy
from ems_telemetry.connectors.opcua.certificates import CertificateError, facts_of, read_certificates
from ems_telemetry.connectors.opcua.errors import CertificateRefusedError
from ems_telemetry.connectors.opcua.own_certificate import OwnCertificate, OwnFolder, read_one, read_pair, wish_for_this_machine
from ems_telemetry.connectors.opcua.trust import Shown, end_of_validity, judge
from ems_telemetry.connectors.opcua.trust_folder import TrustFolder
from ems_telemetry.connectors.opcua.users import (
    SessionClient,
    User,
    activate,
    choose_token_policy,
    encrypts_for_the_server,
    sends_clear_text,
)
from ems_telemetry.errors import EndpointRefusedError

_POLICIES: dict[SecurityPolicy, type[AsyncuaPolicy]] = {
    SecurityPolicy.NONE: security_policies.SecurityPolicyNone,
    SecurityPolicy.BASIC256SHA256: security_policies.SecurityPolicyBasic256Sha256,
    SecurityPolicy.AES128_SHA256_RSAOAEP: security_policies.SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicy.AES256_SHA256_RSAPSS: security_policies.SecurityPolicyAes256Sha256RsaPss,
}
_MODES: dict[SecurityMode, ua.MessageSecurityMode] = {
    SecurityMode.NONE: ua.MessageSecurityMode.None_,
    SecurityMode.SIGN: ua.MessageSecurityMode.Sign,
    SecurityMode.SIGN_AND_ENCRYPT: ua.MessageSecurityMode.SignAndEncrypt,
}
_OTHER_SERVER = (
    "what the server says of itself through the protected channel is not what was said before it was protected; "
    "somebody may stand between"
)
_CLEAR_TEXT = (
    "the password was not sent: neither the channel nor the server's own rule encrypts it. Set security: with the mode "
    "SignAndEncrypt, or, where the network is yours alone, allow_clear_text: true under user:"
)


@dataclass(frozen=True, slots=True)
class Trusted:
    """A server that was judged and found right."""

    certificate: x509.Certificate
    application_uri: str | None
    notes: tuple[str, ...]


class Guard:
    """Protects one session as its file says. Each method is for its moment: `prepare`, channel and session, then `enter`."""

    def __init__(self, client: SessionClient, endpoint: str, security: Security, pki_directory: Path) -> None:
        self._client = client
        self._endpoint = endpoint
        self._security = security
        self._own_folder = OwnFolder(pki_directory)
        self._trust_folder = TrustFolder(pki_directory)
        self._own: OwnCertificate | None = None
        self._server: Trusted | None = None

    async def prepare(self, now: datetime) -> None:
        """Makes the client ready to open the channel: finds out what the server shows, and decides whether to believe it.

        Raises:
            CertificateError: our own certificate cannot be used.
            EndpointRefusedError: the server is not trusted, or does not offer what the file asks for.
            Exception: asyncua's, in its words.
        """
        if not self._security.protects:
            self._client.application_uri = wish_for_this_machine().uri
            return
        self._own = own = await asyncio.to_thread(self._read_own, now)
        self._client.application_uri = own.facts.uri or wish_for_this_machine().uri
        endpoints = await self._client.connect_and_get_server_endpoints()
        offered = _matching(endpoints, self._security, self._endpoint)
        if not offered:
            wanted, others = f"{self._security.policy} with {self._security.mode}", _listed(endpoints)
            raise EndpointRefusedError(f"the server does not offer {wanted}; check security: (it offers: {others})")
        self._server = await asyncio.to_thread(self._judge, offered[0].ServerCertificate, offered[0].Server, now)
        protection = _POLICIES[self._security.policy](
            self._server.certificate, own.certificate, own.key, _mode(self._security), host_cert_chain=list(own.issuers)
        )
        self._client.security_policy = protection  # type: ignore[assignment]  # asyncua tells the class of its default
        self._client.uaclient.set_security(protection)

    async def enter(self, created: ua.CreateSessionResult, user: User, now: datetime) -> None:
        """Checks that the session is the server's we judged, and proves who we are.

        Raises:
            EndpointRefusedError: the server is another one, refuses the user, or would get the password unprotected.
            ConnectionLostError: the session is lost.
        """
        endpoints = _matching(created.ServerEndpoints, self._security, self._endpoint)
        if not endpoints:
            raise EndpointRefusedError(_OTHER_SERVER)
        if self._server is not None:
            _agree(self._server, endpoints[0])
        policy = choose_token_policy(user, endpoints[0].UserIdentityTokens, _POLICIES[self._security.policy].URI)
        if sends_clear_text(user, policy, _mode(self._security)):
            raise EndpointRefusedError(_CLEAR_TEXT)
        if self._server is None and encrypts_for_the_server(user, policy):
            await asyncio.to_thread(self._judge, created.ServerCertificate, endpoints[0].Server, now)
        await activate(self._client, user, policy)

    @contextmanager
    def naming_our_certificate(self) -> Iterator[None]:
        """Tells which certificate it is that the server finds fault with, and where it stands."""
        try:
            yield
        except CertificateRefusedError as error:
            raise EndpointRefusedError(f"{error}; {self._ours()}") from error

    def warnings(self, now: datetime) -> list[str]:
        """Tells what somebody should see to before it ends the link, in words that stay the same from day to day."""
        found: list[str | None] = []
        if self._own is not None:
            found.append(end_of_validity(f"our certificate {self._own.path}", self._own.certificate, now))
        if self._server is not None:
            found.append(end_of_validity("the server's certificate", self._server.certificate, now))
            found += [f"the server's certificate: {note}" for note in self._server.notes]
        return [warning for warning in found if warning is not None]

    def _read_own(self, now: datetime) -> OwnCertificate:
        if self._security.certificate is not None and self._security.key is not None:
            return read_pair(self._security.certificate, self._security.key)
        return self._own_folder.provide(now)

    def _judge(self, der: bytes | None, description: ua.ApplicationDescription, now: datetime) -> Trusted:
        certificate, *issuers = _read_shown(der)
        pin = self._security.server_certificate
        shown = Shown(certificate, tuple(issuers), description.ApplicationUri, urlsplit(self._endpoint).hostname or "")
        verdict = judge(shown, self._trust_folder.trust_list(), None if pin is None else read_one(pin), now)
        if verdict.trusted:
            return Trusted(certificate, description.ApplicationUri, verdict.notes)
        remedy = self._remedy(certificate) if verdict.acceptable else ""
        reasons = "; ".join(verdict.refusals)
        raise EndpointRefusedError(f"the server's certificate {facts_of(certificate)} is refused: {reasons}{remedy}")

    def _remedy(self, certificate: x509.Certificate) -> str:
        try:
            self._trust_folder.reject(certificate)
        except CertificateError as error:
            return f"; it could not be kept to be accepted: {error}"
        command = f"ems-telemetry opcua trust accept {facts_of(certificate).fingerprint}"
        return f"; compare the fingerprint with the one the server shows, then run: {command}"

    def _ours(self) -> str:
        if self._own is None:
            return "none was shown, since the file does not ask for protection; check security:"
        ours = f"ours is {self._own.facts}, at {self._own.path}"
        if self._own.path != self._own_folder.certificate_path:
            return ours
        return f"{ours}; `ems-telemetry opcua certificate export FILE` copies it"


def _mode(security: Security) -> ua.MessageSecurityMode:
    return _MODES[security.mode]


def _matching(endpoints: Iterable[ua.EndpointDescription], security: Security, url: str) -> list[ua.EndpointDescription]:
    """Finds the endpoints with the file's policy and mode; first those under the path of the file's URL."""
    wanted = (_POLICIES[security.policy].URI, _mode(security))
    found = [
        endpoint
        for endpoint in endpoints
        if str(endpoint.EndpointUrl).startswith("opc.tcp:") and (endpoint.SecurityPolicyUri, endpoint.SecurityMode) == wanted
    ]
    return sorted(found, key=lambda endpoint: _path(str(endpoint.EndpointUrl)) != _path(url))


def _read_shown(der: bytes | None) -> list[x509.Certificate]:
    if not der:
        raise EndpointRefusedError("the server shows no certificate; nothing can be encrypted for it")
    try:
        return read_certificates(der)
    except CertificateError as error:
        raise EndpointRefusedError(f"what the server shows as its certificate cannot be read: {error}") from error


def _listed(endpoints: Iterable[ua.EndpointDescription]) -> str:
    """Tells what a server offers, in the words of the file."""
    found = {
        f"{str(endpoint.SecurityPolicyUri).rpartition('#')[2]} with {endpoint.SecurityMode.name.rstrip('_')}"
        for endpoint in endpoints
        if str(endpoint.EndpointUrl).startswith("opc.tcp:")
    }
    return ", ".join(sorted(found)) or "nothing"


def _path(url: str) -> str:
    return url.partition("://")[2].partition("/")[2].strip("/")


def _agree(server: Trusted, endpoint: ua.EndpointDescription) -> None:
    """Compares what was said before the channel was protected with what is said through it."""
    said_uri, said_certificate = endpoint.Server.ApplicationUri, endpoint.ServerCertificate
    other_uri = bool(said_uri) and said_uri != server.application_uri
    other_certificate = bool(said_certificate) and _read_shown(said_certificate)[0] != server.certificate
    if other_uri or other_certificate:
        raise EndpointRefusedError(_OTHER_SERVER)
