"""Whether the certificate a server shows is to be believed: the checks of OPC 10000-4, 6.1.3. Pure: the lists are given.

A certificate is trusted by itself (it is pinned, or stands in the trust list) or through an authority in the trust list. Who
accepted a certificate by its fingerprint has decided about that very one, whatever else is odd about it: plants have PLCs
whose certificate nobody can renew. What an authority vouches for must be right in every respect.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from ems_telemetry.connectors.opcua.certificates import (
    KEY_BITS,
    WARN_BEFORE_END,
    application_uri_of,
    extension_of,
    hosts_of,
    is_authority,
    key_bits,
)


@dataclass(frozen=True, slots=True)
class TrustList:
    """Whom we believe: certificates, of servers and of authorities, and what the authorities revoked."""

    certificates: tuple[x509.Certificate, ...] = ()
    revocations: tuple[x509.CertificateRevocationList, ...] = ()
    unreadable: tuple[Path, ...] = ()
    """Files of the list that are neither; one of them may be a revocation."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server shows of itself."""

    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...]
    """What it sent behind its certificate; nothing of it is believed without an authority we trust."""
    application_uri: str | None
    """The URI its ApplicationDescription names."""
    host: str
    """By which name or address we reach it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the checks. Trusted if there is no refusal."""

    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    acceptable: bool = False
    """Putting the certificate into the trust list would help."""

    @property
    def trusted(self) -> bool:
        """True if the server is to be believed."""
        return not self.refusals


def judge(shown: Shown, trusted: TrustList, pinned: x509.Certificate | None, now: datetime) -> Verdict:
    """Decides whether a server is to be believed.

    Args:
        shown: what it shows.
        trusted: the trust list; without effect if one certificate is pinned.
        pinned: the only certificate to be believed, if there is one.
        now: the time of validity.
    """
    bits = key_bits(shown.certificate)
    if bits < KEY_BITS:
        return Verdict((f"its key is too weak: RSA of {KEY_BITS} bits or more is needed, and it has {bits}",))
    if pinned is not None:
        if shown.certificate != pinned:
            return Verdict(("it is not the one that server_certificate: pins",))
        return Verdict(notes=tuple(_not_yet_valid(shown.certificate, now)))
    if shown.certificate in trusted.certificates:
        revoked = tuple(_revoked(shown.certificate, trusted.certificates, trusted))
        return Verdict(revoked, tuple(_not_yet_valid(shown.certificate, now)))
    return _judge_by_authority(shown, trusted, now)


def end_of_validity(what: str, certificate: x509.Certificate, now: datetime) -> str | None:
    """Warns of the end of a certificate's validity, in words that stay the same from day to day."""
    ends = certificate.not_valid_after_utc
    if now >= ends:
        return f"{what} expired on {ends:%Y-%m-%d}"
    return f"{what} expires on {ends:%Y-%m-%d}" if now >= ends - WARN_BEFORE_END else None


def _judge_by_authority(shown: Shown, trusted: TrustList, now: datetime) -> Verdict:
    try:
        chain = _path_to_authority(shown, trusted, now)
    except verification.VerificationError as error:
        refusal = "it is not trusted, neither by itself nor through an authority"
        besides = (*_why(shown, trusted, error), *_unread(trusted), *_oddities(shown, now))
        return Verdict((refusal, *besides), acceptable=True)
    refusals = [
        *(reason for child, issuer in pairwise(chain) for reason in _revoked(child, [issuer], trusted)),
        *(f"the revocation list {file} cannot be read" for file in trusted.unreadable if file.suffix.lower() == ".crl"),
    ]
    if refusals:
        return Verdict(tuple(refusals))
    oddities = tuple(_oddities(shown, now))
    return Verdict(oddities, tuple(_other_host(shown)), acceptable=bool(oddities))


def _path_to_authority(shown: Shown, trusted: TrustList, now: datetime) -> list[x509.Certificate]:
    """Finds the way from the server's certificate to an authority of the list, every signature and validity on it checked."""
    authorities = [certificate for certificate in trusted.certificates if is_authority(certificate)]
    if not authorities:
        raise verification.VerificationError("no authority is trusted")
    ours = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, None)
        .may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _may_sign_certificates)
    )
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(authorities))
        .time(now)
        .extension_policies(ca_policy=ours, ee_policy=verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    return verifier.verify(shown.certificate, list(shown.issuers)).chain


def _may_sign_certificates(_: verification.Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer's key is not for signing certificates")


def _why(shown: Shown, trusted: TrustList, error: verification.VerificationError) -> Iterator[str]:
    named = {certificate.subject for certificate in trusted.certificates if is_authority(certificate)}
    if named & {certificate.issuer for certificate in (shown.certificate, *shown.issuers)}:
        yield f"a trusted authority has the name of its issuer, but the chain does not hold ({error})"


def _unread(trusted: TrustList) -> Iterator[str]:
    for file in trusted.unreadable:
        yield f"{file} in the trust list cannot be read"


def _revoked(certificate: x509.Certificate, issuers: Sequence[x509.Certificate], trusted: TrustList) -> Iterator[str]:
    """Finds what revokes a certificate. A list that its authority did not sign counts as one: it was put there to be heard."""
    for issuer in (issuer for issuer in issuers if issuer.subject == certificate.issuer and is_authority(issuer)):
        for revocations in (found for found in trusted.revocations if found.issuer == issuer.subject):
            if not revocations.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]  # any key of a certificate
                yield f'the revocation list of "{issuer.subject.rfc4514_string()}" is not signed by it'
            elif revocations.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                yield f'"{certificate.subject.rfc4514_string()}" is revoked by its authority'


def _oddities(shown: Shown, now: datetime) -> Iterator[str]:
    """Finds what should not be so in a server's certificate."""
    certificate = shown.certificate
    if now >= certificate.not_valid_after_utc:
        yield f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    yield from _not_yet_valid(certificate, now)
    uri = application_uri_of(certificate)
    if uri != shown.application_uri:
        yield f'it is made for "{uri}", and the server calls itself "{shown.application_uri}"'
    yield from _wrong_usage(certificate)


def _not_yet_valid(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    if now < certificate.not_valid_before_utc:
        yield f"it is valid only from {certificate.not_valid_before_utc:%Y-%m-%d}; check the clocks"


def _wrong_usage(certificate: x509.Certificate) -> Iterator[str]:
    """Finds what a certificate says it is not for; one that says nothing is for everything (RFC 5280, 4.2.1)."""
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature and (usage.key_encipherment or usage.data_encipherment)):
        yield "its key is not for signing and encrypting"
    extended = extension_of(certificate, x509.ExtendedKeyUsage)
    if extended is not None and ExtendedKeyUsageOID.SERVER_AUTH not in extended:
        yield "it is not for servers"


def _other_host(shown: Shown) -> Iterator[str]:
    """Only told: plants reach servers by addresses that no certificate names."""
    hosts = hosts_of(shown.certificate)
    if shown.host.lower() not in {host.lower() for host in hosts}:
        yield f"it names {', '.join(hosts) or 'no host'}, and we reach the server as {shown.host}"
