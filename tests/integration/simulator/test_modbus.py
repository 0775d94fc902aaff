"""The Modbus units, read with a real client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.exceptions import ModbusIOException

from ems_telemetry.connectors.simulator.live import LivePlant
from ems_telemetry.connectors.simulator.loopback import usable_port
from ems_telemetry.connectors.simulator.modbus_registers import GAS_METER, MAIN_METER, UNITS, WATER_METER, size_of
from ems_telemetry.connectors.simulator.modbus_server import modbus_server

SwitchOn = Callable[..., LivePlant]
FAULT_TIMEOUT_S = 15.0
Type: TypeAlias = ModbusClientMixin.DATATYPE


@asynccontextmanager
async def served(plant: LivePlant) -> AsyncIterator[int]:
    port = usable_port(0, "Modbus")
    async with modbus_server(plant, port):
        yield port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=0.3, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def read(
    client: AsyncModbusTcpClient, unit: int, address: int, type_: Type, words: Literal["big", "little"] = "big"
) -> float:
    answer = await client.read_input_registers(address, count=type_.value[1], device_id=unit)
    assert not answer.isError()
    value = client.convert_from_registers(answer.registers, type_, word_order=words)
    assert isinstance(value, int | float)
    return value


async def answers(port: int, unit: int) -> bool:
    async with connected(port) as client:
        try:
            return not (await client.read_input_registers(100, count=2, device_id=unit)).isError()
        except ModbusIOException:
            return False


async def until_unit(port: int, unit: int, *, answering: bool) -> None:
    async with asyncio.timeout(FAULT_TIMEOUT_S):
        while await answers(port, unit) is not answering:
            await asyncio.sleep(0.02)


async def test_the_main_meter_shows_a_busy_plant(switch_on: SwitchOn) -> None:
    async with served(switch_on()) as port, connected(port) as client:
        volts = [await read(client, MAIN_METER, address, Type.FLOAT32) for address in (0, 2, 4)]
        amperes = await read(client, MAIN_METER, 6, Type.FLOAT32)
        watts = await read(client, MAIN_METER, 12, Type.FLOAT32)
        power_factor = await read(client, MAIN_METER, 30, Type.FLOAT32)
        watt_hours = await read(client, MAIN_METER, 72, Type.UINT64)
    assert all(220 < volt < 240 for volt in volts)
    assert 250_000 < watts < 400_000
    assert 3 * volts[0] * amperes * power_factor == pytest.approx(watts, rel=0.02)
    assert watt_hours > 10**9


async def test_a_machine_meter_counts_in_low_word_first(switch_on: SwitchOn) -> None:
    async with served(switch_on()) as port, connected(port) as client:
        tenth_watts = await read(client, 2, 2, Type.UINT32, words="little")
        first = await read(client, 2, 0, Type.UINT32, words="little")
    async with served(switch_on(rate=200)) as port, connected(port) as client:
        await asyncio.sleep(0.5)
        later = await read(client, 2, 0, Type.UINT32, words="little")
    assert 300_000 < tenth_watts < 700_000
    assert 50 < later - first < 1000


async def test_holding_and_input_registers_are_the_same_and_cannot_be_written(switch_on: SwitchOn) -> None:
    async with served(switch_on()) as port, connected(port) as client:
        holding = await client.read_holding_registers(0, count=2, device_id=3)
        inputs = await client.read_input_registers(0, count=2, device_id=3)
        written = await client.write_register(0, 1, device_id=3)
    assert holding.registers[1] == inputs.registers[1]
    assert written.isError()


@pytest.mark.parametrize("unit", UNITS)
async def test_a_unit_answers_to_its_last_register_and_refuses_the_next(switch_on: SwitchOn, unit: int) -> None:
    size = size_of(UNITS[unit])
    async with served(switch_on()) as port, connected(port) as client:
        assert not (await client.read_input_registers(size - 1, count=1, device_id=unit)).isError()
        assert (await client.read_input_registers(size, count=1, device_id=unit)).isError()


async def test_a_unit_that_does_not_exist_never_answers(switch_on: SwitchOn) -> None:
    async with served(switch_on()) as port:
        assert not await answers(port, 17)


async def test_the_gas_meter_falls_silent_and_comes_back_while_the_others_answer(switch_on: SwitchOn) -> None:
    async with served(switch_on(rate=20, faults=True)) as port, connected(port) as client:
        assert await answers(port, GAS_METER)
        await until_unit(port, GAS_METER, answering=False)
        assert await read(client, MAIN_METER, 12, Type.FLOAT32) > 0
        await until_unit(port, GAS_METER, answering=True)


async def test_the_water_counter_rolls_over_after_its_last_litre(switch_on: SwitchOn) -> None:
    async with served(switch_on(rate=20, faults=True)) as port, connected(port) as client:
        litres = [await read(client, WATER_METER, 40, Type.UINT32)]
        assert 99_000 < litres[0] < 100_000
        async with asyncio.timeout(FAULT_TIMEOUT_S):
            while litres[-1] >= litres[0]:
                await asyncio.sleep(0.02)
                litres.append(await read(client, WATER_METER, 40, Type.UINT32))
    assert litres[-1] < 100
    assert litres[:-1] == sorted(litres[:-1])


async def test_without_faults_the_water_counter_stays_as_it_is(switch_on: SwitchOn) -> None:
    async with served(switch_on(rate=20)) as port, connected(port) as client:
        first = await read(client, WATER_METER, 40, Type.UINT32)
        await asyncio.sleep(0.3)
        assert await read(client, WATER_METER, 40, Type.UINT32) >= first
