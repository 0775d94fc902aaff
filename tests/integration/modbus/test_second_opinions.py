"""What a line reads is what another client reads, from servers of others: modbus-tk and modbus-serial, over TCP and serial."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from modbus_lines import ask_much, holding, line_to, numbers
from servers.mbpoll import poll_rtu, poll_tcp
from servers.modbus import modbus_tk
from servers.node_modbus import BUSY, SILENT, SLOW, node_modbus_server
from servers.process import LOOPBACK, serving
from servers.serial_line import serial_plant

from ems_telemetry.connectors.modbus.errors import BUSY_CODES, ExceptionReplyError, SilentUnitError
from ems_telemetry.connectors.modbus.identification import read_objects
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.pdu import IdentificationCode, ReadDeviceIdentification, ReadRequest, ReportServerId
from ems_telemetry.connectors.modbus.registers import Table

AMPLE_S = 5.0
REGISTERS: Mapping[tuple[int, str, int], Sequence[int]] = {
    (7, "holding", 0): [(n * 7919 + 3) & 0xFFFF for n in range(125)],
    (7, "input", 300): [(n * 104_729 + 5) & 0xFFFF for n in range(40)],
    (9, "coil", 10): [n % 3 == 0 for n in range(40)],
    (9, "discrete", 3): [n % 5 < 2 for n in range(30)],
}
READS = [(unit_id, table, address, len(values)) for (unit_id, table, address), values in REGISTERS.items()]


async def read(line: Line, unit_id: int, table: str, address: int, count: int) -> list[int]:
    request = ReadRequest(Table(table), address, count)
    data = await line.ask(unit_id, request, AMPLE_S)
    if not request.table.holds_bits:
        return numbers(data)
    return [data[i // 8] >> i % 8 & 1 for i in range(count)]


async def test_over_tcp_a_line_reads_what_mbpoll_reads() -> None:
    with modbus_tk(REGISTERS) as server:
        async with line_to(f"tcp://{LOOPBACK}:{server.port}") as line:
            for place in READS:
                values = await read(line, *place)
                assert values == await poll_tcp(server.port, *place)
                assert values == [int(value) for value in REGISTERS[place[:3]]]


async def test_over_a_serial_line_a_line_reads_what_mbpoll_reads(tmp_path: Path) -> None:
    with serial_plant(tmp_path, REGISTERS) as (near, _):
        for place in READS:
            async with line_to(f"serial://{near}?parity=N") as line:
                values = await read(line, *place)
            assert values == await poll_rtu(near, *place)
            assert values == [int(value) for value in REGISTERS[place[:3]]]


@pytest.fixture(scope="module")
def node_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(node_modbus_server(tmp_path_factory.mktemp("modbus-serial"))) as server:
        yield server.port


def node(port: int) -> str:
    return f"tcp://{LOOPBACK}:{port}"


async def test_modbus_serial_is_read_as_mbpoll_reads_it(node_port: int) -> None:
    async with line_to(node(node_port)) as line:
        tally = await ask_much(line, AMPLE_S)
        assert (tally.wrong, tally.right) == ([], tally.asked)
        for place in [(5, "holding", 3, 100), (5, "input", 40, 7), (6, "coil", 1, 19), (6, "discrete", 2, 9)]:
            assert await read(line, *place) == await poll_tcp(node_port, *place)


async def test_a_busy_device_says_so_and_keeps_the_link(node_port: int) -> None:
    async with line_to(node(node_port)) as line:
        with pytest.raises(ExceptionReplyError, match="device busy") as caught:
            await line.ask(1, holding(BUSY), AMPLE_S)
        assert caught.value.code in BUSY_CODES
        assert numbers(await line.ask(1, holding(3), AMPLE_S)) == [1003]


async def test_a_slow_reply_holds_the_others_up_and_a_silent_one_no_longer_than_its_time(node_port: int) -> None:
    async with line_to(node(node_port)) as line:
        began_s = time.monotonic()
        asking = asyncio.gather(line.ask(1, holding(SLOW), AMPLE_S), line.ask(2, holding(3), AMPLE_S))
        assert [numbers(data) for data in await asking] == [[1901], [2003]]
        assert time.monotonic() - began_s > 0.29
        with pytest.raises(SilentUnitError, match=r"does not answer within 0\.1s"):
            await line.ask(1, holding(SILENT), 0.1)
        assert numbers(await line.ask(1, holding(3), AMPLE_S)) == [1003]


async def test_a_device_says_what_it_is(node_port: int) -> None:
    async with line_to(node(node_port)) as line:
        basic = read_objects(await line.ask(1, ReadDeviceIdentification(), AMPLE_S))
        assert {0: b"ACME", 1: b"EM-7", 2: b"1.4"}.items() <= basic.objects.items()
        assert basic.next_object_id is None
        one = ReadDeviceIdentification(IdentificationCode.SPECIFIC, 0x97)
        assert read_objects(await line.ask(1, one, AMPLE_S)).objects == {0x97: b"hall 1"}


async def test_a_device_that_does_not_know_a_function_says_so(tmp_path: Path) -> None:
    with serial_plant(tmp_path, REGISTERS) as (near, _):
        async with line_to(f"serial://{near}?parity=N") as line:
            with pytest.raises(ExceptionReplyError, match="illegal function"):
                await line.ask(7, ReportServerId(), AMPLE_S)
