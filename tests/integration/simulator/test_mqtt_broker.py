"""The broker against clients that speak plain bytes, so that they can also misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ems_telemetry.connectors.simulator import mqtt_broker
from ems_telemetry.connectors.simulator import mqtt_packets as packets
from ems_telemetry.connectors.simulator.loopback import LOOPBACK, usable_port
from ems_telemetry.connectors.simulator.mqtt_broker import Broker
from ems_telemetry.connectors.simulator.mqtt_packets import Packet, Publish, Type

TIMEOUT_S = 5.0
CONNACK = Packet(Type.CONNACK, 0, b"\x00\x00")


class RawClient:
    """Sends and receives packets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def receive(self) -> Packet:
        async with asyncio.timeout(TIMEOUT_S):
            return await packets.read_packet(self._reader)

    async def receive_end(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_S):
            return await self._reader.read()

    async def open_session(self, client_id: str = "", *, clean: bool = True, keep_alive_s: int = 0) -> Packet:
        name = client_id.encode()
        flags = 0x02 if clean else 0
        fixed = b"\x00\x04MQTT\x04" + bytes([flags]) + keep_alive_s.to_bytes(2, "big")
        self.writer.write(packets.encode(Type.CONNECT, fixed + len(name).to_bytes(2, "big") + name))
        return await self.receive()

    async def subscribe(self, filter_: str, qos: int = 1) -> bytes:
        text = filter_.encode()
        body = b"\x00\x01" + len(text).to_bytes(2, "big") + text + bytes([qos])
        self.writer.write(packets.encode(Type.SUBSCRIBE, body, flags=2))
        return (await self.receive()).body[2:]

    async def ping(self) -> Packet:
        self.writer.write(packets.encode(Type.PINGREQ))
        return await self.receive()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Broker, int]]:
    port = usable_port(0, "MQTT")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        broker = Broker(group)
        async with broker.listening(port):
            yield broker, port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()


async def test_a_message_of_one_client_reaches_another() -> None:
    async with served() as (_, port), connected(port) as listener, connected(port) as speaker:
        assert await listener.open_session() == CONNACK
        assert await listener.subscribe("a/+") == b"\x01"
        await speaker.open_session()
        speaker.writer.write(packets.encode_publish(Publish("a/b", b"hello", 1, 77), again=False))
        assert await speaker.receive() == Packet(Type.PUBACK, 0, b"\x00\x4d")
        assert packets.parse_publish(await listener.receive()) == Publish("a/b", b"hello", 1, 1)


async def test_qos_is_the_lower_of_message_and_subscription() -> None:
    async with served() as (broker, port), connected(port) as client:
        await client.open_session()
        assert await client.subscribe("low", qos=0) == b"\x00"
        assert await client.subscribe("high", qos=2) == b"\x01"
        broker.publish("low", b"1", 1)
        broker.publish("high", b"2", 0)
        assert packets.parse_publish(await client.receive()) == Publish("low", b"1", 0)
        assert packets.parse_publish(await client.receive()) == Publish("high", b"2", 0)


async def test_a_wrong_filter_is_refused_and_an_ended_subscription_is_silent() -> None:
    async with served() as (broker, port), connected(port) as client:
        await client.open_session()
        assert await client.subscribe("a/#/b") == b"\x80"
        await client.subscribe("a")
        client.writer.write(packets.encode(Type.UNSUBSCRIBE, b"\x00\x02\x00\x01a", flags=2))
        assert await client.receive() == Packet(Type.UNSUBACK, 0, b"\x00\x02")
        broker.publish("a", b"1", 1)
        assert await client.ping() == Packet(Type.PINGRESP, 0, b"")


async def test_a_clean_session_is_forgotten_with_its_connection() -> None:
    async with served() as (broker, port):
        async with connected(port) as client:
            await client.open_session("c", clean=True)
            await client.subscribe("a")
            client.writer.write(packets.encode(Type.DISCONNECT))
            assert await client.receive_end() == b""
        broker.publish("a", b"lost", 1)
        async with connected(port) as client:
            assert await client.open_session("c", clean=False) == CONNACK
            assert await client.ping() == Packet(Type.PINGRESP, 0, b"")


async def test_a_second_connection_takes_the_session_over() -> None:
    async with served() as (broker, port), connected(port) as old, connected(port) as new:
        await old.open_session("c", clean=False)
        await old.subscribe("a")
        assert await new.open_session("c", clean=False) == Packet(Type.CONNACK, 0, b"\x01\x00")
        assert await old.receive_end() == b""
        broker.publish("a", b"1", 1)
        assert packets.parse_publish(await new.receive()).payload == b"1"


async def test_a_session_holds_a_bounded_number_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_broker, "MAX_HELD", 3)
    async with served() as (broker, port):
        async with connected(port) as client:
            await client.open_session("c", clean=False)
            await client.subscribe("a")
            client.writer.write(packets.encode(Type.DISCONNECT))
            await client.receive_end()
        for number in range(5):
            broker.publish("a", b"%d" % number, 1)
        async with connected(port) as client:
            await client.open_session("c", clean=False)
            assert [packets.parse_publish(await client.receive()).payload for _ in range(3)] == [b"0", b"1", b"2"]
            assert await client.ping() == Packet(Type.PINGRESP, 0, b"")


async def test_a_client_that_does_not_read_loses_its_connection_and_not_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_broker, "MAX_UNSENT_BYTES", 100_000)
    payload = bytes(200_000)
    async with served() as (broker, port):
        async with connected(port) as client:
            await client.open_session("c", clean=False)
            await client.subscribe("a")
            for _ in range(100):
                broker.publish("a", payload, 1)
            await client.receive_end()
        async with connected(port) as client:
            await client.open_session("c", clean=False)
            assert packets.parse_publish(await client.receive()) == Publish("a", payload, 1, 1)


async def test_a_silent_client_is_given_up_after_one_and_a_half_times_its_keep_alive() -> None:
    async with served() as (_, port), connected(port) as client:
        await client.open_session(keep_alive_s=1)
        assert await client.receive_end() == b""


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\nUser-Agent: curl" + bytes(100), bytes.fromhex("30 ffffffff01"), b"\x10\x00"]
)
async def test_garbage_ends_only_the_connection_it_came_on(garbage: bytes) -> None:
    async with served() as (_, port), connected(port) as good, connected(port) as bad:
        await good.open_session()
        bad.writer.write(garbage)
        assert await bad.receive_end() == b""
        assert await good.ping() == Packet(Type.PINGRESP, 0, b"")


async def test_a_packet_the_broker_does_not_know_ends_the_session() -> None:
    async with served() as (_, port), connected(port) as client:
        await client.open_session()
        client.writer.write(b"\xf0\x00")
        assert await client.receive_end() == b""
