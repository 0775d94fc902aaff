"""Whatever comes over a line, no value ever lands on the wrong request: over TCP, and with RTU over TCP."""

import asyncio
import random
import struct
from collections.abc import Callable

import pytest
from modbus_lines import Tally, ask_much, holding, line_to
from servers.disturbed_cable import (
    Disturb,
    DisturbedCable,
    breaking,
    delaying,
    dropping,
    going_deaf,
    splitting,
    swapping,
)
from servers.lying_modbus import Answer, Asked, LyingModbusServer, honest, reply
from servers.lying_rtu import LyingRtuServer, framed, honest_rtu, rtu_reply, rtu_request

from ems_telemetry.connectors.modbus.errors import ClosedLinkError, SilentUnitError, WrongReplyError

TIMEOUT_S = 0.04
AMPLE_S = 2.0
Lie = Callable[[Asked], bytes]


def other_unit(asked: Asked) -> int:
    return asked.unit_id % 3 + 1


def with_pdu(asked: Asked, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", asked.transaction, 0, len(pdu) + 1, asked.unit_id) + pdu


TCP_LIES: dict[str, Lie] = {
    "the reply to the request before": lambda asked: reply(asked, transaction=asked.transaction - 1, address=3),
    "the reply to no request": lambda asked: reply(asked, transaction=0, address=3),
    "another unit's reply": lambda asked: reply(asked, unit_id=other_unit(asked)),
    "another table's reply": lambda asked: reply(asked, function=4, address=3),
    "fewer registers": lambda asked: reply(asked, quantity=asked.quantity - 1),
    "more registers": lambda asked: reply(asked, quantity=asked.quantity + 1),
    "an empty frame": lambda asked: struct.pack(">HHHB", asked.transaction, 0, 1, asked.unit_id),
    "an oversized frame": lambda asked: struct.pack(">HHHB", asked.transaction, 0, 900, asked.unit_id) + bytes(900),
    "a byte count without bytes": lambda asked: with_pdu(asked, b"\x03\x02"),
    "another protocol": lambda asked: reply(asked)[:2] + b"\x00\x01" + reply(asked)[4:],
    "the reply twice": lambda asked: reply(asked) * 2,
    "the reply with a tail": lambda asked: reply(asked) + b"\x00",
    "the reply of another unit behind it": lambda asked: reply(asked) + reply(asked, unit_id=other_unit(asked)),
    "a byte before the reply": lambda asked: b"\x00" + reply(asked),
    "half of the reply": lambda asked: reply(asked)[:9],
    "noise": lambda _: b"\xff\x00\x13\x37" * 10,
    "nothing": lambda _: b"",
}
RTU_LIES: dict[str, Lie] = {
    "another unit's reply": lambda asked: rtu_reply(asked, unit_id=other_unit(asked)),
    "another table's reply": lambda asked: rtu_reply(asked, function=4, address=3),
    "fewer registers": lambda asked: rtu_reply(asked, quantity=asked.quantity - 1),
    "more registers": lambda asked: rtu_reply(asked, quantity=asked.quantity + 1),
    "no data": lambda asked: framed(bytes([asked.unit_id, asked.function, 0])),
    "a wrong checksum": lambda asked: rtu_reply(asked)[:-1] + bytes([rtu_reply(asked)[-1] ^ 0x10]),
    "a flipped bit": lambda asked: rtu_reply(asked)[:4] + bytes([rtu_reply(asked)[4] ^ 1]) + rtu_reply(asked)[5:],
    "the reply twice": lambda asked: rtu_reply(asked) * 2,
    "the reply with a tail": lambda asked: rtu_reply(asked) + b"\x00",
    "the reply of another unit behind it": lambda asked: rtu_reply(asked) + rtu_reply(asked, unit_id=other_unit(asked)),
    "a byte before the reply": lambda asked: b"\x00" + rtu_reply(asked),
    "half of the reply": lambda asked: rtu_reply(asked)[:4],
    "the echo alone": rtu_request,
    "the echo twice": lambda asked: rtu_request(asked) * 2 + rtu_reply(asked),
    "the echo and another unit's reply": lambda asked: rtu_request(asked) + rtu_reply(asked, unit_id=other_unit(asked)),
    "an oversized frame": lambda asked: bytes([asked.unit_id, asked.function, 255]) + bytes(257),
    "noise": lambda _: b"\xff\x00\x13\x37" * 10,
    "nothing": lambda _: b"",
}


def now_and_then(lie: Answer, otherwise: Answer) -> Answer:
    """Lies to about one request in fifteen, in no rhythm but always the same, and is honest otherwise."""
    dice = random.Random(20260302)  # noqa: S311 - no secret, the same in every run

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (lie if asked.number and dice.random() < 0.06 else otherwise)(asked, writer)

    return answer


def sending(lie: Lie) -> Answer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(lie(asked))

    return answer


async def asked_over_tcp(answer: Answer, timeout_s: float = TIMEOUT_S) -> tuple[Tally, LyingModbusServer]:
    async with LyingModbusServer(answer).serving() as server, line_to(f"tcp://127.0.0.1:{server.port}") as line:
        return await ask_much(line, timeout_s), server


async def asked_with_rtu(answer: Answer, timeout_s: float = TIMEOUT_S) -> tuple[Tally, LyingModbusServer]:
    async with LyingRtuServer(answer).serving() as server, line_to(f"rtu-over-tcp://127.0.0.1:{server.port}") as line:
        return await ask_much(line, timeout_s), server


def prove(tally: Tally, server: LyingModbusServer) -> None:
    assert tally.wrong == []
    assert tally.right > 200, "it goes on between the lies"
    assert tally.failures.total() > 10
    assert server.connections > 1, "the connection in doubt was dropped"


@pytest.mark.parametrize("what", TCP_LIES)
async def test_a_lie_over_tcp_never_becomes_a_value(what: str) -> None:
    prove(*await asked_over_tcp(now_and_then(sending(TCP_LIES[what]), honest)))


@pytest.mark.parametrize("what", RTU_LIES)
async def test_a_lie_with_rtu_never_becomes_a_value(what: str) -> None:
    prove(*await asked_with_rtu(now_and_then(sending(RTU_LIES[what]), honest_rtu)))


def later(right: Lie, delay_s: float) -> Answer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        writer.write(right(asked))

    return answer


def in_pieces(right: Lie, pause_s: float) -> Answer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for byte in right(asked):
            writer.write(bytes([byte]))
            await asyncio.sleep(pause_s)

    return answer


@pytest.mark.parametrize("make", [lambda right: later(right, TIMEOUT_S * 1.4), lambda right: in_pieces(right, TIMEOUT_S / 4)])
async def test_a_reply_that_comes_too_late_never_becomes_a_value(make: Callable[[Lie], Answer]) -> None:
    for tally, server in (
        await asked_over_tcp(now_and_then(make(reply), honest)),
        await asked_with_rtu(now_and_then(make(rtu_reply), honest_rtu)),
    ):
        prove(tally, server)
        assert tally.failures[SilentUnitError] > 10


async def test_a_reply_in_many_pieces_is_put_together() -> None:
    for tally, server in (
        await asked_over_tcp(now_and_then(in_pieces(reply, 0.001), honest), AMPLE_S),
        await asked_with_rtu(now_and_then(in_pieces(rtu_reply, 0.001), honest_rtu), AMPLE_S),
    ):
        assert (tally.wrong, tally.failures.total(), server.connections) == ([], 0, 1)


async def test_an_adapter_that_gives_back_what_is_sent_is_understood() -> None:
    tally, server = await asked_with_rtu(sending(lambda asked: rtu_request(asked) + rtu_reply(asked)), AMPLE_S)
    assert (tally.wrong, tally.failures.total(), server.connections) == ([], 0, 1)


async def closed(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("end", [closed, reset])
async def test_a_closed_connection_costs_the_one_request_on_it(end: Answer) -> None:
    for tally, server in (
        await asked_over_tcp(now_and_then(end, honest), TIMEOUT_S * 2),
        await asked_with_rtu(now_and_then(end, honest_rtu), TIMEOUT_S * 2),
    ):
        prove(tally, server)
        assert tally.failures[ClosedLinkError] > 10


async def test_bytes_that_nobody_asked_for_are_never_a_reply_and_cost_no_request() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(asked))
        if asked.number % 10 == 3:
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(reply(asked, transaction=asked.transaction + 1, unit_id=2))

    async with LyingModbusServer(answer).serving() as server, line_to(f"tcp://127.0.0.1:{server.port}") as line:
        tally = Tally()
        async with line.in_use():
            for number in range(40):
                await tally.ask(line, 2, holding(number), AMPLE_S)
                await asyncio.sleep(0.5 if number % 10 == 3 else 0)
        assert (tally.wrong, tally.right, line.unasked, server.connections) == ([], 40, 4, 5)


DISTURBANCES: dict[str, Disturb] = {
    "late": delaying(TIMEOUT_S * 1.4),
    "in single bytes": splitting(0.0005),
    "in single bytes, too slowly": splitting(TIMEOUT_S / 6),
    "in another order": swapping,
    "lost": dropping,
    "lost with the connection": breaking,
    "deaf for a while": going_deaf(TIMEOUT_S * 2),
}


@pytest.mark.parametrize("what", DISTURBANCES)
@pytest.mark.parametrize("scheme", ["tcp", "rtu-over-tcp"])
async def test_a_disturbed_way_never_brings_a_value_to_the_wrong_request(what: str, scheme: str) -> None:
    lying = LyingModbusServer(honest) if scheme == "tcp" else LyingRtuServer(honest_rtu)
    async with lying.serving() as server:
        cable = DisturbedCable(server.port, DISTURBANCES[what], share=0.04)
        await cable.plug_in()
        try:
            async with line_to(f"{scheme}://127.0.0.1:{cable.port}") as line:
                tally = await ask_much(line, TIMEOUT_S)
        finally:
            await cable.unplug()
    assert tally.wrong == []
    assert tally.right > 200
    assert cable.disturbed > 5
    assert set(tally.failures) <= {SilentUnitError, ClosedLinkError, WrongReplyError}
