"""Modbus connector files for tests, as they stand in YAML."""

from collections.abc import Mapping, Sequence
from typing import Any

from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.registers import Order

Written = dict[str, Any]


def point(id_: str, address: int, type_: str = "uint16", **more: object) -> Written:
    """Writes a point of the holding registers."""
    written = {"id": id_, "register": "holding", "address": address, "type": type_, "quantity": "voltage", "unit": "V"}
    return {**written, **more}


def meter(unit_id: int, points: Sequence[Written], **more: object) -> Written:
    """Writes a meter `M<unit>`."""
    return {"id": f"M{unit_id}", "unit_id": unit_id, "points": list(points), **more}


def modbus_file(port: int, units: Mapping[int, Sequence[Written]], **more: object) -> ModbusFile:
    """Checks a file with a meter for each unit, as if it had been read from YAML."""
    meters = [meter(unit_id, points) for unit_id, points in units.items()]
    written = {"type": "modbus", "endpoint": f"tcp://127.0.0.1:{port}", "site": "S", "meters": meters, **more}
    return ModbusFile.model_validate(written)


def permuted(big_endian: bytes, order: Order) -> bytes:
    """Lays bytes in an order, letter by letter as its name says."""
    letters = "ABCDEFGH"[: len(big_endian)]
    if order.is_wide:
        return bytes(big_endian[letters.index(letter)] for letter in order)
    words = [big_endian[place : place + 2] for place in range(0, len(big_endian), 2)]
    words = words[::-1] if order in ("CDAB", "DCBA") else words
    return b"".join(word[::-1] if order in ("BADC", "DCBA") else word for word in words)
