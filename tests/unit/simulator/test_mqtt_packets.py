import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.simulator import mqtt_packets as packets
from ems_telemetry.connectors.simulator.mqtt_packets import Connect, MalformedPacketError, Packet, Publish, Type


async def read(wire: bytes) -> Packet:
    reader = asyncio.StreamReader()
    reader.feed_data(wire)
    reader.feed_eof()
    return await packets.read_packet(reader)


def test_a_connect_is_read_as_written_in_the_standard() -> None:
    body = bytes.fromhex("0004 4d515454 04 02 003c 0002 6331")
    assert packets.parse_connect(Packet(1, 0, body)) == Connect(4, "c1", clean_session=True, keep_alive_s=60)


def test_will_user_and_password_are_read_over() -> None:
    body = bytes.fromhex("0004 4d515454 04 c4 0000 0001 61 0001 74 0001 6d 0001 75 0001 70")
    assert packets.parse_connect(Packet(1, 0, body)) == Connect(4, "a", clean_session=False, keep_alive_s=0)


def test_another_protocol_level_is_told_apart() -> None:
    assert packets.parse_connect(Packet(1, 0, bytes.fromhex("0004 4d515454 05 02 003c 00 0000"))).level == 5


@pytest.mark.parametrize(
    "packet",
    [
        Packet(Type.PUBLISH, 0, b""),
        Packet(Type.CONNECT, 0, b""),
        Packet(Type.CONNECT, 0, b"\x00\x04HTTP\x04"),
        Packet(Type.CONNECT, 0, bytes.fromhex("0004 4d515454 04 02 003c 0009 6331")),
        Packet(Type.CONNECT, 0, bytes.fromhex("0004 4d515454 04 02 003c 0001 ff")),
    ],
)
def test_what_is_no_connect_is_refused(packet: Packet) -> None:
    with pytest.raises(MalformedPacketError):
        packets.parse_connect(packet)


@given(
    topic=st.text(st.characters(codec="utf-8", exclude_characters="+#"), min_size=1),
    payload=st.binary(),
    qos=st.sampled_from([0, 1]),
)
def test_a_published_message_comes_back_as_it_was(topic: str, payload: bytes, qos: int) -> None:
    message = Publish(topic, payload, qos, packet_id=513 * qos)
    packet = asyncio.run(read(packets.encode_publish(message, again=False)))
    assert packet.type == Type.PUBLISH
    assert packets.parse_publish(packet) == message


def test_a_repeated_message_is_marked() -> None:
    assert packets.encode_publish(Publish("t", b"", 1, 7), again=True) == bytes.fromhex("3a 05 0001 74 0007")


@pytest.mark.parametrize(("flags", "body"), [(4, b"\x00\x01t\x00\x01"), (0, b"\x00\x00"), (0, b"\x00\x01#"), (2, b"\x00\x01t")])
def test_qos_2_and_topics_that_are_none_are_refused(flags: int, body: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        packets.parse_publish(Packet(Type.PUBLISH, flags, body))


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, packets.MAX_PACKET_BYTES])
async def test_lengths_of_one_to_three_bytes_are_written_and_read(size: int) -> None:
    assert await read(packets.encode(Type.PUBLISH, bytes(size))) == Packet(Type.PUBLISH, 0, bytes(size))


@pytest.mark.parametrize("wire", ["30 ffffffff01", "30 ffffff7f"])
async def test_a_length_that_is_none_or_too_great_is_refused(wire: str) -> None:
    with pytest.raises(MalformedPacketError):
        await read(bytes.fromhex(wire))


def test_subscriptions_are_read_with_their_qos() -> None:
    body = bytes.fromhex("0009 0003 612f62 01 0001 23 00")
    assert packets.parse_subscribe(Packet(Type.SUBSCRIBE, 2, body)) == (9, [("a/b", 1), ("#", 0)])
    assert packets.parse_unsubscribe(Packet(Type.UNSUBSCRIBE, 2, bytes.fromhex("0009 0001 23"))) == (9, ["#"])
