"""Who we are to a server: nobody in particular, a name with its password, or a certificate; and what is never sent in clear."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from asyncua.ua.uaerrors import UaStatusCodeError
from pydantic import SecretStr

from ems_telemetry.connectors.opcua.access import OpcUaUser
from ems_telemetry.connectors.opcua.errors import in_our_words, status_name
from ems_telemetry.connectors.opcua.own_certificate import OwnCertificate, read_pair
from ems_telemetry.errors import EndpointRefusedError

_NONE = security_policies.SecurityPolicyNone.URI
_BEST_FIRST: Sequence[str] = (
    security_policies.SecurityPolicyAes256Sha256RsaPss.URI,
    security_policies.SecurityPolicyAes128Sha256RsaOaep.URI,
    security_policies.SecurityPolicyBasic256Sha256.URI,
    security_policies.SecurityPolicyBasic256.URI,
    security_policies.SecurityPolicyBasic128Rsa15.URI,
    _NONE,
)
"""How a password may be encrypted and a user's key may sign. The old ones are better than clear text, for old servers."""
_WORDS = {
    ua.UserTokenType.Anonymous: "anonymous",
    ua.UserTokenType.UserName: "a name and a password",
    ua.UserTokenType.Certificate: "a certificate",
    ua.UserTokenType.IssuedToken: "a token of a login service",
}


@dataclass(frozen=True, slots=True)
class NamedUser:
    """A name, and its password if it has one."""

    name: str
    password: SecretStr | None
    allow_clear_text: bool


User: TypeAlias = NamedUser | OwnCertificate | None
"""Who we are; None for an anonymous user."""


class SessionClient(Client):
    """asyncua's client, which takes the user token policy we chose in the place of the first one the server names."""

    token_policy: ua.UserTokenPolicy | None = None

    def server_policy(self, token_type: ua.UserTokenType) -> ua.UserTokenPolicy:
        """Tells by which rule of the server the user is proved."""
        chosen = self.token_policy
        return chosen if chosen is not None and chosen.TokenType == token_type else super().server_policy(token_type)


def read_user(user: OpcUaUser | None) -> User:
    """Reads what proves who we are.

    Raises:
        EndpointRefusedError: the password cannot be read.
        CertificateError: the certificate or its key cannot be used.
    """
    if user is None:
        return None
    if user.certificate is not None and user.key is not None:
        return read_pair(user.certificate, user.key)
    try:
        password = user.read_password()
    except (OSError, UnicodeDecodeError) as error:
        raise EndpointRefusedError(f'the password file "{user.password_file}" cannot be read') from error
    return NamedUser(user.name or "", password, user.allow_clear_text)


def choose_token_policy(user: User, offered: Sequence[ua.UserTokenPolicy], channel: str) -> ua.UserTokenPolicy:
    """Chooses the best of the server's rules by which the user can be proved.

    Args:
        user: who we are.
        offered: the server's rules.
        channel: the URI of the channel's security policy, which holds for every rule that names none.

    Returns:
        The rule, with its security policy filled in; a guess where the server names no rules at all.

    Raises:
        EndpointRefusedError: it has none for such a user, or none we know.
    """
    kind = _kind_of(user)
    if not offered:
        return ua.UserTokenPolicy(TokenType=kind, SecurityPolicyUri=channel)
    fitting = [_filled_in(policy, channel) for policy in offered if policy.TokenType == kind]
    known = [policy for policy in fitting if policy.SecurityPolicyUri in _BEST_FIRST or kind == ua.UserTokenType.Anonymous]
    if known:
        return min(known, key=lambda policy: _rank(policy.SecurityPolicyUri))
    if fitting:
        raise EndpointRefusedError(f"the server asks for a way of proving the user that is not known here: {_listed(fitting)}")
    allowed = ", ".join(sorted({_WORDS[policy.TokenType] for policy in offered})) or "nothing"
    raise EndpointRefusedError(f"the server does not let in {_WORDS[kind]} here; check user: (it takes: {allowed})")


def sends_clear_text(user: User, policy: ua.UserTokenPolicy, mode: ua.MessageSecurityMode) -> bool:
    """Tells whether a password would travel readable for everybody on the way, although nobody allowed that."""
    if not isinstance(user, NamedUser) or user.password is None or user.allow_clear_text:
        return False
    return bool(policy.SecurityPolicyUri == _NONE and mode != ua.MessageSecurityMode.SignAndEncrypt)


def encrypts_for_the_server(user: User, policy: ua.UserTokenPolicy) -> bool:
    """Tells whether a password is encrypted with the key of the server's certificate, which must then be the right one."""
    if not isinstance(user, NamedUser) or user.password is None or user.allow_clear_text:
        return False
    return bool(policy.SecurityPolicyUri != _NONE)


async def activate(client: SessionClient, user: User, policy: ua.UserTokenPolicy) -> None:
    """Proves to the server who we are, by the rule chosen; the session then works.

    Raises:
        EndpointRefusedError: the server refuses the user.
        ConnectionLostError: the session is lost.
    """
    client.token_policy = policy
    with in_our_words():
        if isinstance(user, NamedUser):
            password = None if user.password is None else user.password.get_secret_value()
            await client.activate_session(username=user.name, password=password)
        elif user is None:
            await client.activate_session()
        else:
            await _activate_with_certificate(client, user, policy)


async def _activate_with_certificate(client: SessionClient, user: OwnCertificate, policy: ua.UserTokenPolicy) -> None:
    if policy.SecurityPolicyUri == _NONE:
        raise EndpointRefusedError(
            "the server asks for no proof that the user's key is ours, so that anybody could use the certificate; "
            "protect the channel with security:"
        )
    client.user_private_key = user.key
    client.user_certificate_chain = list(user.issuers)
    try:
        with in_our_words():
            await client.activate_session(certificate=user.certificate)
    except EndpointRefusedError as error:
        raise EndpointRefusedError(
            f"the server does not let in the user with the certificate {user.facts} ({_status_behind(error)}); "
            "have its administrator move it from the rejected to the trusted users"
        ) from error


def _status_behind(error: EndpointRefusedError) -> str:
    cause = error.__cause__
    return status_name(int(cause.code)) if isinstance(cause, UaStatusCodeError) else str(error)


def _kind_of(user: User) -> ua.UserTokenType:
    if user is None:
        return ua.UserTokenType.Anonymous
    return ua.UserTokenType.UserName if isinstance(user, NamedUser) else ua.UserTokenType.Certificate


def _filled_in(policy: ua.UserTokenPolicy, channel: str) -> ua.UserTokenPolicy:
    return policy if policy.SecurityPolicyUri else replace(policy, SecurityPolicyUri=channel)


def _rank(uri: str | None) -> int:
    return _BEST_FIRST.index(uri) if uri in _BEST_FIRST else len(_BEST_FIRST)


def _listed(policies: Iterable[ua.UserTokenPolicy]) -> str:
    return ", ".join(sorted({str(policy.SecurityPolicyUri).rpartition("#")[2] for policy in policies}))
