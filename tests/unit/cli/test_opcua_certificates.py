"""The verbs by which an engineer settles who trusts whom."""

import json
from pathlib import Path
from typing import Any

import pytest
from opcua_certificates import issue
from typer.testing import CliRunner, Result

from ems_telemetry.cli.main import make_app
from ems_telemetry.connectors.opcua.certificates import CertificateError, facts_of, read_certificates
from ems_telemetry.connectors.opcua.trust_folder import TrustFolder

PLC = issue("plc")


class Plant:
    """A service file whose connector files do not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.pki = folder / "pki"
        self._config = folder / "ems-telemetry.yaml"
        self._config.write_text("pki: {directory: pki}\n")

    def run(self, *words: str) -> Result:
        result = CliRunner().invoke(make_app(), ["opcua", *words, "--config", str(self._config)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("certificate", "show", "--json").stdout)
        return found


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def test_a_certificate_is_made_and_shown(plant: Plant) -> None:
    made = plant.run("certificate", "make", "--host", "gateway", "--host", "10.20.0.5", "--organization", "Berlin works")
    shown = plant.shown()
    assert shown["thumbprint"] in made.stdout
    assert shown["fingerprint"] in made.stdout
    assert shown["hosts"] == ["gateway", "10.20.0.5"]
    assert "Berlin works" in shown["subject"]
    assert shown["path"] == str(plant.pki / "own/certificate.der")
    assert plant.run("certificate", "show").stdout == made.stdout


def test_a_second_one_is_made_only_by_force(plant: Plant) -> None:
    plant.run("certificate", "make")
    first = plant.shown()["fingerprint"]
    refused = plant.run("certificate", "make")
    assert (refused.exit_code, plant.shown()["fingerprint"]) == (1, first)
    assert "`renew`" in refused.stderr
    plant.run("certificate", "make", "--force")
    assert plant.shown()["fingerprint"] != first


def test_before_there_is_one_it_is_told_how_one_comes(plant: Plant) -> None:
    for verb in (("show",), ("renew",), ("export", "ours.der")):
        with pytest.raises(CertificateError, match="opcua certificate make"):
            plant.run("certificate", *verb)


def test_a_renewed_one_says_the_same(plant: Plant) -> None:
    plant.run("certificate", "make", "--days", "10", "--host", "gateway", "--organization", "Berlin works")
    before = plant.shown()
    renewed = plant.run("certificate", "renew")
    after = plant.shown()
    same = ("subject", "application_uri", "hosts")
    assert [after[key] for key in same] == [before[key] for key in same]
    assert after["not_after"] > before["not_after"]
    assert "Each server must now be told" in renewed.stderr
    plant.run("certificate", "renew", "--new-key", "--host", "other")
    assert plant.shown()["hosts"] == ["other"]
    assert plant.shown()["application_uri"] == before["application_uri"]


@pytest.mark.parametrize(
    ("name", "begins"), [("ours.der", b"0"), ("ours.pem", b"-----BEGIN CERT"), ("ours.crt", b"-----BEGIN CERT")]
)
def test_it_is_exported_without_its_key(plant: Plant, tmp_path: Path, name: str, begins: bytes) -> None:
    plant.run("certificate", "make")
    plant.run("certificate", "export", str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    assert content.startswith(begins)
    assert b"PRIVATE" not in content
    assert facts_of(*read_certificates(content)).fingerprint == plant.shown()["fingerprint"]


def test_exporting_to_where_nobody_may_write_is_told(plant: Plant, tmp_path: Path) -> None:
    plant.run("certificate", "make")
    with pytest.raises(CertificateError, match="cannot be written"):
        plant.run("certificate", "export", str(tmp_path / "no such folder" / "ours.der"))


def test_a_rejected_server_is_listed_accepted_and_removed(plant: Plant) -> None:
    TrustFolder(plant.pki).reject(PLC.certificate)
    listed = plant.run("trust", "list").stdout
    facts = facts_of(PLC.certificate)
    assert all(word in listed for word in ("rejected", "CN=plc", "urn:plc:server", facts.fingerprint))
    assert facts.fingerprint in plant.run("trust", "accept", facts.fingerprint[:8]).stdout
    found = json.loads(plant.run("trust", "list", "--json").stdout)
    assert found["rejected"] == []
    assert [kept["thumbprint"] for kept in found["trusted"]] == [facts.thumbprint]
    assert {"since", "not_after", "application_uri", "path"} <= set(found["trusted"][0])
    plant.run("trust", "remove", facts.thumbprint)
    assert TrustFolder(plant.pki).trusted() == []


def test_a_fingerprint_nobody_has_is_told(plant: Plant) -> None:
    with pytest.raises(CertificateError, match="opcua trust list"):
        plant.run("trust", "accept", "0" * 40)


def test_accepting_what_has_expired_says_so(plant: Plant) -> None:
    old = issue("old plc", end=PLC.certificate.not_valid_before_utc.replace(year=2026, month=3, day=1))
    TrustFolder(plant.pki).reject(old.certificate)
    accepted = plant.run("trust", "accept", facts_of(old.certificate).thumbprint)
    assert "expired on 2026-03-01" in accepted.stderr


def test_a_damaged_file_in_the_trust_list_is_named(plant: Plant) -> None:
    (plant.pki / "trusted").mkdir(parents=True)
    (plant.pki / "trusted/plc.der").write_bytes(b"-")
    assert "plc.der cannot be read" in plant.run("trust", "list").stderr
