"""Ed25519 signatures (RFC 8032): keys in files, signing, and checking.

A private key lies in a file of its own (PEM, PKCS#8) that nobody but its owner may read. A key is called by the first 16
hexadecimal digits of the SHA-256 of its public half.
"""

import os
import re
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ems_telemetry.errors import PermanentError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
KEY_ID_DIGITS: Final = 16
PRIVATE_MODE: Final = 0o600
MAX_KEY_FILE_BYTES: Final = 64 * 1024
_OTHERS: Final = 0o077
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")


class KeyFileError(PermanentError):
    """A key, or the file it lies in, cannot be used."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half of a key that everybody may know; `raw` are its 32 bytes."""

    raw: bytes

    @classmethod
    def from_text(cls, text: str, source: str = "the key") -> Self:
        """Reads a public key: 64 hexadecimal digits, or PEM.

        Args:
            text: what was given.
            source: where it comes from, for the message.

        Raises:
            KeyFileError: it is neither.
        """
        if _HEX.fullmatch(text.strip()):
            return cls(bytes.fromhex(text.strip()))
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{source} is no public key: neither PEM nor 64 hexadecimal digits") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFileError(f"{source} is no Ed25519 key; packs are signed with Ed25519")
        return cls(key.public_bytes_raw())

    @property
    def key_id(self) -> str:
        """What the key is called: 16 hexadecimal digits."""
        return key_id(self.raw)

    def pem(self) -> str:
        """Writes the key as other programs read it (PEM, SubjectPublicKeyInfo)."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Tells whether a signature of 64 bytes is this key's over these data."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """A private key. Nothing prints it: `repr` tells its id alone."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes_raw())

    @classmethod
    def make(cls, path: Path) -> Self:
        """Makes a key and its file, which only its owner may read; it is on disk when this returns.

        Raises:
            KeyFileError: there is such a file, which is never written over, or it cannot be written.
        """
        key = cls(Ed25519PrivateKey.generate())
        try:
            _write_private(path, key._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        except FileExistsError as error:
            raise KeyFileError(f"{path} is there already; what it signed could not be signed again without it") from error
        except OSError as error:
            raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
        return key

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a key.

        Raises:
            KeyFileError: others may read the file too, or it holds no Ed25519 key in PEM without a password.
        """
        text, mode = _read(path)
        if mode & _OTHERS:
            raise KeyFileError(f"{path} may be read by others (mode {mode:04o}); `chmod 600 {path}`, or make another key")
        try:
            key = load_pem_private_key(text, password=None)
        except TypeError as error:
            raise KeyFileError(f"{path} is protected by a password, which nobody could be asked for") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path} holds no private key in PEM") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"{path} holds no Ed25519 key; `ems-telemetry evidence key make` makes one")
        return cls(key)

    def __repr__(self) -> str:
        return f"SigningKey({self.public.key_id})"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not copied")

    def sign(self, data: bytes) -> bytes:
        """Signs data as they are; the signature has 64 bytes."""
        return self._key.sign(data)


def key_id(public_key: bytes) -> str:
    """Gives what a public key of 32 bytes is called: the first 16 hexadecimal digits of its SHA-256."""
    return sha256(public_key).hexdigest()[:KEY_ID_DIGITS]


def read_public_key(path: Path) -> PublicKey:
    """Reads the public key in a file: PEM, hexadecimal, or the public half of a private key.

    Raises:
        KeyFileError: there is none.
    """
    text, _mode = _read(path)
    if b"PRIVATE KEY" in text:
        return SigningKey.load(path).public
    return PublicKey.from_text(text.decode(errors="replace"), str(path))


def _read(path: Path) -> tuple[bytes, int]:
    """Gives what a file holds, and who may do what with it."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_FILE_BYTES), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
