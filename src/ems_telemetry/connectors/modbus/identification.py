"""What a device says of itself (function 43, kind 14), taken apart: pure."""

from collections.abc import Mapping
from typing import NamedTuple

MORE_FOLLOWS = 0xFF
_HEADER_BYTES = 4


class DeviceObjects(NamedTuple):
    """The objects of one reply: 0 the maker, 1 the product code, 2 the revision, and on as the device likes."""

    objects: Mapping[int, bytes]
    """By their ids; text as a rule, in whatever characters the maker chose."""
    next_object_id: int | None
    """Where to ask on; None if this was all."""


def read_objects(data: bytes) -> DeviceObjects:
    """Takes apart what `ReadDeviceIdentification.read_reply` gave.

    Args:
        data: conformity, whether more follows, the next object, the number of objects, and the objects.
    """
    _, more, next_object_id, count = data[:_HEADER_BYTES]
    objects = {}
    at = _HEADER_BYTES
    for _ in range(count):
        end = at + 2 + data[at + 1]
        objects[data[at]] = data[at + 2 : end]
        at = end
    return DeviceObjects(objects, next_object_id if more == MORE_FOLLOWS else None)
