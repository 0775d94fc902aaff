"""What the plant publishes, and how its broker keeps what a client has not acknowledged; with a real client."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as paho
from fakes import until
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ems_telemetry.connectors.simulator import Ports
from ems_telemetry.connectors.simulator.telemetry import TOPICS, WASHING_WATER

RunPlant = Callable[..., AbstractAsyncContextManager[Ports]]


class Subscriber:
    """A client that remembers messages. Its callbacks run in its own thread and only append."""

    def __init__(self, ports: Ports, *, client_id: str = "", acknowledge: bool = True, version: int = 4) -> None:
        durable = {"clean_session": not client_id} if version == paho.MQTTv311 else {}
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=paho.MQTTProtocolVersion(version),
            manual_ack=not acknowledge,
            **durable,
        )
        self.port = ports.mqtt
        self.messages: list[paho.MQTTMessage] = []
        self.answers: list[ReasonCode] = []
        self.session_present: list[bool] = []
        self.client.on_message = lambda _client, _data, message: self.messages.append(message)
        self.client.on_connect = self._on_connect

    def _on_connect(
        self, client: paho.Client, _data: object, flags: paho.ConnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        self.session_present.append(flags.session_present)
        self.answers.append(code)
        if not flags.session_present:
            client.subscribe("plant/#", qos=1)

    @contextmanager
    def listening(self) -> Iterator["Subscriber"]:
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()
        try:
            yield self
        finally:
            self.client.disconnect()
            self.client.loop_stop()

    def payloads(self, topic: str) -> list[bytes]:
        return [message.payload for message in self.messages if message.topic == topic]


@asynccontextmanager
async def subscribed(run_plant: RunPlant, **plant: object) -> AsyncIterator[Subscriber]:
    async with run_plant(**plant) as ports:
        with Subscriber(ports).listening() as subscriber:
            yield subscriber


async def test_every_topic_speaks_with_qos_1(run_plant: RunPlant) -> None:
    topics = {topic.name for topic in TOPICS}
    async with subscribed(run_plant, rate=10) as subscriber:
        await until(lambda: {message.topic for message in subscriber.messages} == topics)
    assert {message.qos for message in subscriber.messages} == {1}
    assert not any(message.retain for message in subscriber.messages)


async def test_payloads_hold_times_in_three_fashions(run_plant: RunPlant) -> None:
    async with subscribed(run_plant, rate=10) as subscriber:
        await until(lambda: len({message.topic for message in subscriber.messages}) == len(TOPICS))
    water = json.loads(subscriber.payloads("plant/hall-2/wm02/telemetry")[0])
    air = json.loads(subscriber.payloads("plant/hall-2/ca02/telemetry")[0])
    iso, epoch = datetime.fromisoformat(water["ts"]), datetime.fromtimestamp(air["t"] / 1000, tz=UTC)
    assert water["ts"].endswith("Z")
    assert abs(iso - epoch) < timedelta(seconds=2)
    assert 10 < float(subscriber.payloads("plant/hall-1/temperature")[0]) < 30


async def test_one_message_a_minute_is_cut_off_and_the_others_are_whole(run_plant: RunPlant) -> None:
    def unreadable() -> list[bytes]:
        return [payload for payload in subscriber.payloads(WASHING_WATER.name) if not payload.endswith(b"}")]

    async with subscribed(run_plant, rate=20, faults=True) as subscriber:
        await until(lambda: len(unreadable()) == 1 and not unreadable()[0] == subscriber.payloads(WASHING_WATER.name)[-1])
    assert len(subscriber.payloads(WASHING_WATER.name)) > 10


async def test_what_comes_while_a_durable_subscriber_is_away_waits_for_it(run_plant: RunPlant) -> None:
    async with run_plant(rate=20) as ports:
        with Subscriber(ports, client_id="durable").listening() as first:
            await until(lambda: len(first.payloads(WASHING_WATER.name)) > 5)
        with Subscriber(ports).listening() as other:
            await until(lambda: len(other.payloads(WASHING_WATER.name)) > 10)
        with Subscriber(ports, client_id="durable").listening() as second:
            await until(lambda: other.payloads(WASHING_WATER.name)[-1] in second.payloads(WASHING_WATER.name))
    assert second.session_present == [True]
    received = first.payloads(WASHING_WATER.name) + second.payloads(WASHING_WATER.name)
    assert set(other.payloads(WASHING_WATER.name)) <= set(received)
    times = [json.loads(payload)["ts"] for payload in second.payloads(WASHING_WATER.name)]
    assert times == sorted(times)
    assert not any(message.retain for message in second.messages)


async def test_what_was_not_acknowledged_comes_again_marked_as_such(run_plant: RunPlant) -> None:
    async with run_plant(rate=10) as ports:
        with Subscriber(ports, client_id="slow", acknowledge=False).listening() as first:
            await until(lambda: len(first.messages) > 5)
        with Subscriber(ports, client_id="slow").listening() as second:
            await until(lambda: len(second.messages) > len(first.messages))
        again = second.messages[: len(first.messages)]
        assert [(message.mid, message.payload) for message in again] == [(m.mid, m.payload) for m in first.messages]
        assert all(message.dup for message in again)
        with Subscriber(ports, client_id="slow").listening() as third:
            await until(lambda: len(third.messages) > 3)
        assert not {message.payload for message in third.messages} & {message.payload for message in again}


async def test_a_client_of_mqtt_5_is_told_that_3_1_1_is_spoken(run_plant: RunPlant) -> None:
    async with run_plant() as ports:
        with Subscriber(ports, version=5).listening() as subscriber:
            await until(lambda: bool(subscriber.answers))
    assert subscriber.answers[0].getName() == "Unsupported protocol version"
    assert subscriber.messages == []
