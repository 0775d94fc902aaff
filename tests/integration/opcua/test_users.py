"""Who we are to servers: names with passwords and certificates, and that no password travels readable."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import CertificateUserManager
from cryptography.x509.oid import ExtendedKeyUsageOID
from fakes import until
from integration.opcua.air_plant import air_file, running
from integration.opcua.asyncua_server import asyncua_server
from integration.opcua.test_security import FLOW, PROTECTED, certificate_of, trust
from opcua_certificates import Issued, issue_today
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, serving

from ems_telemetry.connectors.opcua.certificates import facts_of
from ems_telemetry.connectors.opcua.trust_folder import TrustFolder
from ems_telemetry.observe import LinkState

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

RIGHT = {"name": "ems", "password": "right"}


@pytest.fixture(scope="module")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    server = NodeOpcuaServer(tmp_path_factory.mktemp("secure"), secure=1)
    with serving(server):
        yield server


def user_certificate() -> Issued:
    return issue_today("operator", uri="urn:user", use=ExtendedKeyUsageOID.CLIENT_AUTH)


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
async def test_a_name_and_its_password_are_let_in(
    secure_server: NodeOpcuaServer, tmp_path: Path, policy: str, mode: str
) -> None:
    trust(secure_server, tmp_path)
    file = air_file(secure_server.endpoint, FLOW, security={"policy": policy, "mode": mode}, user=RIGHT)
    async with running(file, tmp_path) as (sink, _):
        await sink.wait_for_samples(1)


async def test_a_wrong_password_is_told_and_not_repeated(secure_server: NodeOpcuaServer, tmp_path: Path) -> None:
    trust(secure_server, tmp_path)
    user = {"name": "ems", "password": "hunter2"}
    async with running(air_file(secure_server.endpoint, FLOW, security=PROTECTED, user=user), tmp_path) as (_, given):
        await until(lambda: given.report.status.state is LinkState.DOWN)
        assert "refuses the user; check name and password" in str(given.report.status.last_error)
        assert "hunter2" not in str(given.report.status.last_error)


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes256_Sha256_RsaPss"])
async def test_a_user_with_a_certificate_is_let_in(secure_server: NodeOpcuaServer, tmp_path: Path, policy: str) -> None:
    trust(secure_server, tmp_path)
    security, user = {"policy": policy, "mode": "SignAndEncrypt"}, user_certificate().write(tmp_path, "operator")
    async with running(air_file(secure_server.endpoint, FLOW, security=security, user=user), tmp_path) as (sink, _):
        await sink.wait_for_samples(1)


async def test_a_user_s_certificate_that_is_not_trusted_is_told_as_the_user_s_and_gets_in_once_it_is(tmp_path: Path) -> None:
    server = NodeOpcuaServer(tmp_path, secure=1, trusts_all=0)
    operator = user_certificate()
    file = air_file(server.endpoint, FLOW, security=PROTECTED, user=operator.write(tmp_path, "operator"))
    with serving(server):
        trust(server, tmp_path / "ours")
        async with running(file, tmp_path / "ours") as (sink, given):
            await until(lambda: server.trust_rejected() > 0)
            await until(lambda: facts_of(operator.certificate).thumbprint in str(given.report.status.last_error))
            problem = str(given.report.status.last_error)
            await until(lambda: server.trust_rejected() > 0)
            await sink.wait_for_samples(1)
    assert "does not let in the user with the certificate" in problem
    assert "from the rejected to the trusted users" in problem


async def test_a_password_that_the_server_s_key_protects_is_sent_to_nobody_who_is_not_trusted(tmp_path: Path) -> None:
    server = NodeOpcuaServer(tmp_path, secure=1, open=1)
    with serving(server):
        async with running(air_file(server.endpoint, FLOW, user=RIGHT), tmp_path / "ours") as (sink, given):
            await until(lambda: given.report.status.state is LinkState.DOWN)
            assert "ems-telemetry opcua trust accept" in str(given.report.status.last_error)
            TrustFolder(given.pki_directory).accept(facts_of(certificate_of(server)).fingerprint)
            await sink.wait_for_samples(1)


class CheckingUsers:
    """Lets one name in, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str | None]] = []

    def get_user(
        self, _server: object, username: str | None = None, password: str | None = None, certificate: object = None
    ) -> User | None:
        del certificate
        self.told.append((username, password))
        return User(role=UserRole.User) if (username, password) == ("ems", "right") else None


async def test_a_password_is_not_sent_in_clear_text_unless_that_is_allowed(tmp_path: Path) -> None:
    users = CheckingUsers()
    async with asyncua_server(users) as port:
        endpoint = f"opc.tcp://{LOOPBACK}:{port}"
        async with running(air_file(endpoint, FLOW, user=RIGHT), tmp_path) as (sink, given):
            await until(lambda: given.report.status.state is LinkState.DOWN)
            problem = str(given.report.status.last_error)
        assert (sink.samples, users.told) == ([], [])
        allowed = {**RIGHT, "allow_clear_text": True}
        async with running(air_file(endpoint, FLOW, user=allowed), tmp_path) as (sink, given):
            await sink.wait_for_samples(1)
    assert "the password was not sent" in problem
    assert "allow_clear_text: true" in problem
    assert "right" not in problem


@pytest.mark.parametrize("known", [True, False])
async def test_asyncua_s_server_lets_in_the_user_whose_certificate_it_knows(tmp_path: Path, known: bool) -> None:  # noqa: FBT001
    operator, stranger = user_certificate(), user_certificate()
    (tmp_path / "operator.der").write_bytes(operator.der)
    users = CertificateUserManager()
    await users.add_user(tmp_path / "operator.der", "operator")
    plc = issue_today("plc")
    trusted = tmp_path / "pki" / "trusted"
    trusted.mkdir(parents=True)
    (trusted / "plc.der").write_bytes(plc.der)
    user = (operator if known else stranger).write(tmp_path, "user")
    async with (
        asyncua_server(users, plc.write(tmp_path, "plc")) as port,
        running(air_file(f"opc.tcp://{LOOPBACK}:{port}", FLOW, security=PROTECTED, user=user), tmp_path) as (sink, given),
    ):
        await (sink.wait_for_samples(1) if known else until(lambda: given.report.status.state is LinkState.DOWN))
        assert bool(sink.samples) is known
        assert known or "does not let in the user with the certificate" in str(given.report.status.last_error)
