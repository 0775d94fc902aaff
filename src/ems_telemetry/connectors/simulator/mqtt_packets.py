"""MQTT 3.1.1 on the wire, as far as the plant's broker speaks it: packets to values and back. Pure but for `read_packet`."""

import asyncio
import struct
from enum import IntEnum
from typing import NamedTuple

MAX_PACKET_BYTES = 256 * 1024
PROTOCOL_LEVEL = 4
_MAX_LENGTH_BYTES = 4
_MORE_FOLLOWS = 0x80
_CLEAN_SESSION, _WILL, _PASSWORD, _USER_NAME = 0x02, 0x04, 0x40, 0x80


class MalformedPacketError(Exception):
    """A client sent what MQTT 3.1.1, or this broker, does not allow; its connection must be closed."""


class Type(IntEnum):
    """The packet types a broker sends or receives here."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class Packet(NamedTuple):
    """A packet as it came: `type` may be one that `Type` does not know."""

    type: int
    flags: int
    body: bytes


class Connect(NamedTuple):
    """What a client asks for when it connects; will, user and password are read over."""

    level: int
    client_id: str
    clean_session: bool
    keep_alive_s: int


class Publish(NamedTuple):
    """A message; `packet_id` is 0 for QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int = 0


class Fields:
    """Reads the fields of a packet's body one after another."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._body)

    def take(self, size_bytes: int) -> bytes:
        """Takes that many bytes.

        Raises:
            MalformedPacketError: there are fewer.
        """
        end = self._position + size_bytes
        if end > len(self._body):
            raise MalformedPacketError("a packet is shorter than its fields")
        taken, self._position = self._body[self._position : end], end
        return taken

    def byte(self) -> int:
        """Takes one byte."""
        return self.take(1)[0]

    def word(self) -> int:
        """Takes two bytes, high first."""
        return int.from_bytes(self.take(2), "big")

    def binary(self) -> bytes:
        """Takes bytes that say their length first."""
        return self.take(self.word())

    def text(self) -> str:
        """Takes text in UTF-8.

        Raises:
            MalformedPacketError: it is not.
        """
        try:
            return self.binary().decode()
        except UnicodeDecodeError as error:
            raise MalformedPacketError("a text is not UTF-8") from error

    def rest(self) -> bytes:
        """Takes all that is left."""
        return self.take(len(self._body) - self._position)


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """Reads one packet.

    Raises:
        MalformedPacketError: its length is no length, or above `MAX_PACKET_BYTES`.
        asyncio.IncompleteReadError: the connection ended.
    """
    first = (await reader.readexactly(1))[0]
    length = 0
    for index in range(_MAX_LENGTH_BYTES):
        byte = (await reader.readexactly(1))[0]
        length |= (byte & ~_MORE_FOLLOWS) << (7 * index)
        if not byte & _MORE_FOLLOWS:
            break
    else:
        raise MalformedPacketError("a packet's length has more than four bytes")
    if length > MAX_PACKET_BYTES:
        raise MalformedPacketError(f"a packet has {length} bytes, and {MAX_PACKET_BYTES} are allowed")
    return Packet(first >> 4, first & 0x0F, await reader.readexactly(length))


def parse_connect(packet: Packet) -> Connect:
    """Reads a CONNECT; of another protocol level, the level alone.

    Raises:
        MalformedPacketError: it is no CONNECT of MQTT.
    """
    fields = Fields(packet.body)
    if packet.type != Type.CONNECT or fields.text() not in {"MQTT", "MQIsdp"}:
        raise MalformedPacketError("the first packet is not an MQTT CONNECT")
    level = fields.byte()
    if level != PROTOCOL_LEVEL:
        return Connect(level, "", clean_session=True, keep_alive_s=0)
    flags, keep_alive_s, client_id = fields.byte(), fields.word(), fields.text()
    optional = 2 * bool(flags & _WILL) + bool(flags & _USER_NAME) + bool(flags & _PASSWORD)
    for _ in range(optional):
        fields.binary()
    return Connect(level, client_id, bool(flags & _CLEAN_SESSION), keep_alive_s)


def parse_publish(packet: Packet) -> Publish:
    """Reads a PUBLISH.

    Raises:
        MalformedPacketError: it has no topic, or a QoS above 1, which this broker does not speak.
    """
    qos = packet.flags >> 1 & 0x03
    fields = Fields(packet.body)
    topic = fields.text()
    if qos > 1 or not topic or "+" in topic or "#" in topic:
        raise MalformedPacketError(f"a message of QoS {qos} to {topic!r} cannot be taken")
    packet_id = fields.word() if qos else 0
    return Publish(topic, fields.rest(), qos, packet_id)


def parse_subscribe(packet: Packet) -> tuple[int, list[tuple[str, int]]]:
    """Reads a SUBSCRIBE: its packet id, and filters with the QoS asked for."""
    fields = Fields(packet.body)
    packet_id = fields.word()
    filters = []
    while fields:
        filters.append((fields.text(), fields.byte()))
    return packet_id, filters


def parse_unsubscribe(packet: Packet) -> tuple[int, list[str]]:
    """Reads an UNSUBSCRIBE: its packet id and filters."""
    fields = Fields(packet.body)
    packet_id = fields.word()
    filters = []
    while fields:
        filters.append(fields.text())
    return packet_id, filters


def parse_packet_id(packet: Packet) -> int:
    """Reads the packet id of a PUBACK."""
    return Fields(packet.body).word()


def encode(type_: Type, body: bytes = b"", flags: int = 0) -> bytes:
    """Writes a packet."""
    length = bytearray()
    rest = len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | _MORE_FOLLOWS if rest else digit)
        if not rest:
            return bytes([type_ << 4 | flags]) + length + body


def encode_publish(message: Publish, *, again: bool) -> bytes:
    """Writes a PUBLISH; `again` marks one that may have arrived before."""
    topic = message.topic.encode()
    packet_id = struct.pack(">H", message.packet_id) if message.qos else b""
    body = struct.pack(">H", len(topic)) + topic + packet_id + message.payload
    return encode(Type.PUBLISH, body, flags=message.qos << 1 | (8 if again else 0))


def encode_with_packet_id(type_: Type, packet_id: int, codes: bytes = b"") -> bytes:
    """Writes a PUBACK, SUBACK or UNSUBACK."""
    return encode(type_, struct.pack(">H", packet_id) + codes)
