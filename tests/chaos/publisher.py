"""A publisher that numbers what it says, and keeps each message until the broker has acknowledged it, through every outage.

At QoS 1 a message that is sent again because its acknowledgement did not come is a second message to the broker, and to
whoever listens there. Such messages are marked: only for those two readings of one number are the publisher's own doing.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from servers.process import LOOPBACK

BROKEN_EVERY = 25
"""Of the messages with a time, one in so many cannot be read, and belongs into the dead letters."""
SWEEP_EVERY_S = 0.1
KEEPALIVE_S = 10


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic, which one point listens to."""

    topic: str
    point: str
    qos: int
    is_timed: bool


CHANNELS = tuple(
    Channel(f"plant/{word}{qos}", f"{word.upper()}-{qos}.number", qos, is_timed=word == "timed")
    for qos in (1, 2)
    for word in ("timed", "bare")
)


@dataclass(slots=True)
class Message:
    """One numbered message. `at` is when it was published first, and what it says itself where it is timed."""

    channel: Channel
    number: int
    at: datetime
    is_broken: bool
    is_taken: bool = False
    """The broker has acknowledged it."""
    is_repeated: bool = False
    """It may have been sent more than once."""
    was_sent: bool = False

    @property
    def payload(self) -> str:
        """What goes over the wire."""
        if not self.channel.is_timed:
            return str(self.number)
        text = json.dumps({"ts": self.at.isoformat(), "n": self.number})
        return text.removesuffix("}") if self.is_broken else text


@dataclass
class NumberingPublisher:
    """Publishes from a thread of its own, `rate` messages a second over all channels."""

    port: int
    rate: float
    messages: dict[Channel, list[Message]] = field(default_factory=lambda: {channel: [] for channel in CHANNELS})

    def __post_init__(self) -> None:
        self._outstanding: dict[tuple[str, int], Message] = {}
        self._by_packet: dict[int, Message] = {}
        self._taken: deque[int] = deque()
        self._lock = threading.Lock()
        self._speaking = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="numbering-publisher")
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="numbering-publisher", clean_session=False)
        self._client.on_connect = self._on_connect
        self._client.on_publish = lambda _client, _data, packet_id, *_: self._taken.append(packet_id)
        self._client.max_inflight_messages_set(100)
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)

    @property
    def outstanding(self) -> int:
        """How many messages the broker has not acknowledged."""
        return len(self._outstanding)

    @property
    def is_running(self) -> bool:
        """Tells whether its thread lives."""
        return self._thread.is_alive()

    def hold(self) -> None:
        """Publishes nothing more until `go_on`; what is under way goes on."""
        self._speaking.clear()

    def go_on(self) -> None:
        """Publishes again."""
        self._speaking.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Connects, and publishes for the length of a `with`. Once."""
        self._client.connect(LOOPBACK, self.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()
        self._speaking.set()
        self._thread.start()
        try:
            yield
        finally:
            self._ending.set()
            self._thread.join()
            self._client.disconnect()
            self._client.loop_stop()

    def _speak(self) -> None:
        turn, swept_s = 0, monotonic()
        while not self._ending.wait(1 / self.rate):
            if self._speaking.is_set():
                self._publish(CHANNELS[turn % len(CHANNELS)])
                turn += 1
            if monotonic() - swept_s >= SWEEP_EVERY_S:
                swept_s = monotonic()
                self._sweep()

    def _publish(self, channel: Channel) -> None:
        said = self.messages[channel]
        number = len(said) + 1
        is_broken = channel.is_timed and number % BROKEN_EVERY == 0
        message = Message(channel, number, datetime.now(UTC), is_broken, was_sent=self._client.is_connected())
        said.append(message)
        with self._lock:
            self._outstanding[channel.topic, number] = message
        self._by_packet[self._client.publish(channel.topic, message.payload, qos=channel.qos).mid] = message

    def _sweep(self) -> None:
        """Takes note of what was acknowledged; in the thread that publishes, which alone knows whose a packet id is."""
        with self._lock:
            while self._taken:
                message = self._by_packet.pop(self._taken.popleft())
                message.is_taken = True
                del self._outstanding[message.channel.topic, message.number]

    def _on_connect(self, *_: Any) -> None:  # noqa: ANN401 - paho's own
        """All that is not acknowledged is about to be sent again; what was written down while away, for the first time."""
        with self._lock:
            for message in self._outstanding.values():
                message.is_repeated |= message.was_sent
                message.was_sent = True
