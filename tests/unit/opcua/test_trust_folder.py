"""The folders of whom we believe and whom we turned away."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from opcua_certificates import issue, revoke

from ems_telemetry.connectors.opcua import trust_folder
from ems_telemetry.connectors.opcua.certificates import CertificateError, as_pem, facts_of
from ems_telemetry.connectors.opcua.trust_folder import TrustFolder

PLC = issue("plc")
OTHER = issue("other")
FACTS = facts_of(PLC.certificate)


def put(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_before_the_first_rejection_there_is_nothing_not_even_the_folders(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path / "pki")
    assert (folder.trusted(), folder.rejected(), folder.trust_list().certificates) == ([], [], ())
    assert not (tmp_path / "pki").exists()


@pytest.mark.parametrize(
    "given",
    [
        FACTS.fingerprint,
        FACTS.thumbprint,
        FACTS.fingerprint[:8].lower(),
        ":".join(FACTS.thumbprint[at : at + 2] for at in range(0, 40, 2)),
        f" {FACTS.fingerprint[:4]} {FACTS.fingerprint[4:8]}",
    ],
    ids=["SHA-256", "SHA-1", "beginning", "with colons", "with blanks"],
)
def test_a_rejected_certificate_is_accepted_by_its_fingerprint_however_it_is_written(tmp_path: Path, given: str) -> None:
    folder = TrustFolder(tmp_path)
    folder.reject(PLC.certificate)
    folder.reject(OTHER.certificate)
    assert folder.accept(given).path == tmp_path / "trusted" / f"{FACTS.thumbprint}.der"
    assert folder.trust_list().certificates == (PLC.certificate,)
    assert [kept.certificate for kept in folder.rejected()] == [OTHER.certificate]


@pytest.mark.parametrize(("given", "words"), [("0" * 64, "no rejected certificate"), ("", "too short"), ("ABC", "too short")])
def test_a_fingerprint_that_means_none_is_told(tmp_path: Path, given: str, words: str) -> None:
    folder = TrustFolder(tmp_path)
    folder.reject(PLC.certificate)
    with pytest.raises(CertificateError, match=words):
        folder.accept(given)
    assert len(folder.rejected()) == 1


def test_a_beginning_that_means_two_accepts_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_folder, "LEAST_DIGITS", 1)
    folder = TrustFolder(tmp_path)
    for issued in (issue(f"plc {index}") for index in range(17)):
        folder.reject(issued.certificate)
    digits = [kept.facts.fingerprint[0] for kept in folder.rejected()]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(CertificateError, match="give more of it"):
        folder.accept(twice)


def test_the_first_time_a_server_was_turned_away_is_kept(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path)
    os.utime(folder.reject(PLC.certificate), (1_700_000_000, 1_700_000_000))
    folder.reject(PLC.certificate)
    (kept,) = folder.rejected()
    assert kept.since.timestamp() == 1_700_000_000


def test_a_server_with_a_new_certificate_each_time_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust_folder, "MOST_REJECTED", 2)
    folder = TrustFolder(tmp_path)
    issued = [issue(f"plc {index}") for index in range(4)]
    for age, certificate in enumerate(issued):
        os.utime(folder.reject(certificate.certificate), (1_700_000_000 + age, 1_700_000_000 + age))
    assert [kept.certificate for kept in folder.rejected()] == [issued[3].certificate, issued[2].certificate]


def test_one_damaged_file_holds_up_no_other_one(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path)
    put(folder.trusted_path, "b.pem", as_pem(PLC.certificate))
    damaged = put(folder.trusted_path, "a.der", b"not a certificate")
    put(folder.trusted_path, "README.txt", b"for people")
    found = folder.trust_list()
    assert (found.certificates, found.unreadable) == ((PLC.certificate,), (damaged,))
    assert [kept.certificate for kept in folder.trusted()] == [PLC.certificate]


def test_revocation_lists_are_read_as_text_and_as_bytes(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path)
    plant = issue("plant authority", authority=True)
    revocations = revoke(plant, PLC)
    put(folder.trusted_path, "a.crl", revocations.public_bytes(Encoding.PEM))
    put(folder.trusted_path, "b.crl", revocations.public_bytes(Encoding.DER))
    damaged = put(folder.trusted_path, "c.crl", b"")
    assert folder.trust_list().revocations == (revocations, revocations)
    assert folder.trust_list().unreadable == (damaged,)
    assert folder.trusted() == []


def test_removing_takes_every_copy_away(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path)
    put(folder.trusted_path, "copy.pem", as_pem(PLC.certificate))
    folder.reject(PLC.certificate)
    folder.accept(FACTS.thumbprint)
    folder.remove(FACTS.thumbprint)
    assert folder.trust_list().certificates == ()
    assert [kept.certificate for kept in folder.rejected()] == [PLC.certificate]


def test_a_file_with_several_certificates_is_not_taken_apart(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path)
    put(folder.trusted_path, "both.pem", as_pem(PLC.certificate) + as_pem(OTHER.certificate))
    with pytest.raises(CertificateError, match=r"both\.pem holds other certificates too"):
        folder.remove(FACTS.thumbprint)
    assert len(folder.trusted()) == 2


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "rejected").write_text("a file in the way")
    with pytest.raises(CertificateError, match=r"rejected.* cannot be written"):
        TrustFolder(tmp_path).reject(PLC.certificate)
