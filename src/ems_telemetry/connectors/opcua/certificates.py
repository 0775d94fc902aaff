"""X.509 certificates as OPC UA uses them: read, made, and told in words. Pure: no file is touched here."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ems_telemetry.errors import PermanentError

KEY_BITS = 2048
VALID_FOR = timedelta(days=5 * 365)
VALID_BEFORE_NOW = timedelta(days=1)
"""A PLC whose clock is a little behind would find a certificate made just now not yet valid."""
WARN_BEFORE_END = timedelta(days=30)
LONGEST_COMMON_NAME = 64
_PEM = b"-----BEGIN"
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)


class CertificateError(PermanentError):
    """A certificate, a key, or the folder they lie in cannot be used."""


@dataclass(frozen=True, slots=True)
class CertificateWish:
    """What a certificate of ours is to say."""

    uri: str
    """The application URI; the session must name the same one."""
    hosts: tuple[str, ...]
    """Names and IP addresses of this machine."""
    organization: str | None = None
    valid_for: timedelta = VALID_FOR


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What people and scripts want to know of a certificate."""

    subject: str
    uri: str | None
    hosts: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    thumbprint: str
    """SHA-1, as OPC UA tools show it: 40 hexadecimal digits."""
    fingerprint: str
    """SHA-256: 64 hexadecimal digits."""

    def __str__(self) -> str:
        return f'"{self.subject}", SHA-256 {self.fingerprint} (thumbprint {self.thumbprint})'


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """Tells the facts of a certificate."""
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        uri=application_uri_of(certificate),
        hosts=hosts_of(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303  the name OPC UA gives it, no protection
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex().upper(),
    )


def application_uri_of(certificate: x509.Certificate) -> str | None:
    """Finds the application URI a certificate is made for; servers refuse a session that names another one."""
    names = _alternative_names(certificate)
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None) if names else None


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Finds the host names and addresses a certificate is made for."""
    names = _alternative_names(certificate)
    if names is None:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    return extension_of(certificate, x509.SubjectAlternativeName)


def extension_of(certificate: x509.Certificate, kind: type[ExtensionT]) -> ExtensionT | None:
    """Finds an extension of a certificate; None if it is not there, or none of the extensions can be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return None


def organization_of(certificate: x509.Certificate) -> str | None:
    """Finds the organization a certificate names."""
    found = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else None


def is_authority(certificate: x509.Certificate) -> bool:
    """Tells whether a certificate may issue others."""
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def as_der(certificate: x509.Certificate) -> bytes:
    """Gives a certificate as it travels and is kept."""
    return certificate.public_bytes(Encoding.DER)


def as_pem(certificate: x509.Certificate) -> bytes:
    """Gives a certificate as text."""
    return certificate.public_bytes(Encoding.PEM)


def read_certificates(content: bytes) -> list[x509.Certificate]:
    """Reads a certificate and those of its issuers behind it, PEM or DER, as files hold them and servers send them.

    Raises:
        CertificateError: it is none.
    """
    try:
        if content.lstrip().startswith(_PEM):
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(piece) for piece in _der_pieces(content)]
    except _UNREADABLE as error:
        raise CertificateError(f"this is no certificate: {error}") from error


def _der_pieces(content: bytes) -> list[bytes]:
    """Cuts certificates that stand one behind the other; at least one piece, so that nothing at all is refused as well."""
    pieces: list[bytes] = []
    rest = content
    while rest or not pieces:
        length = _der_length(rest)
        pieces.append(rest[:length])
        rest = rest[length:]
    return pieces


def _der_length(content: bytes) -> int:
    """Tells how long the first ASN.1 value is with its header; all there is if it does not look like one."""
    short_header, long_form = 2, 0x80
    if len(content) < short_header or content[1] < long_form:
        return len(content)
    size = content[1] - long_form
    told = int.from_bytes(content[short_header : short_header + size], "big")
    return min(len(content), short_header + size + told)


def read_key(content: bytes) -> rsa.RSAPrivateKey:
    """Reads an unencrypted RSA key, PEM or DER.

    Raises:
        CertificateError: it is none.
    """
    load = load_pem_private_key if content.lstrip().startswith(_PEM) else load_der_private_key
    try:
        key = load(content, password=None)
    except TypeError as error:
        raise CertificateError("the key is encrypted; give it without a password, readable for the service alone") from error
    except _UNREADABLE as error:
        raise CertificateError(f"this is no private key: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError("the key is no RSA key, and the security policies known here need one")
    return key


def belong_together(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bool:
    """Tells whether a key is the one of a certificate."""
    try:
        return certificate.public_key() == key.public_key()
    except _UNREADABLE:
        return False


def key_bits(certificate: x509.Certificate) -> int:
    """Tells the length of a certificate's RSA key; 0 if it has a key of another kind."""
    try:
        key = certificate.public_key()
    except _UNREADABLE:
        return 0
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else 0


def new_key() -> rsa.RSAPrivateKey:
    """Makes a key; takes a noticeable part of a second."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)


def application_uri_for(host: str) -> str:
    """Gives the application URI of the service on a machine."""
    return f"urn:{quote(host)}:ems-telemetry"


def make_certificate(wish: CertificateWish, key: rsa.RSAPrivateKey, now: datetime) -> x509.Certificate:
    """Makes a self-signed application certificate with what OPC 10000-6, 6.2.2 asks of a client's.

    Raises:
        CertificateError: a host or the organization cannot stand in a certificate.
    """
    try:
        subject = _subject(wish)
        builder = (
            x509.CertificateBuilder(issuer_name=subject, subject_name=subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - VALID_BEFORE_NOW)
            .not_valid_after(now + wish.valid_for)
        )
        for extension, critical in _extensions(wish, key):
            builder = builder.add_extension(extension, critical)
    except ValueError as error:
        raise CertificateError(f"a certificate cannot say that: {error}") from error
    return builder.sign(key, hashes.SHA256())


def _subject(wish: CertificateWish) -> x509.Name:
    name = f"ems-telemetry@{wish.hosts[0]}" if wish.hosts else "ems-telemetry"
    given = [(NameOID.COMMON_NAME, name[:LONGEST_COMMON_NAME]), (NameOID.ORGANIZATION_NAME, wish.organization)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in given if value])


def _extensions(wish: CertificateWish, key: rsa.RSAPrivateKey) -> Sequence[tuple[x509.ExtensionType, bool]]:
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,  # called nonRepudiation in OPC UA
        key_encipherment=True,
        data_encipherment=True,
        key_cert_sign=True,  # because it signs itself
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    names = [x509.UniformResourceIdentifier(wish.uri), *map(_host_name, wish.hosts)]
    return (
        (x509.SubjectAlternativeName(names), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    )


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
