"""A publisher that outlives its broker: what was not acknowledged is sent again when the broker is back."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from servers.process import LOOPBACK

MOST_UNDER_WAY = 1000


class SteadyPublisher:
    """Publishes at QoS 1, a bounded number of messages at once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._room = threading.Semaphore(MOST_UNDER_WAY)
        self._sent = 0
        self._taken = 0
        self._all_taken = threading.Event()
        client.on_publish = self._on_publish

    def send_all(self, messages: Iterable[tuple[str, str]], timeout_s: float = 600.0) -> None:
        """Returns when the broker has acknowledged every one."""
        for topic, payload in messages:
            assert self._room.acquire(timeout=timeout_s)
            self._all_taken.clear()
            self._sent += 1
            self._client.publish(topic, payload, qos=1)
        if self._taken < self._sent:
            assert self._all_taken.wait(timeout_s)

    def _on_publish(self, *_: object) -> None:
        self._room.release()
        self._taken += 1
        if self._taken >= self._sent:
            self._all_taken.set()


@contextmanager
def publishing_steadily(port: int) -> Iterator[SteadyPublisher]:
    """Connects one for the length of a `with`."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="steady", clean_session=False)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.max_inflight_messages_set(200)
    client.connect(LOOPBACK, port)
    client.loop_start()
    try:
        yield SteadyPublisher(client)
    finally:
        client.disconnect()
        client.loop_stop()
