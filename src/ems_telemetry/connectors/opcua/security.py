"""Protects the channel of a session and proves who we are, as the connector file says."""

import socket
from pathlib import Path

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies, uacrypto
from asyncua.crypto.security_policies import SecurityPolicy as AsyncuaPolicy
from cryptography import x509

from ems_telemetry.connectors.opcua.access import OpcUaUser, Security, SecurityPolicy
from ems_telemetry.errors import EndpointRefusedError

_POLICIES: dict[SecurityPolicy, type[AsyncuaPolicy]] = {
    SecurityPolicy.BASIC256SHA256: security_policies.SecurityPolicyBasic256Sha256,
    SecurityPolicy.AES128_SHA256_RSAOAEP: security_policies.SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicy.AES256_SHA256_RSAPSS: security_policies.SecurityPolicyAes256Sha256RsaPss,
}


async def protect(client: Client, security: Security, pki_directory: Path) -> None:
    """Makes a client ready to open the channel the file asks for; asks the server for its certificate if need be.

    Raises:
        EndpointRefusedError: a certificate cannot be used, or the server's is not trusted.
    """
    del pki_directory
    client.application_uri = f"urn:{socket.gethostname()}:ems-telemetry"
    if not security.protects or security.certificate is None or security.key is None:
        return
    certificate = _read_pem_or_der(security.certificate)
    loaded = await uacrypto.load_certificate(certificate.path_or_content, certificate.extension)
    client.application_uri = application_uri_of(loaded) or client.application_uri
    await client.set_security(
        _POLICIES[security.policy],
        certificate=certificate,
        private_key=_read_pem_or_der(security.key),
        server_certificate=_read_pem_or_der(security.server_certificate) if security.server_certificate else None,
        mode=ua.MessageSecurityMode[security.mode.value],
    )


def application_uri_of(certificate: x509.Certificate) -> str | None:
    """Finds the application URI a certificate is made for; servers refuse a session that names another one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)


def read_user(user: OpcUaUser | None) -> tuple[str | None, str | None]:
    """Gives name and password, both None for an anonymous user.

    Raises:
        EndpointRefusedError: the password cannot be read.
    """
    if user is None:
        return None, None
    try:
        password = user.read_password()
    except OSError as error:
        raise EndpointRefusedError(f'the password file "{user.password_file}" cannot be read: {error.strerror}') from error
    return user.name, None if password is None else password.get_secret_value()


def _read_pem_or_der(path: Path) -> uacrypto.CertProperties:
    content = path.read_bytes()
    return uacrypto.CertProperties(content, "pem" if content.lstrip().startswith(b"-----BEGIN") else "der")
