"""The connector against modbus-tk: what the registers say arrives, and nothing is ever written."""

import asyncio
import contextlib
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes import RememberingSink, surroundings, until
from modbus_files import modbus_file, permuted, point
from servers.modbus import PLANT, modbus_tk, program
from servers.process import ServerProcess, free_port, serving

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.registers import SHORT_ORDERS, WIDE_REGISTERS, Order, ValueType
from ems_telemetry.model import Flag, Quality, Sample
from ems_telemetry.observe import LinkState
from ems_telemetry.retry import Backoff

END_S = 10.0
NUMBERS = {
    ValueType.INT16: -12_345,
    ValueType.UINT16: 54_321,
    ValueType.INT32: -123_456_789,
    ValueType.UINT32: 3_123_456_789,
    ValueType.INT64: -(2**62) - 1,
    ValueType.UINT64: 2**63 + 3,
    ValueType.FLOAT32: 230.5,
    ValueType.FLOAT64: 1234.56789,
}


@contextlib.asynccontextmanager
async def running(file: ModbusFile, given: Surroundings) -> AsyncIterator[None]:
    connector = CONNECTOR_TYPE.build(file, given)
    task = asyncio.create_task(connector.run())
    try:
        yield
    finally:
        connector.stop()
        await asyncio.wait_for(task, END_S)


def last(samples: list[Sample]) -> dict[str, Sample]:
    return {sample.point: sample for sample in samples}


def laid(value: float, type_: ValueType, order: Order) -> list[int]:
    data = permuted(struct.pack(f">{type_.code}", value), order)
    return [int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2)]


async def test_every_type_in_every_order_arrives_from_holding_and_input_registers(tmp_path: Path) -> None:
    points, registers, expected = [], [0] * 200, {}
    address = 0
    for type_, value in NUMBERS.items():
        for order in Order if type_.registers == WIDE_REGISTERS else SHORT_ORDERS:
            registers[address : address + type_.registers] = laid(value, type_, order)
            for table in ("holding", "input"):
                points.append(point(f"{table}-{type_}-{order}", address, type_, order=order, register=table))
                expected[f"M1.{table}-{type_}-{order}"] = value
            address += type_.registers
    sink = RememberingSink()
    with modbus_tk({(1, "holding", 0): registers, (1, "input", 0): registers}) as server:
        async with running(modbus_file(server.port, {1: points}), surroundings(tmp_path, sink=sink)):
            await sink.wait_for_samples(len(expected))
    assert {sample.point: sample.value for sample in sink.samples} == expected
    assert len(expected) == 2 * (3 * 12 + 5 * 4)


async def test_coils_discrete_inputs_and_bits_of_registers_arrive_as_bools(tmp_path: Path) -> None:
    points = [
        *(point(f"c{bit}", 10 + bit, "bool", register="coil") for bit in range(20)),
        *(point(f"d{bit}", 3 + bit, "bool", register="discrete") for bit in range(3)),
        *(point(f"r{bit}", 7, "bool", bit=bit) for bit in range(16)),
    ]
    coils, inputs, word = [1, 0, 0, 1, 1] * 4, [0, 1, 1], 0b1010_0000_0000_0001
    sink = RememberingSink()
    with modbus_tk({(1, "coil", 10): coils, (1, "discrete", 3): inputs, (1, "holding", 7): [word]}) as server:
        async with running(modbus_file(server.port, {1: points}), surroundings(tmp_path, sink=sink)):
            await sink.wait_for_samples(len(points))
    read = {sample.point: sample.value for sample in sink.samples}
    assert [read[f"M1.c{bit}"] for bit in range(20)] == [bool(coil) for coil in coils]
    assert [read[f"M1.d{bit}"] for bit in range(3)] == [False, True, True]
    assert [read[f"M1.r{bit}"] for bit in range(16)] == [bool(word >> bit & 1) for bit in range(16)]


