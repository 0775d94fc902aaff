"""Modbus connector files for tests, as they stand in YAML."""

from collections.abc import Mapping, Sequence
from typing import Any

from ems_telemetry.connectors.modbus.file import ModbusFile

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
