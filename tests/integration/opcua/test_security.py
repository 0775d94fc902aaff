"""Protected channels and users against node-opcua, which offers no unprotected endpoint here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from fakes import until
from integration.opcua.air_plant import air_file, running
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, serving

FLOW = {"flow": "Air.Flow"}
POLICIES = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")


@pytest.fixture(scope="module")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    server = NodeOpcuaServer(tmp_path_factory.mktemp("secure"), secure=1)
    with serving(server):
        yield server


@pytest.fixture
async def own_certificate(tmp_path: Path) -> dict[str, str]:
    """Our certificate and key, as the keys of `security:`."""
    certificate, key = tmp_path / "own.der", tmp_path / "own.key.pem"
    use = [ExtendedKeyUsageOID.CLIENT_AUTH]
    await setup_self_signed_certificate(key, certificate, "urn:plant:ems", LOOPBACK, use, {"commonName": "ems-telemetry"})
    return {"certificate": str(certificate), "key": str(key)}


def as_pem(certificate: str) -> str:
    """Writes a DER certificate as PEM under a name that does not say so."""
    path = Path(certificate).with_suffix(".crt")
    path.write_bytes(x509.load_der_x509_certificate(Path(certificate).read_bytes()).public_bytes(Encoding.PEM))
    return str(path)


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_protected_channel_carries_values(
    secure_server: NodeOpcuaServer, own_certificate: dict[str, str], tmp_path: Path, policy: str, mode: str
) -> None:
    security = {"policy": policy, "mode": mode, **own_certificate}
    async with running(air_file(secure_server.endpoint, FLOW, security=security), tmp_path) as (sink, _):
        await sink.wait_for_samples(2)
    assert secure_server.sessions().current == 0


async def test_the_right_user_is_let_in_with_a_pem_certificate_too(
    secure_server: NodeOpcuaServer, own_certificate: dict[str, str], tmp_path: Path
) -> None:
    in_pem = {**own_certificate, "certificate": as_pem(own_certificate["certificate"])}
    security = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt", **in_pem}
    user = {"name": "ems", "password": "right"}
    async with running(air_file(secure_server.endpoint, FLOW, security=security, user=user), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)


async def test_a_server_with_another_certificate_than_the_pinned_one_is_refused(
    secure_server: NodeOpcuaServer, own_certificate: dict[str, str], tmp_path: Path
) -> None:
    pinned = {"server_certificate": own_certificate["certificate"]}
    security = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt", **own_certificate, **pinned}
    async with running(air_file(secure_server.endpoint, FLOW, security=security), tmp_path) as (sink, given):
        await until(lambda: given.report.status.last_error is not None)
    assert sink.samples == []
    assert secure_server.sessions().current == 0


async def test_an_untrusted_certificate_is_told_with_the_next_step(own_certificate: dict[str, str], tmp_path: Path) -> None:
    server = NodeOpcuaServer(tmp_path, secure=1, trusts_all=0)
    security = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt", **own_certificate}
    with serving(server):
        async with running(air_file(server.endpoint, FLOW, security=security), tmp_path) as (_, given):
            await until(lambda: given.report.status.last_error is not None)
    assert "certificate not trusted" in str(given.report.status.last_error)
    assert "from the rejected to the trusted" in str(given.report.status.last_error)


async def test_an_unprotected_file_for_a_protected_server_is_told_to_look_at_security(
    secure_server: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with running(air_file(secure_server.endpoint, FLOW), tmp_path) as (_, given):
        await until(lambda: given.report.status.last_error is not None)
    assert "check security:" in str(given.report.status.last_error)


async def test_a_policy_the_server_does_not_offer_is_told(
    opcua_server: NodeOpcuaServer, own_certificate: dict[str, str], tmp_path: Path
) -> None:
    security = {"policy": "Basic256Sha256", "mode": "Sign", **own_certificate}
    async with running(air_file(opcua_server.endpoint, FLOW, security=security), tmp_path) as (_, given):
        await until(lambda: given.report.status.last_error is not None)
    assert "check security:" in str(given.report.status.last_error)
