"""One connection to a broker, from CONNECT to its end. paho speaks the protocol; the event loop says when to read and write.

Invariants:
- Nothing is acknowledged but by `acknowledge`, and only over the connection that brought the message.
- Reading stops while the inbox is full, so memory is bounded whatever the broker sends.
- All methods run on the event loop, except that the connection is made on a thread: names and TLS would block.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from functools import partial
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.mqtt.answers import Answers, Codes
from ems_telemetry.connectors.mqtt.client import OFFLINE, ONLINE, PatientClient, abandon, make_client, reach, subscriptions
from ems_telemetry.connectors.mqtt.file import MqttFile, Version
from ems_telemetry.connectors.mqtt.inbox import Inbox
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.reasons import (
    NotUnderstoodError,
    explain_connack,
    explain_disconnect,
    explain_os_error,
    explain_suback,
)
from ems_telemetry.connectors.mqtt.subscriptions import Granted, in_packets
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError

_REACH_LIMIT_S = 15.0
_CONNACK_LIMIT_S = 5.0
_FAREWELL_LIMIT_S = 1.0
_TEND_EVERY_S = 1.0
_PACKETS_PER_READ = 64
_STATUS_QOS = 1


class Broker:
    """A connection to open once and close in any case. Building one does no I/O."""

    def __init__(self, file: MqttFile, client_id: str, version: Version, clock: Clock, *, is_durable: bool = True) -> None:
        self._file = file
        self._client_id = client_id
        self._version = version
        self._is_durable = is_durable
        self._clock = clock
        self._client: PatientClient | None = None
        self._connack: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._answers = Answers()
        self._tending: asyncio.TimerHandle | None = None
        self._received = 0
        self._reading = False
        self._leaving = False
        self._announced = False
        self._failure: EmsTelemetryError | None = None
        self.ended = asyncio.Event()
        """Set when the connection is over, for whatever reason."""
        self.arrived_size = file.receive_maximum + 1
        self.arrived: Inbox[Message] = Inbox(self.arrived_size, self._resume)
        """Messages in the order of their arrival. With MQTT 5, those that the broker keeps until they are acknowledged never
        fill it, as it stops one short: its answers and pings are read even while nothing can be stored."""
        self.released: Inbox[int] = Inbox(file.receive_maximum)
        """Packet ids of messages at QoS 2 that will not be sent again; the broker waits for `complete` to use them anew."""

    async def open(self) -> bool:
        """Connects and logs in.

        Returns:
            True if the broker still had our session, with its subscriptions and messages.

        Raises:
            NotUnderstoodError: the broker refuses this version, or does not answer it.
            EndpointRefusedError: it says no for good: credentials, certificate.
            ConnectionLostError: it is out of reach, or says no for now.
        """
        make = partial(make_client, self._file, self._client_id, self._version, is_durable=self._is_durable)
        self._client = client = await asyncio.to_thread(make)
        await self._reach(client)
        self._attach(client)
        try:
            async with asyncio.timeout(_CONNACK_LIMIT_S):
                return await self._connack
        except TimeoutError as error:
            raise NotUnderstoodError("the broker accepts the connection and then says nothing") from error

    async def subscribe(self, filters: Iterable[str]) -> Granted:
        """Subscribes, or renews subscriptions.

        Raises:
            EmsTelemetryError: the connection ended meanwhile.
        """
        granted = Granted({}, {})
        for part in in_packets(filters):
            asked = subscriptions(part, self._file.qos, self._version)
            codes = await self._answer(self._connected.subscribe(asked)[1])
            for each, code in zip(part, codes, strict=False):
                if code.is_failure:
                    granted.refused[each] = explain_suback(code.getName())
                elif code.value < self._file.qos:
                    granted.lowered[each] = code.value
        return granted

    async def unsubscribe(self, filters: Iterable[str]) -> None:
        """Ends subscriptions; those that do not exist are passed over."""
        for part in in_packets(filters):
            await self._answer(self._connected.unsubscribe(part)[1])

    def unsubscribe_soon(self, topic: str) -> None:
        """Asks the broker to send no more of a topic, without waiting for its answer."""
        if not self.ended.is_set():
            self._connected.unsubscribe(topic)

    async def announce(self, topic: str) -> str | None:
        """Publishes that we are here, where that is wanted; gives the reason if the broker will not have it."""
        self._announced = True
        (code,) = await self._answer(self._connected.publish(topic, ONLINE, _STATUS_QOS, retain=True).mid)
        return code.getName() if code.is_failure else None

    def acknowledge(self, message: Message) -> None:
        """Tells the broker that it may forget a message; does nothing at QoS 0, or when the connection is over."""
        if message.qos and not self.ended.is_set():
            self._connected.ack(message.packet_id, message.qos)

    def complete(self, packet_id: int) -> None:
        """Ends the exchange of a message at QoS 2; does nothing when the connection is over."""
        if not self.ended.is_set():
            self._connected.complete(packet_id)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publishes a message at QoS 0, without waiting; does nothing when the connection is over."""
        if not self.ended.is_set():
            self._connected.publish(topic, payload)

    def stop_reading(self) -> None:
        """Takes in no more messages; the inboxes end when they are empty."""
        self._leaving = True
        self._pause()
        self._close_inboxes()

    async def close(self) -> None:
        """Says farewell, so that the broker keeps the session, and closes the connection. Does no harm in any state."""
        if self._client is None:
            return
        self.stop_reading()
        try:
            if self._client.socket() is not None:
                if self._announced and self._file.status_topic is not None:
                    self._client.publish(self._file.status_topic, OFFLINE, _STATUS_QOS, retain=True)
                self._client.disconnect()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_FAREWELL_LIMIT_S):
                        await self.ended.wait()
        finally:
            if self._tending is not None:
                self._tending.cancel()
            # Whoever did not hear the farewell is cut off: this closes the socket, and connects to nothing.
            self._client.connect_async(self._file.host, self._file.port)

    def raise_failure(self) -> None:
        """Raises what ended the connection, if it was not us."""
        if self._failure is not None:
            raise self._failure

    @property
    def _connected(self) -> PatientClient:
        if self._client is None or self.ended.is_set():
            raise self._failure or ConnectionLostError("the connection is closed")
        return self._client

    async def _reach(self, client: Client) -> None:
        reached = False
        try:
            async with asyncio.timeout(_REACH_LIMIT_S):
                await asyncio.to_thread(reach, client, self._file, self._version, is_durable=self._is_durable)
            reached = True
        except OSError as error:
            raise explain_os_error(error, self._file.host, self._file.port) from error
        finally:
            if not reached:
                abandon(client)

    def _attach(self, client: PatientClient) -> None:
        loop = asyncio.get_running_loop()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_release = self._on_release
        client.on_publish = self._on_answer
        client.on_subscribe = self._on_answer
        client.on_unsubscribe = self._on_answer
        client.on_socket_register_write = lambda _client, _data, sock: loop.add_writer(sock, client.loop_write)
        client.on_socket_unregister_write = self._on_nothing_to_write
        client.on_socket_close = self._on_socket_close
        if client.socket() is None:
            raise ConnectionLostError("the broker closes the connection at once")
        if client.want_write():
            client.loop_write()
        self._resume()
        self._tend()

    def _tend(self) -> None:
        """Lets paho send its pings and notice a broker gone silent."""
        if self._client is not None and not self.ended.is_set():
            self._client.loop_misc()
            self._tending = asyncio.get_running_loop().call_later(_TEND_EVERY_S, self._tend)

    def _read(self) -> None:
        for _ in range(_PACKETS_PER_READ):
            if self._client is None or not self._reading:
                return
            if self.arrived.full:
                self._pause()
                return
            before = self._received
            self._client.loop_read()
            if self._received == before and not self._buffered():
                return
        if self._buffered():  # no event tells of bytes that TLS has decrypted already
            asyncio.get_running_loop().call_soon(self._read)

    def _buffered(self) -> bool:
        sock = None if self._client is None else self._client.socket()
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def _close_inboxes(self) -> None:
        self.arrived.close()
        self.released.close()

    def _pause(self) -> None:
        sock = None if self._client is None else self._client.socket()
        if self._reading and sock is not None:
            asyncio.get_running_loop().remove_reader(sock)
        self._reading = False

    def _resume(self) -> None:
        sock = None if self._client is None else self._client.socket()
        if sock is None or self._reading or self._leaving:
            return
        self._reading = True
        asyncio.get_running_loop().add_reader(sock, self._read)
        if self._buffered():
            asyncio.get_running_loop().call_soon(self._read)

    async def _answer(self, packet_id: int | None) -> Codes:
        if packet_id is None:
            raise self._failure or ConnectionLostError("the connection is closed")
        return await self._answers.wait_for(packet_id)

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._connack.done():
            return
        if reason.is_failure:
            self._connack.set_exception(explain_connack(reason.getName(), self._client_id))
        else:
            self._connack.set_result(flags.session_present)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._received += 1
        try:
            topic = message.topic
        except UnicodeDecodeError as error:  # no meter has such a topic: it will be a dead letter
            topic = error.object.decode(errors="replace")
        self.arrived.put(
            Message(topic, bytes(message.payload), message.qos, message.mid, message.dup, message.retain, self._clock.now())
        )

    def _on_release(self, packet_id: int) -> None:
        self._received += 1
        self.released.put(packet_id)

    def _on_answer(self, _client: Client, _data: object, packet_id: int, codes: Any, _properties: object) -> None:  # noqa: ANN401 - paho gives a code, or a list of them
        self._answers.settle(packet_id, codes)

    def _on_disconnect(
        self, _client: Client, _data: object, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        by_broker = flags.is_disconnect_packet_from_server
        failure = explain_disconnect(reason.getName(), self._client_id, by_broker=by_broker)
        self._failure = None if self._leaving else failure
        if not self._connack.done():
            self._connack.set_exception(NotUnderstoodError("the broker closes the connection without an answer"))
        self._answers.fail(failure)
        self._close_inboxes()
        self.ended.set()

    def _on_nothing_to_write(self, _client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - paho's own socket type
        asyncio.get_running_loop().remove_writer(sock)

    def _on_socket_close(self, _client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - paho's own socket type
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.remove_writer(sock)
        self._reading = False
