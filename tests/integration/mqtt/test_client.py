"""What of paho is not public and used all the same, byte by byte: these fail if a new paho does it in another way."""

import socket
from collections.abc import Iterator

import pytest
from paho.mqtt.client import MQTTMessage
from unit.mqtt.meters import file_of, meter

from ems_telemetry.connectors.mqtt.client import PatientClient, make_client, reach
from ems_telemetry.connectors.mqtt.file import Version

CONNACK = {Version.V5: b"\x20\x03\x00\x00\x00", Version.V311: b"\x20\x02\x00\x00"}
NO_PROPERTIES = {Version.V5: b"\x00", Version.V311: b""}
PACKET_ID = b"\x00\x07"
PUBLISH_QOS_2, PUBLISH_QOS_2_AGAIN, PUBREL = 0x34, 0x3C, 0x62
PUBREC, PUBCOMP = b"\x50\x02" + PACKET_ID, b"\x70\x02" + PACKET_ID


class Line:
    """Both ends of a connection: what our client makes of bytes, and which bytes it sends."""

    def __init__(self, client: PatientClient, far: socket.socket, version: Version) -> None:
        self.client = client
        self.far = far
        self.version = version
        self.messages: list[MQTTMessage] = []
        self.released: list[int] = []
        client.on_message = lambda _client, _data, message: self.messages.append(message)
        client.on_release = self.released.append
        client.on_socket_register_write = lambda *_: None

    def bring(self, packet: bytes) -> None:
        self.far.sendall(packet)
        self.client.loop_read()

    def sent(self) -> bytes:
        self.client.loop_write()
        try:
            return self.far.recv(1024)
        except TimeoutError:
            return b""

    def publish(self, kind: int, payload: bytes = b"1") -> bytes:
        body = b"\x00\x01t" + PACKET_ID + NO_PROPERTIES[self.version] + payload
        return bytes((kind, len(body))) + body

    def release(self) -> bytes:
        return bytes((PUBREL, 2)) + PACKET_ID


@pytest.fixture(params=[Version.V5, Version.V311])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    version: Version = request.param
    with socket.create_server(("127.0.0.1", 0)) as server:
        file = file_of(meter("$.a"), endpoint=f"mqtt://127.0.0.1:{server.getsockname()[1]}", qos=2)
        client = make_client(file, "under-test", version)
        reach(client, file, version)
        with server.accept()[0] as far:
            far.settimeout(0.05)
            line = Line(client, far, version)
            assert line.sent()[:1] == b"\x10"
            line.bring(CONNACK[version])
            yield line
        client.disconnect()
        client.loop_misc()


def test_a_message_of_qos_2_is_handed_on_at_once_and_confirmed_when_told(line: Line) -> None:
    line.bring(line.publish(PUBLISH_QOS_2))
    assert [(message.payload, message.qos, message.mid, message.dup) for message in line.messages] == [(b"1", 2, 7, False)]
    assert line.sent() == b""
    line.client.ack(7, 2)
    assert line.sent() == PUBREC


def test_its_exchange_ends_when_told(line: Line) -> None:
    line.bring(line.publish(PUBLISH_QOS_2))
    line.client.ack(7, 2)
    assert line.sent() == PUBREC
    line.bring(line.release())
    assert line.released == [7]
    assert line.sent() == b""
    line.client.complete(7)
    assert line.sent() == PUBCOMP


def test_its_redelivery_is_handed_on_with_its_mark(line: Line) -> None:
    line.bring(line.publish(PUBLISH_QOS_2))
    line.bring(line.publish(PUBLISH_QOS_2_AGAIN))
    assert [message.dup for message in line.messages] == [False, True]


def test_a_release_of_what_we_never_saw_is_told_too(line: Line) -> None:
    line.bring(line.release())
    assert line.released == [7]
    assert line.messages == []


def test_a_message_of_qos_1_is_acknowledged_as_paho_does_it(line: Line) -> None:
    line.bring(line.publish(0x32))
    assert line.sent() == b""
    line.client.ack(7, 1)
    assert line.sent() == b"\x40\x02" + PACKET_ID


def test_nothing_of_a_message_stays_behind_in_paho(line: Line) -> None:
    for _ in range(3):
        line.bring(line.publish(PUBLISH_QOS_2))
    assert not line.client._in_messages
