"""A line over a serial port, and over a serial device server: modbus-tk's units at its end, or one that lies."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
import uvloop
from modbus_lines import QUICKLY, UNITS, ask_much, holding, line_to, numbers, said
from servers.lying_modbus import Answer, Asked
from servers.lying_rtu import LyingRtuServer, honest_rtu, rtu_reply, rtu_request
from servers.modbus import PLANT
from servers.serial_line import bridged_plant, serial_cable, serial_plant

from ems_telemetry.connectors.modbus.errors import ClosedLinkError, ExceptionReplyError, SilentUnitError, WrongReplyError
from ems_telemetry.errors import ConnectionLostError

TIMEOUT_S = 0.1
AMPLE_S = 2.0


def serial(device: Path, settings: str = "parity=N") -> str:
    return f"serial://{device}?{settings}"


async def read_plant(endpoint: str) -> None:
    async with line_to(endpoint) as line, line.in_use():
        for unit_id in UNITS:
            for request in (holding(0), holding(7, 3), holding(0, 100)):
                assert numbers(await line.ask(unit_id, request, AMPLE_S)) == said(unit_id, request)
        with pytest.raises(ExceptionReplyError, match="illegal data address"):
            await line.ask(1, holding(99, 2), AMPLE_S)
        assert numbers(await line.ask(1, holding(99), AMPLE_S)) == [1099]


async def test_several_units_on_one_serial_line_are_read(tmp_path: Path) -> None:
    with serial_plant(tmp_path, PLANT) as (near, server):
        await read_plant(serial(near))
    assert {request.function for request in server.seen} == {3}


async def test_several_units_behind_a_serial_device_server_are_read(tmp_path: Path) -> None:
    with bridged_plant(tmp_path, PLANT) as (port, _):
        await read_plant(f"rtu-over-tcp://127.0.0.1:{port}")


def test_it_works_on_uvloop_too(tmp_path: Path) -> None:
    with serial_plant(tmp_path, PLANT) as (near, _):
        uvloop.run(read_plant(serial(near)))


async def test_a_unit_that_is_not_there_costs_its_time_and_no_other_unit(tmp_path: Path) -> None:
    with serial_plant(tmp_path, PLANT) as (near, server):
        server.silent = {2}
        async with line_to(serial(near)) as line:
            tally = await ask_much(line, 0.05, 60)
    assert tally.wrong == []
    assert set(tally.failures) == {SilentUnitError}
    assert tally.right >= 30


async def test_the_line_is_silent_before_each_request(tmp_path: Path) -> None:
    """At 300 baud 3.5 characters take 128 ms."""
    asked_s: list[float] = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        asked_s.append(time.monotonic())
        await honest_rtu(asked, writer)

    async with LyingRtuServer(answer).serving() as server:
        with serial_cable(tmp_path, server.port) as cable:
            async with line_to(serial(cable.near, "parity=N&baudrate=300")) as line:
                for _ in range(3):
                    await line.ask(1, holding(3), AMPLE_S)
    assert min(later - earlier for earlier, later in pairwise(asked_s)) > 0.127


def lying_now_and_then(lie: Answer) -> Answer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (lie if asked.number % 20 == 5 else honest_rtu)(asked, writer)

    return answer


async def late(asked: Asked, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(TIMEOUT_S * 1.2)
    writer.write(rtu_reply(asked))


async def dribbled(asked: Asked, writer: asyncio.StreamWriter) -> None:
    for byte in rtu_reply(asked):
        writer.write(bytes([byte]))
        await asyncio.sleep(TIMEOUT_S / 5)


async def noise_that_goes_on(asked: Asked, writer: asyncio.StreamWriter) -> None:
    for _ in range(8):
        writer.write(b"\xff\x00\x13\x37")
        await asyncio.sleep(0.005)
    writer.write(rtu_reply(asked))


def writing(lie: Callable[[Asked], bytes]) -> Answer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(lie(asked))

    return answer


@pytest.mark.parametrize(
    "lie",
    [
        late,
        dribbled,
        noise_that_goes_on,
        writing(lambda asked: rtu_reply(asked, unit_id=asked.unit_id % 3 + 1)),
        writing(lambda asked: rtu_reply(asked) * 2),
        writing(lambda asked: b"\x00" + rtu_reply(asked)),
        writing(lambda asked: rtu_reply(asked)[:4]),
        writing(lambda asked: bytes([asked.unit_id, 3, 255]) + bytes(300)),
    ],
)
async def test_a_lie_on_a_serial_line_never_becomes_a_value(lie: Answer, tmp_path: Path) -> None:
    async with LyingRtuServer(lying_now_and_then(lie)).serving() as server:
        with serial_cable(tmp_path, server.port) as cable:
            async with line_to(serial(cable.near)) as line:
                tally = await ask_much(line, TIMEOUT_S)
        assert server.connections == 1, "the port stays open"
    assert tally.wrong == []
    assert tally.right > 200
    assert tally.failures.total() > 10


async def test_an_adapter_that_gives_back_what_is_sent_is_understood(tmp_path: Path) -> None:
    async with LyingRtuServer(writing(lambda asked: rtu_request(asked) + rtu_reply(asked))).serving() as server:
        with serial_cable(tmp_path, server.port) as cable:
            async with line_to(serial(cable.near)) as line:
                tally = await ask_much(line, AMPLE_S)
    assert (tally.wrong, tally.failures.total()) == ([], 0)


async def test_what_lies_on_the_line_before_a_request_is_no_reply_to_it(tmp_path: Path) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await honest_rtu(asked, writer)

    async with LyingRtuServer(answer).serving() as server:
        with serial_cable(tmp_path, server.port) as cable:
            async with line_to(serial(cable.near)) as line:
                await line.ask(1, holding(3), AMPLE_S)
                writers[0].write(rtu_reply(server.asked[0], address=77))
                await asyncio.sleep(0.05)
                assert numbers(await line.ask(1, holding(4), AMPLE_S)) == [1004]


async def test_a_line_that_never_falls_silent_is_told(tmp_path: Path) -> None:
    async def babble(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"\x55" * 8)
            await writer.drain()
            await asyncio.sleep(0.01)

    async with LyingRtuServer(babble).serving() as server:
        with serial_cable(tmp_path, server.port) as cable:
            async with line_to(serial(cable.near)) as line:
                with pytest.raises(WrongReplyError, match="unit 85 replied instead of unit 1"):
                    await line.ask(1, holding(3), AMPLE_S)
                # A busy machine may hear a pause where there was none: then the next unit is asked.
                for unit_id in range(2, 20):
                    with pytest.raises(WrongReplyError) as caught:
                        await line.ask(unit_id, holding(3), AMPLE_S)
                    if "does not fall silent; does another master speak on it" in str(caught.value):
                        return
    pytest.fail("the line fell silent each time")


@pytest.fixture
async def gateway_that_remembers() -> Callable[[], LyingRtuServer]:
    """A serial device server that hands on what comes late from the line to whoever is connected by then."""
    newest: list[asyncio.StreamWriter] = []
    late_ones: set[asyncio.Task[None]] = set()

    async def hand_on(asked: Asked) -> None:
        await asyncio.sleep(TIMEOUT_S * 1.2)
        newest[-1].write(rtu_reply(asked))

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        newest.append(writer)
        if asked.number % 9 == 4:
            task = asyncio.create_task(hand_on(asked))
            late_ones.add(task)
            task.add_done_callback(late_ones.discard)
        else:
            await honest_rtu(asked, writer)

    return lambda: LyingRtuServer(answer)


async def test_a_late_reply_on_a_new_connection_is_no_reply_to_a_later_request(
    gateway_that_remembers: Callable[[], LyingRtuServer],
) -> None:
    async with gateway_that_remembers().serving() as server, line_to(f"rtu-over-tcp://127.0.0.1:{server.port}") as line:
        tally = await ask_much(line, TIMEOUT_S)
    assert tally.wrong == []
    assert tally.failures[SilentUnitError] > 10


async def test_a_unit_in_doubt_waits_and_holds_up_no_other() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.unit_id != 1 or asked.address != 3:
            await honest_rtu(asked, writer)

    async with LyingRtuServer(answer).serving() as server, line_to(f"rtu-over-tcp://127.0.0.1:{server.port}") as line:
        with pytest.raises(SilentUnitError):
            await line.ask(1, holding(3), 0.8)
        began_s = time.monotonic()
        waiting = asyncio.create_task(line.ask(1, holding(4), AMPLE_S))
        for _ in range(10):
            await line.ask(2, holding(3), AMPLE_S)
        assert not waiting.done()
        assert numbers(await waiting) == [1004]
        assert time.monotonic() - began_s > 0.79
        await line.ask(1, holding(5), AMPLE_S)
    assert [asked.unit_id for asked in server.asked] == [1, *[2] * 10, 1, 1]


async def test_an_adapter_pulled_out_and_put_in_again_is_found_again(tmp_path: Path) -> None:
    async with LyingRtuServer(honest_rtu).serving() as server:
        with serial_cable(tmp_path, server.port) as cable:
            async with line_to(serial(cable.near)) as line:
                await line.ask(1, holding(3), AMPLE_S)
                await asyncio.to_thread(cable.pull_out)
                with pytest.raises((ClosedLinkError, ConnectionLostError)):
                    await line.ask(1, holding(3), AMPLE_S)
                with pytest.raises(ConnectionLostError, match="there is no such device; is the adapter plugged in"):
                    await line.ask(2, holding(3), AMPLE_S)
                await asyncio.to_thread(cable.plug_in)
                async with asyncio.timeout(10):
                    while not (await _worked(line.open)):
                        await asyncio.sleep(0.02)
                assert numbers(await line.ask(2, holding(3), AMPLE_S)) == [2003]


async def _worked(work: Callable[[], Awaitable[None]]) -> bool:
    try:
        await work()
    except ConnectionLostError:
        return False
    return True


async def test_two_lines_cannot_have_one_port(tmp_path: Path) -> None:
    with serial_plant(tmp_path, PLANT) as (near, _):
        async with line_to(serial(near)) as first, line_to(serial(near)) as second:
            await first.open()
            with pytest.raises(ConnectionLostError, match=f"cannot open {near}: another program uses it"):
                await second.open()
            await first.close()
            await asyncio.sleep(QUICKLY.cap_s)
            await second.open()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "there is no such device; is the adapter plugged in?"),
        ("folder", "it is a folder and no serial port"),
        ("file", "it is no serial port"),
    ],
)
async def test_a_device_that_is_no_serial_port_is_told_in_words(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    async with line_to(serial(tmp_path / name)) as line:
        with pytest.raises(ConnectionLostError) as caught:
            await line.open()
    assert str(caught.value) == f"cannot open {tmp_path / name}: {words}"
