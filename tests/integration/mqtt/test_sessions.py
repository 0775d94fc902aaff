"""What a session is given, and what it is refused: shares, lower QoS, access rules, and the word whether we are there."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import RememberingSink, until
from integration.mqtt.conftest import Run, volume_meter
from integration.mqtt.test_delivery import is_up, payload, send, values
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from servers.cable import Cable
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.process import LOOPBACK, serving

from ems_telemetry.connectors.mqtt import watching
from ems_telemetry.observe import LinkState

SUBACK = 0x90
STATUS = "plant/ems/status"


@pytest.fixture
def publisher(broker: Mosquitto) -> Iterator[Publisher]:
    with publishing(broker.port) as connected:
        yield connected


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes minutes pass in moments."""
    monkeypatch.setattr(watching, "ASK_AGAIN_S", 0.2)
    monkeypatch.setattr(watching, "SILENT_AFTER_S", 0.2)


@pytest.fixture
def overheard(broker: Mosquitto) -> Iterator[list[tuple[str, bytes, bool]]]:
    """What a third party hears under plant/#, with whether it was retained."""
    heard: list[tuple[str, bytes, bool]] = []

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        heard.append((message.topic, bytes(message.payload), message.retain))

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = on_message
    client.connect(LOOPBACK, broker.port)
    client.subscribe("plant/#")
    client.loop_start()
    yield heard
    client.disconnect()
    client.loop_stop()


class Altering(Cable):
    """In front of a broker: answers subscriptions with another code."""

    def __init__(self, port: int, code: int) -> None:
        super().__init__(port)
        self.code: int | None = code
        self.answers = 0

    def carry(self, reader: asyncio.StreamReader, data: bytes) -> bytes:
        if data[:1] == bytes((SUBACK,)) and len(data) == data[1] + 2:
            self.answers += 1
            return data if self.code is None else data[:-1] + bytes((self.code,))
        return super().carry(reader, data)


@pytest.mark.parametrize(
    ("version", "code", "words"), [("3.1.1", 0x80, "it tells no reason"), ("5", 0x87, "Not authorized")], ids=["3.1.1", "5"]
)
@pytest.mark.usefixtures("impatient")
async def test_a_refused_subscription_is_told_and_asked_for_again(
    run: Run, broker: Mosquitto, publisher: Publisher, version: str, code: int, words: str
) -> None:
    cable = Altering(broker.port, code)
    await cable.plug_in()
    sink = RememberingSink()
    try:
        async with run(sink, port=cable.port, version=version) as given:
            await until(lambda: given.report.status.last_error is not None)
            assert f'refuses the subscription to "plant/wm02": {words}' in str(given.report.status.last_error)
            assert given.report.status.state is LinkState.UP
            await until(lambda: cable.answers > 2)
            cable.code = None
            await send(publisher, "plant/wm02", payload(1))
            await sink.wait_for_samples(1)
    finally:
        await cable.unplug()


async def test_a_lower_qos_than_asked_for_is_told(run: Run, broker: Mosquitto) -> None:
    cable = Altering(broker.port, 0)
    await cable.plug_in()
    try:
        async with run(RememberingSink(), port=cable.port) as given:
            await until(lambda: given.report.status.last_error is not None)
            assert '"plant/wm02" at QoS 0 only; messages sent while we are away are lost' in str(given.report.status.last_error)
    finally:
        await cable.unplug()