async def test_several_units_share_one_link_and_only_reading_functions_are_used(tmp_path: Path) -> None:
    points = [point("a", 5), point("b", 30), point("c", 90, "uint16", register="input")]
    registers = {
        (unit, table, 0): [unit * 100 + n for n in range(100)] for unit in (1, 2, 255) for table in ("holding", "input")
    }
    sink = RememberingSink()
    with modbus_tk(registers) as server:
        file = modbus_file(server.port, dict.fromkeys((1, 2, 255), points), interval="100ms", max_register_gap=8)
        async with running(file, surroundings(tmp_path, sink=sink)):
            await sink.wait_for_samples(40)
        seen = set(server.seen)
    assert {s.point: s.value for s in sink.samples} == {
        f"M{unit}.{name}": unit * 100 + at for unit in (1, 2, 255) for name, at in (("a", 5), ("b", 30), ("c", 90))
    }
    assert {request.function for request in seen} == {3, 4}
    assert {request[2:] for request in seen} == {(5, 1), (30, 1), (90, 1)}


async def test_a_gap_is_read_across_when_allowed(tmp_path: Path) -> None:
    sink = RememberingSink()
    with modbus_tk(PLANT) as server:
        file = modbus_file(server.port, {1: [point("a", 5), point("b", 20)]})
        async with running(file, surroundings(tmp_path, sink=sink)):
            await sink.wait_for_samples(2)
        assert [request[2:] for request in server.seen] == [(5, 16)]
    assert [(sample.point, sample.value) for sample in sink.samples] == [("M1.a", 1005), ("M1.b", 1020)]


async def test_the_time_of_a_sample_is_the_middle_of_its_request(tmp_path: Path) -> None:
    sink = RememberingSink()
    before = datetime.now(UTC)
    with modbus_tk(PLANT) as server:
        async with running(modbus_file(server.port, {1: [point("a", 5)]}), surroundings(tmp_path, sink=sink)):
            await sink.wait_for_samples(1)
    [sample] = sink.samples
    assert sample.time is not None
    assert before < sample.time < sample.received_at <= datetime.now(UTC)


async def test_an_exception_gives_null_with_its_code_and_leaves_the_other_requests_alone(tmp_path: Path) -> None:
    sink = RememberingSink()
    given = surroundings(tmp_path, sink=sink)
    with modbus_tk(PLANT) as server:
        async with running(modbus_file(server.port, {1: [point("a", 5), point("b", 400)]}), given):
            await sink.wait_for_samples(2)
            await until(lambda: given.report.status.last_error is not None)
            assert given.report.status.state is LinkState.UP
    read = last(sink.samples)
    assert (read["M1.a"].value, read["M1.a"].status, read["M1.a"].quality) == (1005, 0, Quality.GOOD)
    assert read["M1.b"][2::2] == (None, Quality.BAD, Flag.BAD_STATUS)
    assert read["M1.b"].status == 2
    assert given.report.status.last_error == (
        "unit 1 holding 400 (wire addresses): exception 2, illegal data address; compare M1.b and `addressing` with its manual"
    )


async def test_a_busy_device_is_asked_once_more(tmp_path: Path) -> None:
    sink = RememberingSink()
    given = surroundings(tmp_path, sink=sink)
    with modbus_tk(PLANT) as server:
        server.exceptions_once = [6]
        async with running(modbus_file(server.port, {1: [point("a", 5)]}), given):
            await sink.wait_for_samples(1)
        assert len(server.seen) == 2
    assert (sink.samples[0].value, given.report.status.counters["busy"]) == (1005, 1)


@pytest.mark.parametrize("code", [0x0A, 0x0B])
async def test_a_gateway_that_cannot_reach_a_unit_is_no_link_failure(tmp_path: Path, code: int) -> None:
    sink = RememberingSink()
    given = surroundings(tmp_path, sink=sink)
    points = [point("a", 5), point("b", 60)]
    with modbus_tk(PLANT) as server:
        server.exceptions = {2: code}
        file = modbus_file(server.port, {1: points, 2: points}, interval="100ms", timeout="200ms")
        async with running(file, given):
            await sink.wait_for_samples(40)
            assert given.report.status.state is LinkState.UP
        asked = Counter(request.unit_id for request in server.seen)
    assert "reconnects" not in given.report.status.counters
    assert {(s.point, s.value, s.status) for s in sink.samples if s.point.startswith("M2")} == {
        ("M2.a", None, code),
        ("M2.b", None, code),
    }
    assert asked[2] < asked[1] / 2, "a unit that cannot be reached is asked less and less often"


