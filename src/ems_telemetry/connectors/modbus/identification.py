"""What a unit says of itself in the two ways the protocol has: device identification (43/14) and server id (17)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, TypeAlias

from ems_telemetry.connectors.modbus.pdu import IdentificationCode, ReadDeviceIdentification, ReportServerId, Request

Ask: TypeAlias = Callable[[Request], Awaitable[bytes | None]]
"""Asks a unit; None if it does not answer this."""

OBJECTS: Mapping[int, str] = {
    0: "vendor",
    1: "product code",
    2: "revision",
    3: "vendor URL",
    4: "product name",
    5: "model name",
    6: "application name",
}
"""The objects the specification names; makers' own ones, from 128 on, are left out."""
MORE_FOLLOWS = 0xFF
MOST_PARTS = 8
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


async def read_identification(ask: Ask) -> Mapping[str, str]:
    """Reads the device identification, in as many parts as the device makes of it; empty if it has none."""
    for code in (IdentificationCode.REGULAR, IdentificationCode.BASIC):
        said = await _ask_objects(ask, code)
        if said:
            return {OBJECTS[id_]: text for id_, text in said.items() if id_ in OBJECTS and text}
    return {}


async def _ask_objects(ask: Ask, code: IdentificationCode) -> Mapping[int, str]:
    objects: dict[int, str] = {}
    next_id: int | None = 0
    for _ in range(MOST_PARTS):
        data = None if next_id is None else await ask(ReadDeviceIdentification(code, next_id))
        if data is None:
            break
        part = read_objects(data)
        objects |= {id_: text.decode("latin-1").strip("\0 ") for id_, text in part.objects.items()}
        next_id = part.next_object_id
    return objects


async def read_server_id(ask: Ask) -> Mapping[str, str]:
    """Reads the server id, whose form is each maker's own: what of it can be read as text; empty if there is none."""
    data = await ask(ReportServerId())
    if data is None:
        return {}
    text = "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F).strip()  # noqa: PLR2004 - what can be printed
    return {"server id": text or data.hex(" ")}
