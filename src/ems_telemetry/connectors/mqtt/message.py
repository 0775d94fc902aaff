"""A message as it came from the broker, and the receipt by which its redelivery is recognised."""

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from ems_telemetry.model import Receipt

_DIGEST_BYTES = 16


class Message(NamedTuple):
    """One PUBLISH packet. `packet_id` is 0 at QoS 0; `received_at` is aware UTC."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    redelivered: bool
    retained: bool
    received_at: datetime


def receipt_of(message: Message, connector: str) -> Receipt:
    """Makes the receipt of a message at QoS 1 or above."""
    digest = sha256(message.topic.encode() + b"\0" + message.payload).digest()
    return Receipt(connector, message.packet_id, digest[:_DIGEST_BYTES])
