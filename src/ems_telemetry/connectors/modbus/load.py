"""What a file asks of its line: requests and bytes per second, and the share of a serial line's time they take. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from ems_telemetry.connectors.modbus.decode import data_size_bytes
from ems_telemetry.connectors.modbus.endpoint import Endpoint, silence_between_frames_s
from ems_telemetry.connectors.modbus.plan import Block, Poll

MBAP_BYTES = 7
RTU_BYTES = 3
"""The unit's address before, and the checksum of two bytes behind."""
_REQUEST_BYTES = 5
_REPLY_BYTES = 2
"""Function and byte count, before the data."""


class Load(NamedTuple):
    """How much a file makes its line carry, both ways together."""

    requests_per_s: float
    bytes_per_s: float
    busy: float | None
    """Which part of a serial line's time the frames and the silences between them take, 1 being all of it; None elsewhere."""


def request_bytes(endpoint: Endpoint) -> int:
    """Tells how long a request is on the wire."""
    return _framing_bytes(endpoint) + _REQUEST_BYTES


def reply_bytes(endpoint: Endpoint, block: Block) -> int:
    """Tells how long the reply to a block is on the wire."""
    return _framing_bytes(endpoint) + _REPLY_BYTES + data_size_bytes(block.table, block.count)


def load_of(endpoint: Endpoint, polls: Sequence[Poll]) -> Load:
    """Adds up what a file asks."""
    asked = [(poll.interval_s, block) for poll in polls for block in poll.blocks]
    sizes = [request_bytes(endpoint) + reply_bytes(endpoint, block) for _, block in asked]
    bytes_per_s = sum(size / interval_s for (interval_s, _), size in zip(asked, sizes, strict=True))
    requests_per_s = sum(1 / interval_s for interval_s, _ in asked)
    if endpoint.serial is None:
        return Load(requests_per_s, bytes_per_s, None)
    character_s = endpoint.serial.bits_per_character / endpoint.serial.baudrate
    silent_s = 2 * silence_between_frames_s(endpoint.serial.baudrate)
    return Load(requests_per_s, bytes_per_s, bytes_per_s * character_s + requests_per_s * silent_s)


def _framing_bytes(endpoint: Endpoint) -> int:
    return RTU_BYTES if endpoint.scheme.is_rtu else MBAP_BYTES
