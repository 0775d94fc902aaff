"""A broker that says no, speaks another language or falls silent is reported in words, and tried again."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from amqtt.broker import Broker as OldBroker
from authority import Authority
from fakes import RememberingSink, until
from integration.mqtt.conftest import Run, volume_meter
from servers.cable import Cable
from servers.mosquitto import Mosquitto, publishing
from servers.process import LOOPBACK, free_port, serving

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.observe import LinkState

VERSION_5 = 5
CONNACK_UNACCEPTABLE_VERSION = b"\x20\x02\x00\x01"
USERS = {"ems": "right", "meter": "meter"}


async def is_up(given: Surroundings) -> None:
    await until(lambda: given.report.status.state is LinkState.UP)


async def complaint(given: Surroundings) -> str:
    """Waits until the connector is down, and gives its reason."""
    await until(lambda: given.report.status.state is LinkState.DOWN)
    return str(given.report.status.last_error)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path / "guarded", users=USERS)
    with serving(started):
        yield started


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_wrong_password_is_said_so(run: Run, guarded: Mosquitto, version: str) -> None:
    user = {"name": "ems", "password": "wrong"}
    async with run(RememberingSink(), port=guarded.port, user=user, version=version) as given:
        reason = await complaint(given)
    assert "password" in reason
    assert '"user"' in reason
    assert "wrong" not in reason


async def test_the_right_password_from_a_file_lets_us_in(run: Run, guarded: Mosquitto, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("right\n")
    user = {"name": "ems", "password_file": str(tmp_path / "secret")}
    sink = RememberingSink()
    async with run(sink, volume_meter(time=None), port=guarded.port, user=user) as given:
        await is_up(given)
        with publishing(guarded.port, ("meter", "meter")) as publisher:
            await asyncio.to_thread(publisher.send, "plant/wm02", '{"total": 1}')
        await sink.wait_for_samples(1)


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "pki", "works-ca")

    @pytest.fixture
    def secured(self, tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
        pair = authority.issue("broker")
        settings = [f"cafile {authority.certificate}", f"certfile {pair.certificate}", f"keyfile {pair.key}"]
        started = Mosquitto(tmp_path / "secured", settings=settings)
        with serving(started):
            yield started

    @pytest.fixture
    def strict(self, tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
        pair = authority.issue("broker")
        files = [f"cafile {authority.certificate}", f"certfile {pair.certificate}", f"keyfile {pair.key}"]
        started = Mosquitto(tmp_path / "strict", settings=[*files, "require_certificate true"])
        with serving(started):
            yield started

    async def test_a_broker_our_authority_vouches_for_is_served_again_and_again(
        self, run: Run, secured: Mosquitto, authority: Authority
    ) -> None:
        endpoint = f"mqtts://{LOOPBACK}:{secured.port}"
        sink = RememberingSink()
        for _ in range(2):
            async with run(sink, endpoint=endpoint, tls={"ca": str(authority.certificate)}) as given:
                await is_up(given)

    async def test_an_unknown_authority_is_said_so(self, run: Run, secured: Mosquitto, tmp_path: Path) -> None:
        stranger = Authority(tmp_path / "stranger", "other-ca")
        endpoint = f"mqtts://{LOOPBACK}:{secured.port}"
        async with run(RememberingSink(), endpoint=endpoint, tls={"ca": str(stranger.certificate)}) as given:
            reason = await complaint(given)
        assert f"the certificate of {LOOPBACK}:{secured.port} is not trusted" in reason
        assert '"tls: ca"' in reason

    async def test_a_certificate_for_another_name_is_said_so(self, run: Run, tmp_path: Path, authority: Authority) -> None:
        pair = authority.issue("elsewhere", address="10.0.0.1")
        settings = [f"certfile {pair.certificate}", f"keyfile {pair.key}"]
        elsewhere = Mosquitto(tmp_path / "elsewhere", settings=settings)
        with serving(elsewhere):
            endpoint = f"mqtts://{LOOPBACK}:{elsewhere.port}"
            async with run(RememberingSink(), endpoint=endpoint, tls={"ca": str(authority.certificate)}) as given:
                reason = await complaint(given)
        assert "IP address mismatch" in reason

    async def test_a_port_without_tls_is_said_so(self, run: Run, broker: Mosquitto) -> None:
        async with run(RememberingSink(), endpoint=f"mqtts://{LOOPBACK}:{broker.port}") as given:
            reason = await complaint(given)
        assert str(broker.port) in reason

    async def test_messages_flow_with_a_certificate_of_our_own(self, run: Run, strict: Mosquitto, authority: Authority) -> None:
        ours = authority.issue("ems")
        tls = {"ca": str(authority.certificate), "certificate": str(ours.certificate), "key": str(ours.key)}
        endpoint = f"mqtts://{LOOPBACK}:{strict.port}"
        async with run(RememberingSink(), endpoint=endpoint, tls=tls) as given:
            await is_up(given)

    async def test_a_broker_that_wants_our_certificate_turns_us_away_without_one(
        self, run: Run, strict: Mosquitto, authority: Authority
    ) -> None:
        endpoint = f"mqtts://{LOOPBACK}:{strict.port}"
        async with run(RememberingSink(), endpoint=endpoint, tls={"ca": str(authority.certificate)}) as given:
            assert "closes the connection" in await complaint(given)


class RefusingVersion5(Cable):
    """In front of a broker: answers version 5 as a broker that knows 3.1.1 only shall."""

    async def greet(self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> bytes | None:
        packet = await near_reader.read(4096)
        if packet[packet.index(b"MQTT") + 4] != VERSION_5:
            return packet
        near_writer.write(CONNACK_UNACCEPTABLE_VERSION)
        return None


async def test_a_broker_that_refuses_version_5_is_spoken_to_in_3_1_1(run: Run, broker: Mosquitto) -> None:
    cable = RefusingVersion5(broker.port)
    await cable.plug_in()
    sink = RememberingSink()
    try:
        async with run(sink, volume_meter(time=None), port=cable.port) as given:
            await is_up(given)
            assert cable.connections == 2
            with publishing(broker.port) as publisher:
                await asyncio.to_thread(publisher.send, "plant/wm02", '{"total": 1}')
            await sink.wait_for_samples(1)
            cable.cut()
            await until(lambda: given.report.status.counters.get("reconnects", 0) == 1)
            await is_up(given)
            assert cable.connections == 3
        async with run(RememberingSink(), port=cable.port, version="5") as given:
            assert 'set "version"' in await complaint(given)
    finally:
        await cable.unplug()


async def test_a_broker_that_does_not_answer_version_5_is_spoken_to_in_3_1_1(run: Run) -> None:
    port = free_port()
    old = OldBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await old.start()
    sink = RememberingSink()
    try:
        async with run(sink, volume_meter(time=None), port=port) as given:
            await is_up(given)
            with publishing(port) as publisher:
                await asyncio.to_thread(publisher.send, "plant/wm02", '{"total": 1}')
            await sink.wait_for_samples(1)
    finally:
        await old.shutdown()


async def test_two_clients_under_one_id_are_given_a_hint(run: Run) -> None:
    async with run(RememberingSink(), client_id="twin", abruptly=True) as first:
        await is_up(first)
        async with run(RememberingSink(), client_id="twin", abruptly=True):
            reason = await complaint(first)
    assert 'another client uses our client id "twin"' in reason


async def test_a_broker_gone_silent_is_noticed_and_served_again(run: Run, broker: Mosquitto) -> None:
    async with run(RememberingSink(), keepalive="5s") as given:
        await is_up(given)
        broker.send(signal.SIGSTOP)
        await until(lambda: given.report.status.state is LinkState.DOWN, timeout_s=20)
        assert "keepalive" in str(given.report.status.last_error)
        broker.send(signal.SIGCONT)
        await is_up(given)


async def test_stop_ends_an_attempt_to_connect_to_a_silent_host(run: Run, broker: Mosquitto) -> None:
    broker.send(signal.SIGSTOP)
    async with run(RememberingSink()) as given:
        await until(lambda: given.report.status.state is LinkState.CONNECTING)
        await asyncio.sleep(0.1)
    broker.send(signal.SIGCONT)
