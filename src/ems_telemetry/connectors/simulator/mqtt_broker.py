"""A small MQTT 3.1.1 broker for the demo plant: QoS 0 and 1, wildcards, and sessions that outlive their connection.

A QoS 1 message stays with its subscriber's session until it is acknowledged, however long that takes, and is sent again after a
new connection: a service that acknowledges late, or is stopped and started, finds all of them. Wills, retained messages, QoS 2
and passwords are not its business.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NoReturn

from ems_telemetry.connectors.simulator import mqtt_packets as packets
from ems_telemetry.connectors.simulator.loopback import LOOPBACK
from ems_telemetry.connectors.simulator.mqtt_packets import MalformedPacketError, Packet, Publish, Type

MAX_HELD = 10_000
"""Messages a session holds until they are acknowledged; what comes on top is dropped."""
MAX_UNSENT_BYTES = 4 * 1024 * 1024
"""What may wait for a client that does not read; then its connection is closed."""
CONNECT_TIMEOUT_S = 10.0
_PACKET_IDS = 65_535
_UNACCEPTABLE_PROTOCOL = 1
_FAILURE = 0x80


def matches(filter_: str, topic: str) -> bool:
    """Tells whether a topic lies under a subscription's filter."""
    if topic.startswith("$") and filter_[:1] in {"+", "#"}:
        return False
    for wanted, level in itertools.zip_longest(filter_.split("/"), topic.split("/")):
        if wanted == "#":
            return True
        if wanted is None or level is None or wanted not in {"+", level}:
            return False
    return True


def is_filter(filter_: str) -> bool:
    """Tells whether a text may be subscribed to: `#` stands last, and both wildcards alone in their level."""
    levels = filter_.split("/")
    return (
        bool(filter_) and "#" not in levels[:-1] and all(level in {"+", "#"} or not {"+", "#"} & set(level) for level in levels)
    )


@dataclass(slots=True)
class Session:
    """A client's subscriptions and the messages it has not acknowledged, in order; with or without a connection."""

    client_id: str
    persistent: bool
    filters: dict[str, int] = field(default_factory=dict)
    held: dict[int, Publish] = field(default_factory=dict)
    link: asyncio.StreamWriter | None = None
    last_packet_id: int = 0

    def offer(self, topic: str, payload: bytes, qos: int) -> None:
        """Takes a message if a filter asks for it: to send now, and to hold if it is QoS 1."""
        granted = max((granted for filter_, granted in self.filters.items() if matches(filter_, topic)), default=None)
        if granted is None:
            return
        if min(qos, granted) == 0:
            self._send(Publish(topic, payload, 0), again=False)
        elif len(self.held) < MAX_HELD:
            message = Publish(topic, payload, 1, self._next_packet_id())
            self.held[message.packet_id] = message
            self._send(message, again=False)

    def attach(self, link: asyncio.StreamWriter) -> None:
        """Goes on over a new connection, with everything not yet acknowledged first."""
        self.link = link
        for message in self.held.values():
            self._send(message, again=True)

    def _send(self, message: Publish, *, again: bool) -> None:
        if self.link is None or self.link.is_closing():
            return
        self.link.write(packets.encode_publish(message, again=again))
        if self.link.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.link.close()

    def _next_packet_id(self) -> int:
        while True:
            self.last_packet_id = self.last_packet_id % _PACKET_IDS + 1
            if self.last_packet_id not in self.held:
                return self.last_packet_id


class Broker:
    """The sessions of all clients, and a task of the given group for each connection."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._sessions: dict[str, Session] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._unnamed = itertools.count(1)

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Accepts clients on a loopback port for the length of an `async with`; then closes their connections."""
        server = await asyncio.start_server(self._accept, LOOPBACK, port)
        try:
            yield
        finally:
            server.close()
            for connection in self._connections:
                connection.cancel()
            await server.wait_closed()

    def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Hands a message to every subscriber of its topic, now or when it is back."""
        for session in self._sessions.values():
            session.offer(topic, payload, qos)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._group.create_task(self._serve(reader, writer), name="simulator mqtt connection")
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a client until either side ends it; what a client does wrong ends its own connection only."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                asked = packets.parse_connect(await packets.read_packet(reader))
            if asked.level == packets.PROTOCOL_LEVEL:
                await self._serve_session(self._open(asked, writer), asked.keep_alive_s, reader, writer)
            else:
                writer.write(packets.encode(Type.CONNACK, bytes([0, _UNACCEPTABLE_PROTOCOL])))
        except (MalformedPacketError, asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass  # the client left, fell silent or broke the protocol: its connection is over in any case
        finally:
            self._detach(writer)
            writer.close()

    def _open(self, asked: packets.Connect, writer: asyncio.StreamWriter) -> Session:
        """Finds or makes the client's session, takes it over from an older connection, and says so."""
        client_id = asked.client_id or f"unnamed-{next(self._unnamed)}"
        known = self._sessions.get(client_id)
        if known is not None and known.link is not None:
            known.link.close()
        if known is None or asked.clean_session or not known.persistent:
            known = self._sessions[client_id] = Session(client_id, persistent=not asked.clean_session)
            present = False
        else:
            present = True
        writer.write(packets.encode(Type.CONNACK, bytes([present, 0])))
        known.attach(writer)
        return known

    def _detach(self, writer: asyncio.StreamWriter) -> None:
        """Parts a connection from its session; a session that was to be clean ends with it."""
        for session in list(self._sessions.values()):
            if session.link is writer:
                session.link = None
                if not session.persistent:
                    del self._sessions[session.client_id]

    async def _serve_session(
        self, session: Session, keep_alive_s: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        silence_s = 1.5 * keep_alive_s if keep_alive_s else None
        while True:
            async with asyncio.timeout(silence_s):
                packet = await packets.read_packet(reader)
            if packet.type == Type.DISCONNECT:
                return
            writer.write(self._answer(session, packet))
            await writer.drain()

    def _answer(self, session: Session, packet: Packet) -> bytes:
        """Does what a packet asks, and gives the packet to answer with, if any."""
        match packet.type:
            case Type.PUBLISH:
                message = packets.parse_publish(packet)
                self.publish(message.topic, message.payload, message.qos)
                return packets.encode_with_packet_id(Type.PUBACK, message.packet_id) if message.qos else b""
            case Type.PUBACK:
                session.held.pop(packets.parse_packet_id(packet), None)
                return b""
            case Type.SUBSCRIBE:
                return self._subscribe(session, packet)
            case Type.UNSUBSCRIBE:
                packet_id, filters = packets.parse_unsubscribe(packet)
                for filter_ in filters:
                    session.filters.pop(filter_, None)
                return packets.encode_with_packet_id(Type.UNSUBACK, packet_id)
            case Type.PINGREQ:
                return packets.encode(Type.PINGRESP)
            case _:
                return _refuse(packet)

    def _subscribe(self, session: Session, packet: Packet) -> bytes:
        packet_id, asked = packets.parse_subscribe(packet)
        codes = bytearray()
        for filter_, qos in asked:
            granted = min(qos, 1)
            codes.append(granted if is_filter(filter_) else _FAILURE)
            if is_filter(filter_):
                session.filters[filter_] = granted
        return packets.encode_with_packet_id(Type.SUBACK, packet_id, bytes(codes))


def _refuse(packet: Packet) -> NoReturn:
    raise MalformedPacketError(f"a packet of type {packet.type} is not for this broker")
