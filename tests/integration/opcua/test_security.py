"""Protected channels with node-opcua, which offers no unprotected endpoint here: who trusts whom, and how each is told."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from fakes import until
from integration.opcua.air_plant import air_file, running
from opcua_certificates import issue_today
from servers.node_opcua import NodeOpcuaServer
from servers.process import serving
from typer.testing import CliRunner

from ems_telemetry.cli.main import make_app
from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.opcua.own_certificate import OwnFolder, wish_for_this_machine
from ems_telemetry.connectors.opcua.trust_folder import TrustFolder
from ems_telemetry.observe import LinkState

FLOW = {"flow": "Air.Flow"}
POLICIES = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
PROTECTED = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt"}


@pytest.fixture(scope="module")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    server = NodeOpcuaServer(tmp_path_factory.mktemp("secure"), secure=1)
    with serving(server):
        yield server


def certificate_of(server: NodeOpcuaServer) -> x509.Certificate:
    """The server's certificate, taken from the server itself as an engineer would with a USB stick."""
    return x509.load_pem_x509_certificate((pki_of(server) / "own/certs/certificate.pem").read_bytes())


def pki_of(server: NodeOpcuaServer) -> Path:
    return Path(server.environment["OPCUA_PKI"])


def trust(server: NodeOpcuaServer, folder: Path) -> None:
    """Puts the server's certificate into our trust list before anything was said, as text and under any name."""
    trusted = folder / "pki" / "trusted"
    trusted.mkdir(parents=True)
    (trusted / "compressor.pem").write_bytes(certificate_of(server).public_bytes(Encoding.PEM))


def own_pair(folder: Path) -> dict[str, str]:
    """Our certificate and key from elsewhere than the PKI folder, as the keys of `security:`."""
    ours = issue_today("ems-telemetry", uri="urn:plant:ems", use=ExtendedKeyUsageOID.CLIENT_AUTH)
    return ours.write(folder, "ours")


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_protected_channel_carries_values_with_the_certificate_we_made_ourselves(
    secure_server: NodeOpcuaServer, tmp_path: Path, policy: str, mode: str
) -> None:
    trust(secure_server, tmp_path)
    security = {"policy": policy, "mode": mode}
    async with running(air_file(secure_server.endpoint, FLOW, security=security), tmp_path) as (sink, given):
        await sink.wait_for_samples(2)
        assert given.report.status.last_error is None
    assert secure_server.sessions().current == 0


