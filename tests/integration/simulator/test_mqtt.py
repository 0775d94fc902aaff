"""What the plant publishes, and how its broker keeps what a client has not acknowledged; with a real client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as paho
from fakes import until
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from ems_telemetry.connectors.simulator.live import LivePlant
from ems_telemetry.connectors.simulator.loopback import usable_port
from ems_telemetry.connectors.simulator.mqtt_broker import Broker
from ems_telemetry.connectors.simulator.telemetry import TOPICS, WASHING_WATER, keep_publishing

SwitchOn = Callable[..., LivePlant]


class Subscriber:
    """A client that remembers messages. Its callbacks run in its own thread and only append."""

    def __init__(self, port: int, *, client_id: str = "", acknowledge: bool = True, version: int = 4) -> None:
        clean = not client_id if version == paho.MQTTv311 else None
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, clean, protocol=MQTTProtocolVersion(version), manual_ack=not acknowledge
        )
        self.port = port
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
        return [bytes(message.payload) for message in self.messages if message.topic == topic]


@asynccontextmanager
async def published(plant: LivePlant) -> AsyncIterator[int]:
    port = usable_port(0, "MQTT")
    async with asyncio.TaskGroup() as group:
        broker = Broker(group)
        async with broker.listening(port):
            tasks = [group.create_task(keep_publishing(topic, plant, broker)) for topic in TOPICS]
            yield port
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def subscribed(plant: LivePlant) -> AsyncIterator[Subscriber]:
    async with published(plant) as port:
        with Subscriber(port).listening() as subscriber:
            yield subscriber


async def test_every_topic_speaks_with_qos_1(switch_on: SwitchOn) -> None:
    topics = {topic.name for topic in TOPICS}
    async with subscribed(switch_on(rate=10)) as subscriber:
        await until(lambda: {message.topic for message in subscriber.messages} == topics)
    assert {message.qos for message in subscriber.messages} == {1}
    assert not any(message.retain for message in subscriber.messages)


async def test_payloads_hold_times_in_three_fashions(switch_on: SwitchOn) -> None:
    async with subscribed(switch_on(rate=10)) as subscriber:
        await until(lambda: len({message.topic for message in subscriber.messages}) == len(TOPICS))
    water = json.loads(subscriber.payloads("plant/hall-2/wm02/telemetry")[0])
    air = json.loads(subscriber.payloads("plant/hall-2/ca02/telemetry")[0])
    iso, epoch = datetime.fromisoformat(water["ts"]), datetime.fromtimestamp(air["t"] / 1000, tz=UTC)
    assert water["ts"].endswith("Z")
    assert abs(iso - epoch) < timedelta(seconds=2)
    assert 10 < float(subscriber.payloads("plant/hall-1/temperature")[0]) < 30


async def test_one_message_a_minute_is_cut_off_and_the_others_are_whole(switch_on: SwitchOn) -> None:
    def whole() -> list[bool]:
        return [payload.endswith(b"}") for payload in subscriber.payloads(WASHING_WATER.name)]

    async with subscribed(switch_on(rate=20, faults=True)) as subscriber:
        await until(lambda: not all(whole()) and sum(whole()) > 10)
    assert whole().count(False) == 1


async def test_what_comes_while_a_durable_subscriber_is_away_waits_for_it(switch_on: SwitchOn) -> None:
    async with published(switch_on(rate=20)) as port:
        with Subscriber(port, client_id="durable").listening() as first:
            await until(lambda: len(first.payloads(WASHING_WATER.name)) > 5)
        with Subscriber(port).listening() as other:
            await until(lambda: len(other.payloads(WASHING_WATER.name)) > 10)
        with Subscriber(port, client_id="durable").listening() as second:
            await until(lambda: other.payloads(WASHING_WATER.name)[-1] in second.payloads(WASHING_WATER.name))
    assert second.session_present == [True]
    received = first.payloads(WASHING_WATER.name) + second.payloads(WASHING_WATER.name)
    assert set(other.payloads(WASHING_WATER.name)) <= set(received)
    times = [json.loads(payload)["ts"] for payload in second.payloads(WASHING_WATER.name)]
    assert times == sorted(times)
    assert not any(message.retain for message in second.messages)


async def test_what_was_not_acknowledged_comes_again_marked_as_such(switch_on: SwitchOn) -> None:
    async with published(switch_on(rate=10)) as port:
        with Subscriber(port, client_id="slow", acknowledge=False).listening() as first:
            await until(lambda: len(first.messages) > 5)
        with Subscriber(port, client_id="slow").listening() as second:
            await until(lambda: len(second.messages) > len(first.messages))
        again = second.messages[: len(first.messages)]
        assert [(message.mid, message.payload) for message in again] == [(m.mid, m.payload) for m in first.messages]
        assert all(message.dup for message in again)
        with Subscriber(port, client_id="slow").listening() as third:
            await until(lambda: len(third.messages) > 3)
        assert not {message.payload for message in third.messages} & {message.payload for message in again}


async def test_a_client_of_mqtt_5_is_told_that_3_1_1_is_spoken(switch_on: SwitchOn) -> None:
    async with published(switch_on()) as port:
        with Subscriber(port, version=5).listening() as subscriber:
            await until(lambda: bool(subscriber.answers))
    assert subscriber.answers[0].getName() == "Unsupported protocol version"
    assert subscriber.messages == []
