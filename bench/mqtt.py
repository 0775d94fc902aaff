"""Messages per second through the MQTT connector, beside a bare paho loop that only counts and acknowledges.

Both drain the same queue of a durable session at a real Mosquitto: 100-byte JSON messages at QoS 1 with a time and two values.

    PYTHONPATH=tests python bench/mqtt.py [MESSAGES] [ROUNDS]
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from fakes import surroundings
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from servers.mosquitto import Mosquitto, publishing
from servers.process import LOOPBACK, serving

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.connectors.contract import Shared, Surroundings
from ems_telemetry.connectors.mqtt import CONNECTOR_TYPE
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample
from ems_telemetry.observe import configure_logging

TOPIC = "plant/utilities/em01/telemetry"
WINDOW = 500


def payload(number: int) -> str:
    text = f'{{"ts":{1_780_000_000_000 + number},"energy_kwh":{number},"power_kw":{number % 100}.5,"device":"'
    return text + "x" * (98 - len(text)) + '"}'


class CountingSink:
    """A sink that takes everything at once and only counts it."""

    def __init__(self) -> None:
        self.samples = 0
        self.expected = 0
        self.done = asyncio.Event()

    async def deliver(  # noqa: D102 - as the port says
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        del receipts
        if dead_letters:
            raise AssertionError(dead_letters[0])
        self.samples += len(samples)
        if self.samples >= self.expected:
            self.done.set()

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:  # noqa: D102 - see deliver
        await self.deliver(samples, dead_letters)
        return True

    async def record(self, gaps: Sequence[Gap]) -> None:
        """Never called: nothing is missing here."""
        raise NotImplementedError

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        """Never called: every point stands in the file."""
        raise NotImplementedError

    async def is_durable(self, receipt: Receipt) -> bool:  # noqa: D102 - see deliver
        del receipt
        return False


def fill(broker: Mosquitto, messages: int) -> None:
    with publishing(broker.port) as publisher:
        publisher.send_all([(TOPIC, payload(number)) for number in range(messages)])


def count_bare(broker: Mosquitto, messages: int) -> float:
    """Counts and acknowledges; gives seconds. With 0 messages it only leaves a session behind."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    received = 0

    def on_connect(_client: Client, _data: object, _flags: ConnectFlags, _reason: ReasonCode, _more: object) -> None:
        client.subscribe(TOPIC, 1)

    def on_subscribe(*_: object) -> None:
        if not messages:
            client.disconnect()

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        nonlocal received
        received += 1
        client.ack(message.mid, message.qos)
        if received == messages:
            client.disconnect()

    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has not annotated it
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = WINDOW
    began_s = time.perf_counter()
    client.connect(LOOPBACK, broker.port, clean_start=False, properties=properties)
    client.loop_forever()
    return time.perf_counter() - began_s


async def count_connector(broker: Mosquitto, messages: int, folder: Path) -> float:
    """Runs the connector until it has handed everything over; gives seconds. With 0 messages it leaves a session behind."""
    points = [
        {"id": "energy", "value": "$.energy_kwh", "quantity": "active_energy_import", "unit": "kWh"},
        {"id": "power", "value": "$.power_kw", "quantity": "active_power", "unit": "kW"},
    ]
    meters = [{"id": "EM-01", "topic": TOPIC, "time": "$.ts", "points": points}]
    content = {"type": "mqtt", "endpoint": broker.endpoint, "site": "S", "receive_maximum": WINDOW, "meters": meters}
    given = surroundings(folder)
    sink = CountingSink()
    sink.expected = 2 * messages
    given = Surroundings(sink, given.report, given.clock, given.backoff, folder, folder, Shared())
    connector = CONNECTOR_TYPE.build(MqttFile.model_validate(content), given)
    began_s = time.perf_counter()
    running = asyncio.create_task(connector.run())
    if messages:
        await sink.done.wait()
    else:
        await asyncio.sleep(0.5)
    connector.stop()
    await running
    return time.perf_counter() - began_s


def main(messages: int, rounds: int) -> None:
    configure_logging("warning")
    folder = Path(tempfile.mkdtemp(prefix="bench-mqtt-"))
    broker = Mosquitto(folder / "broker", saves_often=False)
    bare: list[float] = []
    ours: list[float] = []
    with serving(broker):
        count_bare(broker, 0)
        asyncio.run(count_connector(broker, 0, folder))
        for _ in range(rounds):
            fill(broker, messages)
            bare.append(messages / count_bare(broker, messages))
            ours.append(messages / asyncio.run(count_connector(broker, messages, folder)))
    print(f"payload                  {len(payload(0))} bytes, 2 values, QoS 1, {messages} messages, median of {rounds} rounds")
    print(f"bare paho loop           {median(bare):10,.0f} messages/s")
    print(f"connector                {median(ours):10,.0f} messages/s")
    print(f"ratio                    {median(ours) / median(bare):10.2f}")


if __name__ == "__main__":
    given_messages, given_rounds, *_ = (*map(int, sys.argv[1:]), *(20_000, 5)[len(sys.argv) - 1 :])
    main(given_messages, given_rounds)
