"""Our certificate is made once, kept private, and never half."""

import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from opcua_certificates import NOW, issue

from ems_telemetry.connectors.opcua.certificates import CertificateError, belong_together
from ems_telemetry.connectors.opcua.own_certificate import OwnFolder, read_pair, wish_as_before, wish_for_this_machine

PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ems_telemetry.connectors.opcua.own_certificate import OwnFolder
sys.stdin.readline()
print(OwnFolder(Path(sys.argv[1])).provide(datetime.now(UTC)).facts.fingerprint)
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_when_first_needed_and_then_kept(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path)
    assert folder.find() is None
    first = folder.provide(NOW)
    assert OwnFolder(tmp_path).provide(NOW).certificate == first.certificate
    assert first.facts.uri == wish_for_this_machine().uri


def test_its_key_is_for_us_alone(tmp_path: Path) -> None:
    OwnFolder(tmp_path / "pki").provide(NOW)
    assert mode_of(tmp_path / "pki/own") == 0o700
    assert mode_of(tmp_path / "pki/own/key.pem") == 0o600


def test_processes_that_start_at_the_same_time_get_the_same_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]  # noqa: S603  ours
    for process in processes:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
    seen = {process.communicate(timeout=60)[0] for process in processes}
    assert len(seen) == 1
    assert seen != {b""}
    assert not (tmp_path / "own/replaced").exists()


def test_a_process_that_ended_between_key_and_certificate_leaves_a_key_that_is_used(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path)
    key = folder.provide(NOW).key
    folder.certificate_path.unlink()
    assert belong_together(folder.provide(NOW).certificate, key)


def test_a_certificate_without_its_key_is_told_and_left_alone(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path)
    folder.provide(NOW)
    folder.key_path.unlink()
    with pytest.raises(CertificateError, match=r"key\.pem cannot be read"):
        folder.provide(NOW)
    assert folder.certificate_path.exists()


def test_renewing_keeps_key_and_uri_and_sets_the_old_one_aside(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path)
    old = folder.provide(NOW)
    new = folder.renew(wish_as_before(old), NOW)
    assert new.certificate != old.certificate
    assert (new.facts.uri, new.facts.hosts) == (old.facts.uri, old.facts.hosts)
    assert belong_together(new.certificate, old.key)
    aside = tmp_path / "own/replaced" / old.facts.thumbprint
    assert read_pair(aside.with_suffix(".der"), aside.with_suffix(".key.pem")).certificate == old.certificate
    assert mode_of(aside.with_suffix(".key.pem")) == 0o600


def test_renewing_with_a_new_key_makes_one(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path)
    old = folder.provide(NOW)
    assert not belong_together(folder.renew(wish_as_before(old), NOW, with_new_key=True).certificate, old.key)


def test_there_is_nothing_to_renew_before_the_first(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="no certificate to renew"):
        OwnFolder(tmp_path).renew(wish_for_this_machine(), NOW)


def test_a_wish_that_cannot_be_fulfilled_leaves_what_there_is(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path)
    old = folder.provide(NOW)
    with pytest.raises(CertificateError):
        folder.renew(replace(wish_as_before(old), hosts=("größe",)), NOW)
    found = folder.find()
    assert found
    assert found.certificate == old.certificate


def test_a_folder_that_cannot_be_made_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "pki").write_text("a file in the way")
    with pytest.raises(CertificateError, match=r"the PKI folder cannot be used: .*pki"):
        OwnFolder(tmp_path / "pki").provide(NOW)


def test_a_lock_that_nobody_gives_back_does_not_hold_us_up_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ems_telemetry.connectors.opcua.own_certificate.LOCK_TIMEOUT_S", 0.1)
    folder = OwnFolder(tmp_path)
    with folder._alone(), pytest.raises(CertificateError, match="for too long"):
        OwnFolder(tmp_path).provide(NOW)


def test_a_pair_from_elsewhere_must_belong_together(tmp_path: Path) -> None:
    one, other = issue("one").write(tmp_path, "one"), issue("other").write(tmp_path, "other")
    assert read_pair(Path(one["certificate"]), Path(one["key"])).path == Path(one["certificate"])
    with pytest.raises(CertificateError, match="is not the one of the certificate"):
        read_pair(Path(one["certificate"]), Path(other["key"]))
    with pytest.raises(CertificateError, match=r"one\.key\.pem: this is no certificate"):
        read_pair(Path(one["key"]), Path(one["key"]))
