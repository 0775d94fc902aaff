"""Listening to a broker: what is heard, and that nothing of it stays behind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from amqtt.broker import Broker as OldBroker
from authority import Authority
from fakes import until
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.process import LOOPBACK, free_port, serving

from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.listening import listen
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.errors import ConnectionLostError, EndpointRefusedError


def file_for(endpoint: str, **settings: object) -> MqttFile:
    return MqttFile.model_validate({"type": "mqtt", "endpoint": endpoint, "site": "BER1", **settings})


@pytest.fixture
def publisher(broker: Mosquitto) -> Iterator[Publisher]:
    with publishing(broker.port) as connected:
        yield connected


async def hear(file: MqttFile, publisher: Publisher, *topics: str, count: int) -> list[Message]:
    """Publishes until that many messages were heard."""
    heard: list[Message] = []
    enough = asyncio.Event()
    listening = asyncio.create_task(listen(file, topics, SystemClock(), heard.append, enough))
    try:
        async with asyncio.timeout(20):
            while len(heard) < count and not listening.done():
                await asyncio.to_thread(publisher.send, "plant/wm02", "1", qos=1)
                await asyncio.sleep(0.02)
    finally:
        enough.set()
        await listening
    return heard


@pytest.mark.parametrize("version", ["auto", "5", "3.1.1"])
async def test_messages_are_heard_at_qos_0(broker: Mosquitto, publisher: Publisher, version: str) -> None:
    heard = await hear(file_for(broker.endpoint, version=version), publisher, "plant/+", count=3)
    assert {(each.topic, each.payload, each.qos) for each in heard} == {("plant/wm02", b"1", 0)}


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_no_session_stays_behind(tmp_path: Path, version: str) -> None:
    chatty = Mosquitto(tmp_path / "chatty", settings=["log_type all"])
    with serving(chatty), publishing(chatty.port) as publisher:
        await hear(file_for(chatty.endpoint, version=version), publisher, "#", count=1)
        await asyncio.to_thread(publisher.send, "plant/wm02", "2")
        await until(lambda: "ems-telemetry-listen" in chatty.log.read_text())
    log = chatty.log.read_text()
    (connected,) = (line for line in log.splitlines() if "New client" in line and "ems-telemetry-listen" in line)
    assert "c1" in connected
    assert log.rindex("disconnected") > log.rindex("ems-telemetry-listen") - 100


async def test_two_may_listen_at_once_and_disturb_nobody(broker: Mosquitto, publisher: Publisher) -> None:
    file = file_for(broker.endpoint)
    first, second = await asyncio.gather(hear(file, publisher, "#", count=2), hear(file, publisher, "#", count=2))
    assert len(first) >= 2
    assert len(second) >= 2


async def test_retained_messages_are_heard_and_marked(broker: Mosquitto, publisher: Publisher) -> None:
    await asyncio.to_thread(publisher.send, "plant/kept", "7", retain=True)
    heard = await hear(file_for(broker.endpoint), publisher, "plant/#", count=2)
    assert ("plant/kept", True) in {(each.topic, each.retained) for each in heard}


async def test_a_broker_of_3_1_1_alone_is_listened_to(tmp_path: Path) -> None:
    assert tmp_path.is_dir()
    port = free_port()
    old = OldBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await old.start()
    try:
        with publishing(port) as publisher:
            assert await hear(file_for(f"mqtt://{LOOPBACK}:{port}"), publisher, "plant/#", count=1)
    finally:
        await old.shutdown()


async def test_who_is_refused_is_told_why(tmp_path: Path) -> None:
    guarded = Mosquitto(tmp_path / "guarded", users={"ems": "right"})
    file = file_for(guarded.endpoint, user={"name": "ems", "password": "wrong"})
    with serving(guarded), pytest.raises(EndpointRefusedError, match="check the name and password"):
        await listen(file, ["#"], SystemClock(), lambda _: None, asyncio.Event())


async def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(ConnectionLostError, match="nobody listens at"):
        await listen(file_for(f"mqtt://{LOOPBACK}:{free_port()}"), ["#"], SystemClock(), lambda _: None, asyncio.Event())


async def test_a_broker_that_goes_away_ends_the_listening(broker: Mosquitto) -> None:
    listening = asyncio.create_task(listen(file_for(broker.endpoint), ["#"], SystemClock(), lambda _: None, asyncio.Event()))
    await asyncio.sleep(0.5)
    broker.kill()
    with pytest.raises(ConnectionLostError):
        await asyncio.wait_for(listening, 10)


async def test_a_broker_that_wants_our_certificate_is_listened_to_with_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki", "works-ca")
    pair, ours = authority.issue("broker"), authority.issue("ems")
    files = [f"cafile {authority.certificate}", f"certfile {pair.certificate}", f"keyfile {pair.key}"]
    strict = Mosquitto(tmp_path / "strict", settings=[*files, "require_certificate true"])
    tls = {"ca": str(authority.certificate), "certificate": str(ours.certificate), "key": str(ours.key)}
    enough = asyncio.Event()
    asyncio.get_running_loop().call_later(0.5, enough.set)
    with serving(strict):
        file = file_for(f"mqtts://{LOOPBACK}:{strict.port}", tls=tls)
        assert await listen(file, ["#"], SystemClock(), lambda _: None, enough) == {}