async def test_a_dead_unit_does_not_hold_up_the_others(tmp_path: Path) -> None:
    sink = RememberingSink()
    given = surroundings(tmp_path, sink=sink, backoff=Backoff(initial_s=1, cap_s=60, draw=lambda: 1))
    units = {unit: [point("a", 5)] for unit in (1, 2, 3)}
    registers = {(unit, "holding", 0): [unit * 1000 + n for n in range(10)] for unit in (1, 3)}
    seconds = 6.0
    with modbus_tk(registers) as server:
        async with running(modbus_file(server.port, units, interval="500ms"), given):
            await sink.wait_for_samples(1)
            sink.samples.clear()
            await asyncio.sleep(seconds)
            counted = Counter(sample.point for sample in sink.samples)
            assert given.report.status.state is LinkState.UP
    due = seconds / 0.5
    assert "M2.a" not in counted, "silence is a gap, never a value"
    assert due - 1 <= counted["M1.a"] <= due + 1
    assert due - 1 <= counted["M3.a"] <= due + 1
    assert given.report.status.counters.get("ticks_skipped", 0) == 0
    assert given.report.status.counters["timeouts"] <= 4, "at 0, 1.25, 3.5 and, after it, 7.75 s"
    assert given.report.status.last_error == "unit 2: does not answer within 0.25s"


async def test_a_unit_that_comes_back_is_read_again(tmp_path: Path) -> None:
    sink = RememberingSink()
    with modbus_tk(PLANT) as server:
        server.silent = {2}
        file = modbus_file(server.port, {1: [point("a", 5)], 2: [point("a", 5)]}, interval="100ms")
        async with running(file, surroundings(tmp_path, sink=sink)):
            await sink.wait_for_samples(5)
            assert "M2.a" not in last(sink.samples)
            server.silent = set()
            await until(lambda: "M2.a" in last(sink.samples))
    assert last(sink.samples)["M2.a"].value == 2005


async def test_an_endpoint_none_of_whose_units_answers_is_down(tmp_path: Path) -> None:
    given = surroundings(tmp_path, sink=RememberingSink())
    with modbus_tk(PLANT) as server:
        server.silent = {1, 2}
        file = modbus_file(server.port, {1: [point("a", 5)], 2: [point("a", 5)]}, interval="100ms")
        async with running(file, given):
            await until(lambda: given.report.status.state is LinkState.DOWN)
            server.silent = set()
            await until(lambda: given.report.status.state is LinkState.UP)
    assert "no unit answers there; asked: 1, 2; lastly unit" in str(given.report.status.last_error)


async def test_reading_goes_on_after_the_server_was_killed_and_started_again(tmp_path: Path) -> None:
    sink = RememberingSink()
    given = surroundings(tmp_path, sink=sink)
    port = free_port()
    with serving(ServerProcess(program(port), port, tmp_path / "server.log")) as server:
        async with running(modbus_file(port, {1: [point("a", 5)], 3: [point("b", 7)]}, interval="100ms"), given):
            await sink.wait_for_samples(4)
            await asyncio.to_thread(server.kill)
            await until(lambda: given.report.status.state is LinkState.DOWN)
            assert "nobody listens there" in str(given.report.status.last_error)
            await asyncio.to_thread(server.start)
            before = len(sink.samples)
            await sink.wait_for_samples(before + 4)
            assert given.report.status.state is LinkState.UP
    assert {(sample.point, sample.value) for sample in sink.samples} == {("M1.a", 1005), ("M3.b", 3007)}


async def test_stop_ends_it_promptly_while_a_unit_is_silent(tmp_path: Path) -> None:
    given = surroundings(tmp_path, sink=RememberingSink())
    with modbus_tk(PLANT) as server:
        server.silent = {1}
        connector = CONNECTOR_TYPE.build(modbus_file(server.port, {1: [point("a", 5)]}, timeout="60s"), given)
        task = asyncio.create_task(connector.run())
        await until(lambda: bool(server.seen))
        began_s = time.monotonic()
        connector.stop()
        await asyncio.wait_for(task, END_S)
    assert time.monotonic() - began_s < 1


async def test_a_refusing_spool_does_not_stop_the_polling(tmp_path: Path) -> None:
    sink = RememberingSink()
    sink.refusing = True
    with modbus_tk(PLANT) as server:
        async with running(modbus_file(server.port, {1: [point("a", 5)]}, interval="100ms"), surroundings(tmp_path, sink=sink)):
            await until(lambda: len(sink.refused) >= 3)
    assert sink.samples == []
