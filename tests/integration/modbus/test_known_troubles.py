"""Troubles that users of other systems reported with Modbus, each with where it was reported."""

import asyncio
import gc
import json
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from fakes import QuickClock, RememberingSink, surroundings, until
from modbus_files import Written, meter, modbus_file, point
from profile_files import loaded, loaded_file, meter_of
from servers.lying_modbus import LyingModbusServer, spelled
from servers.meter_model import model
from servers.modbus import LOOPBACK, modbus_tk
from servers.process import free_port

from ems_telemetry.connectors.contract import Shared, Surroundings
from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.library import Library
from ems_telemetry.connectors.modbus.looking import look
from ems_telemetry.model import Flag, Quality, Reading, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import LinkState
from ems_telemetry.retry import Backoff

END_S = 10.0
SDM630 = "eastron/sdm630"


@asynccontextmanager
async def running(file: ModbusFile, given: Surroundings) -> AsyncIterator[None]:
    connector = CONNECTOR_TYPE.build(file, given)
    task = asyncio.create_task(connector.run())
    try:
        yield
    finally:
        connector.stop()
        await asyncio.wait_for(task, END_S)


def sdm630(folder: Path, port: int, **keys: str) -> ModbusFile:
    meter = meter_of(SDM630, {})[:-1] + "".join(f", {key}: {value}" for key, value in keys.items()) + "}"
    return loaded_file(folder, meter).model_copy(update={"endpoint": f"tcp://{LOOPBACK}:{port}"})


async def read_through(folder: Path, port: int, *meters: Written) -> Sequence[Reading]:
    """Reads every point of some meters once and gives it its meaning."""
    configuration = loaded(folder, *map(json.dumps, meters))
    file = configuration.connectors[0].file
    assert isinstance(file, ModbusFile)
    found = await look(file.model_copy(update={"endpoint": f"tcp://{LOOPBACK}:{port}"}), surroundings(folder))
    samples = [item for item in found if isinstance(item, Sample)]
    assert len(samples) == len(found)
    return Normalizer("hall", configuration.points).normalize(samples).readings


# https://github.com/thingsboard/thingsboard-gateway/issues/1453
async def test_thingsboard_gateway_1453_a_meter_with_another_order_of_bytes_is_told_which(tmp_path: Path) -> None:
    modelled = model(Library().find(SDM630).read())
    given = surroundings(tmp_path)
    with modbus_tk({}) as server:
        modelled.serve(server, 1)
        await look(sdm630(tmp_path, server.port, order="CDAB"), given)
    assert "order: ABCD" in str(given.report.status.last_error)
    assert "where it reads 55 Hz" in str(given.report.status.last_error)


# https://github.com/pymodbus-dev/pymodbus/issues/1350
@pytest.mark.parametrize(("off_by", "advice"), [(-1, "addresses are off by -1"), (0, None), (1, "addresses are off by +1")])
async def test_pymodbus_1350_an_address_that_is_off_by_one_is_found_out_and_told(
    off_by: int, advice: str | None, tmp_path: Path
) -> None:
    modelled = model(Library().find(SDM630).read())
    registers = {(table, at + off_by): value for (table, at), value in modelled.registers.items() if at + off_by >= 0}
    given = surroundings(tmp_path)
    with modbus_tk({}) as server:
        modelled._replace(registers=registers).serve(server, 1)
        found = await look(sdm630(tmp_path, server.port), given)
    assert (advice or "") in str(given.report.status.last_error)
    values = [item for item in found if isinstance(item, Sample) and item.value is not None]
    assert values
    assert {bool(sample.flags & Flag.UNPROVED) for sample in values} == {advice is not None}
    assert {sample.quality == Quality.GOOD for sample in values} == {advice is None}


# https://github.com/edgexfoundry/device-modbus-go/issues/61
@pytest.mark.parametrize(
    ("addressing", "address", "table"),
    [
        ("zero_based", 40, "holding"),
        ("one_based", 41, "holding"),
        ("modicon", 40041, "holding"),
        ("modicon", 400041, "holding"),
        ("modicon", 30041, "input"),
    ],
)
async def test_edgex_61_addresses_of_any_manual_lead_to_the_same_register_and_errors_name_that_of_the_wire(
    addressing: str, address: int, table: str, tmp_path: Path
) -> None:
    sink = RememberingSink()
    given = surroundings(tmp_path, sink=sink)
    missing = point("missing", address + 100, register=table)
    with modbus_tk({(1, table, 40): [4711]}) as server:
        file = modbus_file(server.port, {1: [point("a", address, register=table), missing]}, addressing=addressing)
        async with running(file, given):
            await sink.wait_for_samples(2)
    assert {(sample.point, sample.value) for sample in sink.samples} == {("M1.a", 4711), ("M1.missing", None)}
    assert f"{table} 140 (wire addresses)" in str(given.report.status.last_error)


