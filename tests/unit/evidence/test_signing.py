import copy
import os
import pickle
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from ems_telemetry.evidence.signing import KeyFileError, PublicKey, SigningKey, key_id, read_public_key

pytestmark = pytest.mark.unit

# RFC 8032, 7.1, test 2.
SECRET = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)

X25519_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=
-----END PUBLIC KEY-----
"""


def test_signature_is_that_of_rfc_8032() -> None:
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(SECRET))
    assert key.public.raw.hex() == PUBLIC
    assert key.sign(b"\x72").hex() == SIGNATURE
    assert key.public.verifies(bytes.fromhex(SIGNATURE), b"\x72")
    assert not key.public.verifies(bytes.fromhex(SIGNATURE), b"\x73")
    assert not key.public.verifies(b"", b"\x72")
    assert key.public.key_id == key_id(bytes.fromhex(PUBLIC)) == sha256(bytes.fromhex(PUBLIC)).hexdigest()[:16]


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    made = SigningKey.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).public == made.public
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="there already"):
        SigningKey.make(path)
    assert path.read_bytes() == before
    with pytest.raises(KeyFileError, match="cannot be written: No such file"):
        SigningKey.make(tmp_path / "nowhere" / "signing.pem")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.pem"
    SigningKey.make(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode {mode:04o}"):
        SigningKey.load(path)
    with pytest.raises(KeyFileError, match="may be read by others"):
        read_public_key(path)


def written(path: Path, content: bytes) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, content)
    os.close(descriptor)
    return path


def test_what_is_no_key_is_refused_in_words(tmp_path: Path) -> None:
    pem, pkcs8 = Encoding.PEM, PrivateFormat.PKCS8
    locked = Ed25519PrivateKey.generate().private_bytes(pem, pkcs8, BestAvailableEncryption(b"secret"))
    other = X25519PrivateKey.generate().private_bytes(pem, pkcs8, NoEncryption())
    for name, content, problem in (
        ("locked", locked, "protected by a password"),
        ("other", other, "no Ed25519 key"),
        ("empty", b"", "no private key"),
        ("random", b"\xff\x00", "no private key"),
    ):
        with pytest.raises(KeyFileError, match=problem):
            SigningKey.load(written(tmp_path / name, content))
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        SigningKey.load(tmp_path / "nowhere")


def test_a_public_key_is_read_as_pem_hexadecimal_or_half_of_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    public = SigningKey.make(path).public
    (tmp_path / "public.pem").write_text(public.pem())
    (tmp_path / "public.hex").write_text(public.raw.hex() + "\n")
    assert {read_public_key(tmp_path / name) for name in ("signing.pem", "public.pem", "public.hex")} == {public}
    assert PublicKey.from_text(public.raw.hex().upper()) == public


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("abc", "neither PEM nor"),
        ("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n", "neither PEM nor"),
        (X25519_KEY, "no Ed25519 key"),
    ],
)
def test_what_is_no_public_key_is_refused(text: str, problem: str) -> None:
    with pytest.raises(KeyFileError, match=problem):
        PublicKey.from_text(text)


def test_nothing_prints_or_copies_a_private_key(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    key = SigningKey.make(path)
    assert repr(key) == str(key) == f"SigningKey({key.public.key_id})"
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not copied"):
            copying(key)


def openssl(*words: str, cwd: Path) -> int:
    """Runs the program of the distribution and gives its exit code."""
    return subprocess.run(["openssl", *words], cwd=cwd, check=False, timeout=30, capture_output=True).returncode  # noqa: S603, S607 - see above


def test_openssl_accepts_our_signature_and_we_its_key(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    assert openssl("genpkey", "-algorithm", "ed25519", "-out", path.name, cwd=tmp_path) == 0
    path.chmod(0o600)
    key = SigningKey.load(path)
    (tmp_path / "public.pem").write_text(key.public.pem())
    (tmp_path / "data").write_bytes(b"what is signed")
    (tmp_path / "data.sig").write_bytes(key.sign(b"what is signed"))
    question = ("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "public.pem", "-in", "data", "-sigfile", "data.sig")
    assert openssl(*question, cwd=tmp_path) == 0
    (tmp_path / "data").write_bytes(b"what was signed")
    assert openssl(*question, cwd=tmp_path) != 0