# https://github.com/influxdata/telegraf/issues/11454
async def test_telegraf_11454_our_certificate_is_made_once_and_shown_at_every_start(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    trust(secure_server, tmp_path)
    seen = set()
    for _ in range(2):
        async with running(air_file(secure_server.endpoint, FLOW, security=PROTECTED), tmp_path) as (sink, _given):
            await sink.wait_for_samples(1)
        seen.add((tmp_path / "pki/own/certificate.der").read_bytes())
    assert len(seen) == 1


# https://github.com/influxdata/telegraf/issues/17608
async def test_telegraf_17608_a_self_signed_server_is_refused_until_it_is_accepted_and_then_gets_in_without_a_restart(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with running(air_file(secure_server.endpoint, FLOW, security=PROTECTED), tmp_path) as (sink, given):
        await until(lambda: given.report.status.state is LinkState.DOWN)
        problem = str(given.report.status.last_error)
        (rejected,) = TrustFolder(given.pki_directory).rejected()
        opened = secure_server.sessions()
        command = re.search(r"ems-telemetry opcua trust accept ([0-9A-F]{64})", problem)
        assert command
        accept_as_told(command[0], tmp_path)
        await sink.wait_for_samples(1)
    assert rejected.certificate == certificate_of(secure_server)
    for fact in (rejected.facts.subject, rejected.facts.fingerprint, rejected.facts.thumbprint):
        assert fact in problem
    assert secure_server.sessions().opened == opened.opened + 1


def accept_as_told(command: str, folder: Path) -> None:
    """Types the command of a message, for the service whose PKI folder lies in `folder`."""
    service = folder / "ems-telemetry.yaml"
    service.write_text("pki: {directory: pki}\n")
    assert CliRunner().invoke(make_app(), [*command.split()[1:], "--config", str(service)]).exit_code == 0


async def test_a_server_that_does_not_trust_us_is_told_about_and_lets_us_in_by_itself_once_it_does(tmp_path: Path) -> None:
    server = NodeOpcuaServer(tmp_path / "server", secure=1, trusts_all=0)
    (tmp_path / "server").mkdir()
    with serving(server):
        trust(server, tmp_path)
        async with running(air_file(server.endpoint, FLOW, security=PROTECTED), tmp_path) as (sink, given):
            await until(lambda: given.report.status.state is LinkState.DOWN)
            problem = str(given.report.status.last_error)
            ours = OwnFolder(given.pki_directory).find()
            await until(lambda: server.trust_rejected() > 0)
            await sink.wait_for_samples(1)
    assert ours
    assert "certificate not trusted" in problem
    assert "from the rejected to the trusted" in problem
    assert ours.facts.thumbprint in problem
    assert str(ours.path) in problem
    assert "opcua certificate export" in problem


async def test_a_server_with_another_certificate_than_the_pinned_one_is_refused_although_it_is_trusted(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    trust(secure_server, tmp_path)
    security = {**PROTECTED, "server_certificate": own_pair(tmp_path)["certificate"]}
    async with running(air_file(secure_server.endpoint, FLOW, security=security), tmp_path) as (sink, given):
        await until(lambda: given.report.status.last_error is not None)
        assert "it is not the one that server_certificate: pins" in str(given.report.status.last_error)
    assert sink.samples == []
    assert secure_server.sessions().current == 0


async def test_the_pinned_server_is_believed_without_a_trust_list(secure_server: NodeOpcuaServer, tmp_path: Path) -> None:
    pin = tmp_path / "plc.crt"
    pin.write_bytes(certificate_of(secure_server).public_bytes(Encoding.DER))
    security = {**PROTECTED, "server_certificate": str(pin)}
    async with running(air_file(secure_server.endpoint, FLOW, security=security), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)


async def test_certificate_and_key_of_the_file_are_shown_in_the_place_of_those_of_the_pki_folder(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    trust(secure_server, tmp_path)
    security = {**PROTECTED, **own_pair(tmp_path)}
    async with running(air_file(secure_server.endpoint, FLOW, security=security), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)
    assert not (tmp_path / "pki/own").exists()


async def test_a_server_that_calls_itself_by_a_name_nobody_knows_is_reached_at_the_address_of_the_file(tmp_path: Path) -> None:
    server = NodeOpcuaServer(tmp_path, secure=1, hostname="plc-behind-the-router.invalid")
    with serving(server):
        trust(server, tmp_path / "ours")
        async with running(air_file(server.endpoint, FLOW, security=PROTECTED), tmp_path / "ours") as (sink, _):
            await sink.wait_for_samples(1)


async def test_two_connectors_that_start_at_the_same_time_show_the_same_certificate(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    trust(secure_server, tmp_path)
    file = air_file(secure_server.endpoint, FLOW, security=PROTECTED)
    async with running(file, tmp_path) as (first, _), running(file, tmp_path) as (second, _):
        await asyncio.gather(first.wait_for_samples(1), second.wait_for_samples(1))
    assert not (tmp_path / "pki/own/replaced").exists()


async def test_a_certificate_of_ours_that_ends_soon_is_told_while_all_is_well(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    trust(secure_server, tmp_path)
    wish = replace(wish_for_this_machine(), valid_for=timedelta(days=20))
    OwnFolder(tmp_path / "pki").make(wish, SystemClock().now())
    async with running(air_file(secure_server.endpoint, FLOW, security=PROTECTED), tmp_path) as (sink, given):
        await sink.wait_for_samples(1)
        await until(lambda: "expires on" in str(given.report.status.last_error))
        assert given.report.status.state is LinkState.UP


async def test_an_unprotected_file_for_a_protected_server_is_told_to_look_at_security(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with running(air_file(secure_server.endpoint, FLOW), tmp_path) as (_, given):
        await until(lambda: given.report.status.last_error is not None)
    assert "check security:" in str(given.report.status.last_error)


async def test_a_policy_the_server_does_not_offer_is_told(opcua_server: NodeOpcuaServer, tmp_path: Path) -> None:
    security = {"policy": "Basic256Sha256", "mode": "Sign"}
    async with running(air_file(opcua_server.endpoint, FLOW, security=security), tmp_path) as (_, given):
        await until(lambda: given.report.status.last_error is not None)
    problem = str(given.report.status.last_error)
    assert "does not offer Basic256Sha256 with Sign; check security: (it offers: None with None)" in problem
