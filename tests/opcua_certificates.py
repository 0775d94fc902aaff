"""Certificates for tests: of servers, of authorities, and what authorities revoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
URI = "urn:plc:server"


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def write(self, folder: Path, name: str) -> dict[str, str]:
        """Writes certificate and key, and gives their paths as the keys of `security:` and `user:`."""
        certificate, key = folder / f"{name}.der", folder / f"{name}.key.pem"
        certificate.write_bytes(self.der)
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return {"certificate": str(certificate), "key": str(key)}


@dataclass(frozen=True)
class Wanted:
    """What a certificate is to say."""

    uri: str | None = URI
    hosts: Sequence[str] = ("plc",)
    authority: bool = False
    start: datetime = NOW - timedelta(days=30)
    end: datetime = NOW + timedelta(days=300)
    bits: int = 2048
    use: ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH


def issue(name: str, by: Issued | None = None, **keys: Any) -> Issued:  # noqa: ANN401  the keys of `Wanted`
    """Makes a certificate, signed by itself if nobody else does."""
    wanted = Wanted(**keys)
    key = rsa.generate_private_key(public_exponent=65_537, key_size=wanted.bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in wanted.hosts]
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=wanted.authority or by is None,
        crl_sign=wanted.authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wanted.start)
        .not_valid_after(wanted.end)
        .add_extension(x509.BasicConstraints(ca=wanted.authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    if not wanted.authority:
        uris = [] if wanted.uri is None else [x509.UniformResourceIdentifier(wanted.uri)]
        builder = builder.add_extension(x509.SubjectAlternativeName([*uris, *names]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([wanted.use]), critical=False)
    return Issued(builder.sign((by.key if by else key), hashes.SHA256()), key)


def issue_today(name: str, **keys: Any) -> Issued:  # noqa: ANN401  the keys of `Wanted`
    """Makes a certificate for tests that run by the machine's clock."""
    now = datetime.now(UTC)
    return issue(name, **{"start": now - timedelta(days=300), "end": now + timedelta(days=300), **keys})


def revoke(authority: Issued, *certificates: Issued, signed_by: Issued | None = None) -> x509.CertificateRevocationList:
    """Makes an authority's list of what it revoked."""
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=authority.certificate.subject, last_update=NOW, next_update=NOW + timedelta(days=30)
    )
    for revoked in certificates:
        entry = x509.RevokedCertificateBuilder(serial_number=revoked.certificate.serial_number, revocation_date=NOW)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign((signed_by or authority).key, hashes.SHA256())
