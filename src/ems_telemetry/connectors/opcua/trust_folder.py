"""The folders `trusted` and `rejected` of the PKI folder: whom we believe, and whom we turned away and may yet accept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ems_telemetry.connectors.opcua.certificates import CertificateError, CertificateFacts, as_der, facts_of, read_certificates
from ems_telemetry.connectors.opcua.trust import TrustList
from ems_telemetry.connectors.opcua.whole_file import write_whole

MOST_REJECTED = 100
"""A server that shows another certificate each time does not fill the disk: the oldest give way."""
LEAST_DIGITS = 4
"""A shorter beginning of a fingerprint is too easily meant for another one."""
_CERTIFICATE_SUFFIXES = frozenset({".der", ".pem", ".crt", ".cer"})
_REVOCATION_SUFFIX = ".crl"


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate in one of the two folders."""

    certificate: x509.Certificate
    path: Path
    since: datetime
    """When it came there."""

    @property
    def facts(self) -> CertificateFacts:
        """What people want to know of it."""
        return facts_of(self.certificate)


class TrustFolder:
    """Read anew each time it is asked, so that what somebody accepts counts at once."""

    def __init__(self, pki_directory: Path) -> None:
        self.trusted_path = pki_directory / "trusted"
        self.rejected_path = pki_directory / "rejected"

    def trust_list(self) -> TrustList:
        """Reads whom we believe; a file that cannot be read is named and holds up no other one."""
        certificates: list[x509.Certificate] = []
        revocations: list[x509.CertificateRevocationList] = []
        unreadable: list[Path] = []
        for path in _files(self.trusted_path):
            try:
                if path.suffix.lower() == _REVOCATION_SUFFIX:
                    revocations.append(_read_revocations(path.read_bytes()))
                else:
                    certificates += read_certificates(path.read_bytes())
            except (OSError, CertificateError):
                unreadable.append(path)
        return TrustList(tuple(certificates), tuple(revocations), tuple(unreadable))

    def trusted(self) -> list[Kept]:
        """Lists the certificates we believe, of servers and of authorities."""
        return list(_kept(self.trusted_path))

    def rejected(self) -> list[Kept]:
        """Lists the certificates of servers we turned away, the latest first."""
        return sorted(_kept(self.rejected_path), key=lambda kept: kept.since, reverse=True)

    def reject(self, certificate: x509.Certificate) -> Path:
        """Keeps the certificate of a server we turned away, for somebody to accept. Its first time is the one remembered.

        Raises:
            CertificateError: the folder cannot be written.
        """
        path = self.rejected_path / f"{facts_of(certificate).thumbprint}.der"
        with _writing(self.rejected_path):
            if not path.exists():
                self.rejected_path.mkdir(parents=True, exist_ok=True)
                write_whole(path, as_der(certificate))
                for old in self.rejected()[MOST_REJECTED:]:
                    old.path.unlink(missing_ok=True)
        return path

    def accept(self, fingerprint: str) -> Kept:
        """Moves a rejected certificate to the trusted ones.

        Args:
            fingerprint: SHA-256 or SHA-1 in hexadecimal digits, or a beginning that means one certificate only; colons and
                blanks between the digits do not matter.

        Raises:
            CertificateError: no certificate, or more than one, has this fingerprint, or the folders cannot be written.
        """
        return self._move(fingerprint, self.rejected(), "rejected", self.trusted_path)

    def remove(self, fingerprint: str) -> Kept:
        """Moves a trusted certificate back to the rejected ones; arguments and errors as for `accept`."""
        return self._move(fingerprint, self.trusted(), "trusted", self.rejected_path)

    def _move(self, fingerprint: str, among: list[Kept], called: str, folder: Path) -> Kept:
        found = _one(fingerprint, among, called)
        copies = {kept.path for kept in among if kept.certificate == found.certificate}
        shared = copies & {kept.path for kept in among if kept.certificate != found.certificate}
        if shared:
            raise CertificateError(f"{shared.pop()} holds other certificates too; take it out by hand")
        target = folder / f"{found.facts.thumbprint}.der"
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(target, as_der(found.certificate))
            for path in copies:
                path.unlink(missing_ok=True)
        return Kept(found.certificate, target, found.since)


def _one(fingerprint: str, among: list[Kept], called: str) -> Kept:
    wanted = "".join(sign for sign in fingerprint if sign not in ": -").upper()
    if len(wanted) < LEAST_DIGITS:
        raise CertificateError(f'"{fingerprint}" is too short; give at least {LEAST_DIGITS} digits of the fingerprint')
    found = [kept for kept in among if kept.facts.fingerprint.startswith(wanted) or kept.facts.thumbprint.startswith(wanted)]
    if not found:
        raise CertificateError(
            f'no {called} certificate has the fingerprint "{fingerprint}"; see `ems-telemetry opcua trust list`'
        )
    if len({kept.facts.fingerprint for kept in found}) > 1:
        raise CertificateError(
            f'{len(found)} {called} certificates have fingerprints that begin with "{fingerprint}"; give more of it'
        )
    return found[0]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    known = _CERTIFICATE_SUFFIXES | {_REVOCATION_SUFFIX}
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in known and not path.name.startswith("."))


def _kept(folder: Path) -> Iterator[Kept]:
    for path in _files(folder):
        if path.suffix.lower() == _REVOCATION_SUFFIX:
            continue
        try:
            since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            yield from (Kept(certificate, path, since) for certificate in read_certificates(path.read_bytes()))
        except (OSError, CertificateError):
            continue


def _read_revocations(content: bytes) -> x509.CertificateRevocationList:
    load = x509.load_pem_x509_crl if content.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl
    try:
        return load(content)
    except ValueError as error:
        raise CertificateError(f"this is no revocation list: {error}") from error


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CertificateError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
