"""The plant's Modbus TCP gateway with five units; a unit that is silent, or does not exist, never answers."""

import contextlib
from collections.abc import AsyncIterator

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from ems_telemetry.connectors.simulator import modbus_registers as registers_of
from ems_telemetry.connectors.simulator.faults import GAS_METER_SILENT, ROLLOVER_AFTER_S, WATER_COUNTS
from ems_telemetry.connectors.simulator.live import LivePlant
from ems_telemetry.connectors.simulator.loopback import LOOPBACK

_ANY_OTHER_UNIT = 0
_READING = (3, 4)


class Unit:
    """One meter on the line: brings its registers up to date whenever they are read."""

    def __init__(self, number: int, plant: LivePlant) -> None:
        self._number = number
        self._plant = plant
        self._registers = registers_of.UNITS[number]

    def device(self) -> SimDevice:
        """Describes the unit to the server: one block from address 0, holding and input registers alike."""
        memory = SimData(0, count=registers_of.size_of(self._registers), values=0, datatype=DataType.REGISTERS)
        return SimDevice(self._number, memory, action=self.answer)

    async def answer(
        self,
        function: int,
        start: int,  # noqa: ARG002 - always 0
        address: int,  # noqa: ARG002 - the whole block is filled
        count: int,  # noqa: ARG002 - the whole block is filled
        memory: list[int],
        written: list[int] | list[bool] | None,  # noqa: ARG002 - nothing can be written
    ) -> ExcCodes | None:
        """Fills the memory with the present values; raises what the server takes for "no such unit" while it is silent."""
        if self._number == registers_of.GAS_METER and self._plant.suffers(GAS_METER_SILENT):
            raise NoSuchIdException
        if function not in _READING:
            return ExcCodes.ILLEGAL_FUNCTION
        registers_of.fill(memory, self._registers, self._read)
        return None

    def _read(self, point: str) -> float:
        if point == "WM-01.volume" and self._plant.has_faults:
            return water_volume_near_rollover(self._plant)
        return self._plant.read(point)


def water_volume_near_rollover(plant: LivePlant) -> float:
    """Tells the water intake's volume in m3 as its five digits show it, preset so that it rolls over soon after the start."""
    capacity = WATER_COUNTS / 1000
    since_rollover = plant.read("WM-01.volume") - plant.read_after("WM-01.volume", ROLLOVER_AFTER_S)
    return since_rollover % capacity


async def _keep_silent(*_: object) -> ExcCodes | None:
    raise NoSuchIdException


@contextlib.asynccontextmanager
async def modbus_server(plant: LivePlant, port: int) -> AsyncIterator[None]:
    """Serves the units on a loopback port for the length of an `async with`."""
    devices = [Unit(number, plant).device() for number in registers_of.UNITS]
    everything_else = SimDevice(
        _ANY_OTHER_UNIT, SimData(0, count=65_535, values=0, datatype=DataType.REGISTERS), action=_keep_silent
    )
    server = ModbusTcpServer([*devices, everything_else], address=(LOOPBACK, port), ignore_missing_devices=True)
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call] # the library does not type it