# https://github.com/home-assistant/core/issues/69656
# https://github.com/influxdata/telegraf/issues/10680
# https://github.com/timlaing/modbus_local_gateway/pull/287
@pytest.mark.parametrize(
    ("type_", "registers", "invalid"),
    [
        ("int16", [0x8000], ["0x8000"]),
        ("int16", [0x8000], [-32768]),
        ("uint16", [0xFFFF], ["0xFFFF"]),
        ("uint32", [0xFFFF, 0xFFFF], ["0xFFFFFFFF"]),
        ("int32", [0x8000, 0x0000], ["0x80000000"]),
        ("uint64", [0xFFFF] * 4, ["0xFFFFFFFFFFFFFFFF"]),
        ("float32", [0x7F80, 0x0001], []),
        ("float32", [0xFF80, 0x0000], []),
        ("float64", [0x7FF8, 0, 0, 0], []),
    ],
)
async def test_home_assistant_69656_a_sentinel_is_null_with_its_reason_and_never_a_reading(
    type_: str, registers: Sequence[int], invalid: Sequence[object], tmp_path: Path
) -> None:
    written = point("a", 0, type_, scale=0.1, invalid=list(invalid))
    with modbus_tk({(1, "holding", 0): registers}) as server:
        [reading] = await read_through(tmp_path, server.port, meter(1, [written]))
    assert reading.value is None
    assert reading.quality == Quality.BAD
    assert reading.flags & Flag.INVALID_VALUE


# https://github.com/home-assistant/core/issues/139628
async def test_home_assistant_139628_of_many_alike_meters_that_have_no_value_none_reads_zero(tmp_path: Path) -> None:
    points = [point(f"p{n}", 2 * n, "uint32", kind="counter", scale=0.01, invalid=["0xFFFFFFFF"]) for n in range(20)]
    registers = {(unit, "holding", 0): [0xFFFF] * 40 for unit in range(1, 6)}
    with modbus_tk(registers) as server:
        readings = await read_through(tmp_path, server.port, *(meter(unit, points) for unit in range(1, 6)))
    assert [reading.value for reading in readings] == [None] * 100


# https://github.com/thingsboard/thingsboard-gateway/issues/406
# https://github.com/thingsboard/thingsboard-gateway/issues/1589
# https://github.com/thingsboard/thingsboard-gateway/issues/1821
# https://github.com/thingsboard/thingsboard/issues/15122
# https://github.com/edgexfoundry/device-modbus-go/issues/629
async def test_thingsboard_gateway_406_many_points_are_read_with_few_requests(tmp_path: Path) -> None:
    points = [point(f"p{n}", 2 * n, "float32") for n in range(60)]
    sink = RememberingSink()
    with modbus_tk({(1, "holding", 0): [0] * 120}) as server:
        async with running(modbus_file(server.port, {1: points}), surroundings(tmp_path, sink=sink)):
            await sink.wait_for_samples(60)
        assert [request[1:] for request in server.seen] == [(3, 0, 120)]


# https://github.com/edgexfoundry/device-modbus-go/issues/356
# https://github.com/home-assistant/architecture/discussions/1418
# https://github.com/evcc-io/evcc/issues/15639
async def test_edgex_356_all_files_of_one_endpoint_share_one_connection(tmp_path: Path) -> None:
    shared = Shared()
    sinks = [RememberingSink() for _ in range(4)]
    async with LyingModbusServer().serving() as server, AsyncExitStack() as stack:
        for unit, sink in enumerate(sinks, 1):
            file = modbus_file(server.port, {unit: [point("a", 5)]}, interval="100ms")
            given = surroundings(tmp_path, sink=sink, shared=shared, name=f"file {unit}")
            await stack.enter_async_context(running(file, given))
        for sink in sinks:
            await sink.wait_for_samples(10)
        assert (server.connections, server.open) == (1, 1)
    for unit, sink in enumerate(sinks, 1):
        assert {(sample.point, sample.value) for sample in sink.samples} == {(f"M{unit}.a", spelled(unit, 5))}


