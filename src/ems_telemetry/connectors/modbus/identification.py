"""What a unit says of itself in the two ways the protocol has: device identification (43/14) and server id (17)."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeAlias

from ems_telemetry.connectors.modbus.pdu import ReadDeviceIdentification, ReportServerId, Request

Ask: TypeAlias = Callable[[Request], Awaitable[bytes | None]]
"""Asks a unit; None if it does not answer this."""

BASIC, REGULAR = 1, 2
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
_HEADER_BYTES = 6
MOST_PARTS = 8


async def read_identification(ask: Ask) -> Mapping[str, str]:
    """Reads the device identification, in as many parts as the device makes of it; empty if it has none."""
    for code in (REGULAR, BASIC):
        said = await _read_objects(ask, code)
        if said:
            return {OBJECTS[id_]: text for id_, text in said.items() if id_ in OBJECTS and text}
    return {}


async def _read_objects(ask: Ask, code: int) -> Mapping[int, str]:
    objects: dict[int, str] = {}
    next_id = 0
    for _ in range(MOST_PARTS):
        data = await ask(ReadDeviceIdentification(code, next_id))
        if data is None or len(data) < _HEADER_BYTES:
            return objects
        objects |= dict(_objects_in(data[_HEADER_BYTES:]))
        _, _, _, more_follows, next_id, _ = data[:_HEADER_BYTES]
        if not more_follows:
            return objects
    return objects


def _objects_in(data: bytes) -> Iterator[tuple[int, str]]:
    """Takes objects apart: id, length, text. One that is cut off is left out."""
    while len(data) >= 2 and len(data) >= 2 + data[1]:  # noqa: PLR2004 - id and length
        yield data[0], data[2 : 2 + data[1]].decode("latin-1").strip("\0 ")
        data = data[2 + data[1] :]


async def read_server_id(ask: Ask) -> Mapping[str, str]:
    """Reads the server id, whose form is each maker's own: what of it can be read as text; empty if there is none."""
    data = await ask(ReportServerId())
    if data is None:
        return {}
    text = "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F).strip()  # noqa: PLR2004 - what can be printed
    return {"server id": text or data.hex(" ")}