@pytest.mark.usefixtures("impatient")
async def test_topics_that_access_rules_keep_back_without_a_word_are_told_as_silent(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("user ems\ntopic read plant/allowed\nuser meter\ntopic write plant/#\n")
    guarded = Mosquitto(tmp_path / "guarded", users={"ems": "ems", "meter": "meter"}, settings=[f"acl_file {rules}"])
    meters = [volume_meter("plant/allowed", time=None), volume_meter("plant/kept-back", id="WM-03", time=None)]
    rare = volume_meter("plant/rare", id="WM-04", time=None)
    rare["points"][0]["expected_interval"] = "1d"
    user = {"name": "ems", "password": "ems"}
    sink = RememberingSink()
    with serving(guarded), publishing(guarded.port, ("meter", "meter")) as publisher:
        async with run(sink, *meters, rare, port=guarded.port, user=user) as given:
            await is_up(given)
            await send(publisher, "plant/allowed", '{"total": 1}')
            await send(publisher, "plant/kept-back", '{"total": 2}')
            await until(lambda: given.report.status.last_error is not None)
            told = str(given.report.status.last_error)
    assert values(sink.samples) == [1]
    assert 'nothing has come for 0 min from "plant/kept-back" (WM-03.volume); see whether' in told
    assert "access rules" in told
    assert "WM-02" not in told
    assert "WM-04" not in told


@pytest.mark.usefixtures("impatient")
async def test_a_value_that_no_message_holds_is_told(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with run(sink, volume_meter(time=None, missing="ignore")) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", '{"totl": 1}')
        await until(lambda: given.report.status.last_error is not None)
        assert "messages come, but no value of WM-02.volume" in str(given.report.status.last_error)
    assert sink.dead_letters == []


async def test_two_services_of_a_group_share_the_messages(run: Run, publisher: Publisher) -> None:
    ours, theirs = RememberingSink(), RememberingSink()
    meter = volume_meter("$share/ems/plant/#", time=None)
    async with (
        run(ours, meter, client_id="one", state="one") as first,
        run(theirs, meter, client_id="two", state="two") as second,
    ):
        await is_up(first)
        await is_up(second)
        await send(publisher, "plant/a/b", *(f'{{"total": {number}}}' for number in range(20)))
        await until(lambda: len(ours.samples) + len(theirs.samples) == 20)
    assert ours.samples
    assert theirs.samples
    assert sorted(values([*ours.samples, *theirs.samples]), key=str) == sorted(range(20), key=str)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_others_are_told_that_we_are_there_and_that_we_left(
    run: Run, overheard: list[tuple[str, bytes, bool]], version: str
) -> None:
    async with run(RememberingSink(), volume_meter("other"), version=version, status_topic=STATUS) as given:
        await is_up(given)
        await until(lambda: (STATUS, b"online", False) in overheard)
    await until(lambda: overheard == [(STATUS, b"online", False), (STATUS, b"offline", False)])


async def test_others_are_told_when_we_break_off(run: Run, broker: Mosquitto, overheard: list[tuple[str, bytes, bool]]) -> None:
    cable = Cable(broker.port)
    await cable.plug_in()
    async with run(RememberingSink(), volume_meter("other"), port=cable.port, status_topic=STATUS) as given:
        await is_up(given)
        await until(lambda: (STATUS, b"online", False) in overheard)
        await cable.unplug()
        await until(lambda: (STATUS, b"offline", False) in overheard)


async def test_whether_we_are_there_is_retained(run: Run, broker: Mosquitto) -> None:
    async with run(RememberingSink(), volume_meter("other"), status_topic=STATUS) as given:
        await is_up(given)
        heard: list[bool] = []
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _client, _data, message: heard.append(message.retain)
        await asyncio.to_thread(client.connect, LOOPBACK, broker.port)
        client.subscribe(STATUS)
        client.loop_start()
        await until(lambda: heard == [True])
        client.disconnect()
        client.loop_stop()


async def test_nothing_is_published_unless_told(run: Run, overheard: list[tuple[str, bytes, bool]]) -> None:
    async with run(RememberingSink(), volume_meter("other")) as given:
        await is_up(given)
    async with run(RememberingSink(), volume_meter("other"), abruptly=True) as given:
        await is_up(given)
    await asyncio.sleep(0.2)
    assert overheard == []


async def test_a_broker_that_freezes_and_thaws_sees_no_message_twice(run: Run, broker: Mosquitto, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with run(sink, volume_meter(time=None), qos=2) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", '{"total": 1}')
        await sink.wait_for_samples(1)
        broker.send(signal.SIGSTOP)
        await asyncio.sleep(0.3)
        broker.send(signal.SIGCONT)
        await send(publisher, "plant/wm02", '{"total": 2}')
        await sink.wait_for_samples(2)
    assert values(sink.samples) == [1, 2]