# https://github.com/pymodbus-dev/pymodbus/issues/2777
# https://github.com/home-assistant/core/issues/138077
async def test_pymodbus_2777_a_connector_that_stops_in_the_middle_spoils_no_value_of_another(tmp_path: Path) -> None:
    shared, sink = Shared(), RememberingSink()
    async with LyingModbusServer().serving() as server:
        read = {"interval": "20ms", "max_register_gap": 0, "timeout": "5s"}
        staying = modbus_file(server.port, {1: [point("a", 5), point("b", 50)]}, **read)
        leaving = modbus_file(server.port, {2: [point("a", 5), point("b", 50)]}, **read)
        async with running(staying, surroundings(tmp_path, sink=sink, shared=shared)):
            for _ in range(20):
                async with running(leaving, surroundings(tmp_path, sink=sink, shared=shared, name="leaving")):
                    await sink.wait_for_samples(len(sink.samples) + 5)
        assert server.connections == 1
    right = {(f"M{unit}.{name}", spelled(unit, at)) for unit in (1, 2) for name, at in (("a", 5), ("b", 50))}
    assert {(sample.point, sample.value) for sample in sink.samples} == right


# https://github.com/BiancoRoyal/node-red-contrib-modbus/issues/536
@pytest.mark.parametrize("listening", [False, True])
async def test_node_red_modbus_536_an_endpoint_that_is_away_for_long_costs_no_memory(
    listening: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    given = surroundings(tmp_path, clock=QuickClock(600.0), backoff=Backoff())
    file = modbus_file(free_port(), {unit: [point("a", 5)] for unit in range(1, 20)}, interval="1s")
    async with AsyncExitStack() as stack:
        if listening:
            server = await stack.enter_async_context(deaf_server())
            file = file.model_copy(update={"endpoint": f"tcp://{LOOPBACK}:{server}"})
            file = file.model_copy(update={"timeout": 0.001})
        await stack.enter_async_context(running(file, given))
        await until(lambda: given.report.status.state is LinkState.DOWN)
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        sizes = []
        for _ in range(5):
            await asyncio.sleep(1.0)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    growth = [later - before for before, later in pairwise(sizes)][1:]
    assert min(growth) < 4096, f"it grows by {growth} bytes in ten minutes each"


# https://github.com/thingsboard/thingsboard-gateway/issues/799
async def test_thingsboard_gateway_799_the_requests_of_many_units_are_spread_over_the_interval(tmp_path: Path) -> None:
    units = {unit: [point("a", 5)] for unit in range(1, 61)}
    sink = RememberingSink()
    async with (
        LyingModbusServer().serving() as server,
        running(modbus_file(server.port, units, interval="2s"), surroundings(tmp_path, sink=sink)),
    ):
        await sink.wait_for_samples(60 * 3)
    times: dict[str, list[float]] = {}
    for sample in sink.samples:
        assert sample.time is not None
        times.setdefault(sample.point, []).append(sample.time.timestamp())
    phases = {key: moments[-1] % 2.0 for key, moments in times.items()}
    per_tenth = Counter(int(phase / 0.2) for phase in phases.values())
    assert len(per_tenth) == 10
    assert max(per_tenth.values()) <= 15, "a line is never hit by all units at once"


# https://github.com/thingsboard/thingsboard-gateway/issues/1387
async def test_thingsboard_gateway_1387_alike_meters_take_a_line_each_with_their_parameters(
    tmp_path: Path,
) -> None:
    known = Library().find("kamstrup/multical-403")
    profile = known.read()
    modelled = model(profile)
    with modbus_tk({}) as server:
        for unit in range(1, 101):
            modelled.serve(server, unit)
        file = loaded_file(tmp_path, *(meter_of(known.name, modelled.settings, unit) for unit in range(1, 101)))
        found = await look(file.model_copy(update={"endpoint": f"tcp://{LOOPBACK}:{server.port}"}), surroundings(tmp_path))
    assert {item.point.partition(".")[0] for item in found} == {f"M{unit}" for unit in range(1, 101)}
    assert all(isinstance(item, Sample) and item.quality == Quality.GOOD for item in found)


@asynccontextmanager
async def deaf_server() -> AsyncIterator[int]:
    """Takes connections and never says a word."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hear, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
