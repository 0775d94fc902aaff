"""Our own certificate and its key in the PKI folder: made once, when first needed, and kept until somebody renews it.

Whoever needs it at the same moment, in this process or another, gets the same one.
"""

import fcntl
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ems_telemetry.connectors.opcua.certificates import (
    CertificateError,
    CertificateFacts,
    CertificateWish,
    application_uri_for,
    as_der,
    belong_together,
    facts_of,
    make_certificate,
    new_key,
    organization_of,
    read_certificates,
    read_key,
)
from ems_telemetry.connectors.opcua.whole_file import PRIVATE_FILE, write_whole

PRIVATE_FOLDER = 0o700
LOCK_TIMEOUT_S = 15.0
_LOCK_POLL_S = 0.05

ReadT = TypeVar("ReadT")


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate of ours with its key, and where it stands."""

    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...]
    """What the file holds behind the certificate."""
    key: rsa.RSAPrivateKey
    path: Path

    @property
    def facts(self) -> CertificateFacts:
        """What people want to know of it."""
        return facts_of(self.certificate)


class OwnFolder:
    """The folder `own` of the PKI folder: `certificate.der`, `key.pem`, and in `replaced` what they were before."""

    def __init__(self, pki_directory: Path) -> None:
        self._folder = pki_directory / "own"
        self.certificate_path = self._folder / "certificate.der"
        self.key_path = self._folder / "key.pem"

    def find(self) -> OwnCertificate | None:
        """Reads certificate and key; None if there is no certificate yet.

        Raises:
            CertificateError: they cannot be used as they are.
        """
        if not self.certificate_path.exists():
            return None
        return read_pair(self.certificate_path, self.key_path)

    def provide(self, now: datetime) -> OwnCertificate:
        """Reads certificate and key, and makes them before if there are none.

        Raises:
            CertificateError: they cannot be used, or the folder cannot be written.
        """
        with suppress(CertificateError):  # somebody may be in the middle of renewing: looked at again under the lock
            if found := self.find():
                return found
        return self.make(wish_for_this_machine(), now, keep=True)

    def make(self, wish: CertificateWish, now: datetime, *, keep: bool = False) -> OwnCertificate:
        """Makes certificate and key.

        Args:
            wish: what it is to say.
            now: when its validity begins.
            keep: if there is a certificate already, leave it and give that one; otherwise it is kept aside.

        Raises:
            CertificateError: the wish cannot be fulfilled, or the folder cannot be written.
        """
        with self._alone():
            found = self.find() if keep else None
            return found or self._replace(wish, self._kept_key() if keep else new_key(), now)

    def renew(self, wish: CertificateWish, now: datetime, *, with_new_key: bool = False) -> OwnCertificate:
        """Makes a new certificate, as a rule for the key there is; the old one is kept aside.

        Raises:
            CertificateError: there is none to renew, the wish cannot be fulfilled, or the folder cannot be written.
        """
        with self._alone():
            found = self.find()
            if found is None:
                raise CertificateError(f"there is no certificate to renew at {self.certificate_path}")
            return self._replace(wish, new_key() if with_new_key else found.key, now)

    def _kept_key(self) -> rsa.RSAPrivateKey:
        """The key that a process left which ended between the two files, or a new one."""
        return read_key(_content(self.key_path)) if self.key_path.exists() else new_key()

    def _replace(self, wish: CertificateWish, key: rsa.RSAPrivateKey, now: datetime) -> OwnCertificate:
        certificate = make_certificate(wish, key, now)
        self._keep_aside()
        # The key goes first: a key without a certificate gets one next time, a certificate without its key is worth nothing.
        write_whole(self.key_path, _as_pem(key), PRIVATE_FILE)
        write_whole(self.certificate_path, as_der(certificate))
        return OwnCertificate(certificate, (), key, self.certificate_path)

    def _keep_aside(self) -> None:
        if not self.certificate_path.exists():
            return
        replaced = self._folder / "replaced"
        replaced.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        old = _content(self.certificate_path)
        name = facts_of(read_certificates(old)[0]).thumbprint
        write_whole(replaced / f"{name}.der", old)
        if self.key_path.exists():
            write_whole(replaced / f"{name}.key.pem", _content(self.key_path), PRIVATE_FILE)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps everybody else out who would make a certificate here, and tells in our words what is wrong with the folder."""
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            with (self._folder / ".lock").open("a") as lock:
                _take(lock.fileno(), self._folder)
                yield
        except OSError as error:
            message = f"the PKI folder cannot be used: {error.filename or self._folder}: {error.strerror}"
            raise CertificateError(f"{message}; it must belong to the user the service runs as") from error


def read_pair(certificate_path: Path, key_path: Path) -> OwnCertificate:
    """Reads a certificate, with its issuers if they stand behind it, and its key; PEM or DER.

    Raises:
        CertificateError: a file cannot be read, or the two do not belong together.
    """
    certificate, *issuers = _named(certificate_path, read_certificates)
    key = _named(key_path, read_key)
    if not belong_together(certificate, key):
        raise CertificateError(f"the key {key_path} is not the one of the certificate {certificate_path}")
    return OwnCertificate(certificate, tuple(issuers), key, certificate_path)


def read_one(path: Path) -> x509.Certificate:
    """Reads a certificate from a file, PEM or DER.

    Raises:
        CertificateError: it cannot be read.
    """
    return _named(path, read_certificates)[0]


def wish_for_this_machine() -> CertificateWish:
    """What our certificate says if nobody wishes for something else."""
    host = socket.gethostname()
    return CertificateWish(uri=application_uri_for(host), hosts=(host,))


def wish_as_before(own: OwnCertificate) -> CertificateWish:
    """What a certificate of ours says, for one that is to take its place."""
    facts = own.facts
    wish = wish_for_this_machine()
    return replace(
        wish, uri=facts.uri or wish.uri, hosts=facts.hosts or wish.hosts, organization=organization_of(own.certificate)
    )


def _take(descriptor: int, folder: Path) -> None:
    deadline_s = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise CertificateError(f"another process has been making a certificate in {folder} for too long") from None
            time.sleep(_LOCK_POLL_S)
        else:
            return


def _as_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from error


def _named(path: Path, read: Callable[[bytes], ReadT]) -> ReadT:
    """Reads a file and puts its name before whatever is wrong with it."""
    content = _content(path)
    try:
        return read(content)
    except CertificateError as error:
        raise CertificateError(f"{path}: {error}") from error
