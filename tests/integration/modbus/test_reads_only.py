"""Nothing the product does over Modbus changes a device: every request that reached one was one that reads."""

import asyncio
from pathlib import Path

from fakes import RememberingSink, surroundings
from profile_files import loaded_file, meter_of
from servers.meter_model import model
from servers.modbus import LOOPBACK, PLANT, Seen, modbus_tk
from servers.serial_line import serial_plant

from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.endpoint import parse_endpoint
from ems_telemetry.connectors.modbus.library import Library
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.looking import look
from ems_telemetry.connectors.modbus.recognition import recognisable
from ems_telemetry.connectors.modbus.scanning import scan
from ems_telemetry.connectors.modbus.units import FoundUnit
from ems_telemetry.retry import Backoff

READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT, SERVER_ID, DEVICE_IDENTIFICATION = 1, 2, 3, 4, 17, 43
READING = {READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT, SERVER_ID, DEVICE_IDENTIFICATION}
METERS = ("eastron/sdm630", "sunspec/meter", "socomec/diris-a14")
END_S = 10.0


def functions(seen: list[Seen]) -> set[int]:
    return {request.function for request in seen}


async def scanned(endpoint: str, units: range) -> dict[int, FoundUnit]:
    line = Line(parse_endpoint(endpoint), SystemClock(), Backoff())
    async with line.in_use():
        found = [one async for one in scan(line, units, recognisable(Library()), 0.3)]
    return {unit_id: unit for unit_id, unit in found if unit is not None}


async def test_scanning_looking_and_running_only_read(tmp_path: Path) -> None:
    lines = []
    with modbus_tk(PLANT) as server:
        for unit, name in enumerate(METERS, 11):
            modelled = model(Library().find(name).read())
            modelled.serve(server, unit)
            lines.append(meter_of(name, modelled.settings, unit))
        file = loaded_file(tmp_path, *lines).model_copy(update={"endpoint": f"tcp://{LOOPBACK}:{server.port}", "interval": 0.2})
        found = await scanned(file.endpoint, range(1, 15))
        await look(file, surroundings(tmp_path))
        sink = RememberingSink()
        connector = CONNECTOR_TYPE.build(file, surroundings(tmp_path, sink=sink))
        task = asyncio.create_task(connector.run())
        await sink.wait_for_samples(300)
        connector.stop()
        await asyncio.wait_for(task, END_S)
    assert set(found) == {1, 2, 3, 11, 12, 13}
    assert functions(server.seen) <= READING
    assert {READ_HOLDING, READ_INPUT, SERVER_ID, DEVICE_IDENTIFICATION} <= functions(server.seen)


async def test_so_they_do_over_a_serial_line(tmp_path: Path) -> None:
    with serial_plant(tmp_path, PLANT) as (near, server):
        found = await scanned(f"serial://{near}?parity=N", range(1, 6))
    assert set(found) == {1, 2, 3}
    assert functions(server.seen) <= READING
    assert SERVER_ID in functions(server.seen)
