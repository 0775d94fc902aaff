"""What a line promises to all who share it: turns in order, nobody's stop is another's loss, one owner of reconnecting."""

import asyncio
import socket
import time
from pathlib import Path

import pytest
from fakes import HandClock, QuickClock, until
from modbus_lines import QUICKLY, holding, line_to, numbers
from servers.lying_modbus import Answer, Asked, LyingModbusServer, honest, reply, speaking_first
from servers.process import free_port

from ems_telemetry.connectors.contract import Shared
from ems_telemetry.connectors.modbus.endpoint import Pauses, parse_endpoint
from ems_telemetry.connectors.modbus.errors import (
    ClosedLinkError,
    ExceptionReplyError,
    SilentUnitError,
    UnitFailedError,
    WrongReplyError,
)
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.lines import shared_line
from ems_telemetry.connectors.modbus.tls import TlsSettings
from ems_telemetry.connectors.modbus.wire import SocketWire
from ems_telemetry.errors import ConnectionLostError
from ems_telemetry.retry import Backoff

AMPLE_S = 5.0


def tcp(port: int) -> str:
    return f"tcp://127.0.0.1:{port}"


async def silent(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    return


async def closing(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


class HeldServer(LyingModbusServer):
    """Answers only once it is let."""

    def __init__(self) -> None:
        super().__init__(self._hold)
        self.let = asyncio.Event()

    async def _hold(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await self.let.wait()
        await honest(asked, writer)


def refusing(code: int) -> Answer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.address == 9:
            writer.write(reply(asked)[:4] + bytes([0, 3, asked.unit_id, asked.function | 0x80, code]))
        else:
            await honest(asked, writer)

    return answer


async def test_making_a_line_does_nothing() -> None:
    before = asyncio.all_tasks()
    line = Line(parse_endpoint(tcp(free_port())), HandClock(), QUICKLY)
    line.drop()
    await line.close()
    await line.close()
    assert asyncio.all_tasks() == before


async def test_it_connects_once_and_stays_connected() -> None:
    async with LyingModbusServer().serving() as server, line_to(tcp(server.port)) as line:
        await asyncio.gather(line.open(), line.open(), *(line.ask(unit, holding(3), AMPLE_S) for unit in range(1, 9)))
        await line.open()
        assert server.connections == 1


async def test_turns_are_taken_in_the_order_they_were_asked_for() -> None:
    async with HeldServer().serving() as server, line_to(tcp(server.port)) as line:
        assert isinstance(server, HeldServer)
        asking = []
        for unit_id in (5, 3, 9, 1, 7):
            asking.append(asyncio.create_task(line.ask(unit_id, holding(3), AMPLE_S)))
            await asyncio.sleep(0)
        server.let.set()
        assert [numbers(data) for data in await asyncio.gather(*asking)] == [[5003], [3003], [9003], [1003], [7003]]
        assert [asked.unit_id for asked in server.asked] == [5, 3, 9, 1, 7]


async def test_a_caller_that_asks_much_does_not_hold_up_one_that_asks_little() -> None:
    async with LyingModbusServer().serving() as server, line_to(tcp(server.port)) as line:

        async def ask(unit_id: int, times: int) -> None:
            for _ in range(times):
                await line.ask(unit_id, holding(3), AMPLE_S)

        await asyncio.gather(ask(1, 50), ask(2, 10), ask(3, 10))
        assert {asked.unit_id for asked in server.asked[:30]} == {1, 2, 3}
        assert [asked.unit_id for asked in server.asked[:30]].count(1) == 10


async def test_only_one_request_is_in_flight() -> None:
    flying = most = 0

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.002)
        flying -= 1
        await honest(asked, writer)

    async with LyingModbusServer(answer).serving() as server, line_to(tcp(server.port)) as line:
        await asyncio.gather(*(line.ask(unit, holding(3), AMPLE_S) for unit in range(1, 30)))
        assert (most, server.connections) == (1, 1)


async def test_on_a_shared_line_a_request_under_way_is_seen_through_when_its_caller_is_cancelled() -> None:
    async with HeldServer().serving() as server, line_to(tcp(server.port)) as line, line.in_use(), line.in_use():
        assert isinstance(server, HeldServer)
        leaving = asyncio.create_task(line.ask(1, holding(3), AMPLE_S))
        staying = asyncio.create_task(line.ask(2, holding(3), AMPLE_S))
        await until(lambda: len(server.asked) == 1)
        leaving.cancel()
        await asyncio.sleep(0.05)
        leaving.cancel()
        await asyncio.sleep(0.05)
        assert not leaving.done()
        server.let.set()
        assert numbers(await staying) == [2003]
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert server.connections == 1, "the link stays for the others"


async def test_a_cancelled_caller_leaves_a_shared_line_at_the_end_of_its_time_at_the_latest() -> None:
    async with LyingModbusServer(silent).serving() as server, line_to(tcp(server.port)) as line, line.in_use(), line.in_use():
        leaving = asyncio.create_task(line.ask(1, holding(3), 0.2))
        await until(lambda: len(server.asked) == 1)
        leaving.cancel()
        began_s = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert time.monotonic() - began_s < 0.5


async def test_a_cancelled_caller_leaves_at_once_a_line_it_uses_alone_and_its_reply_is_no_later_one_s() -> None:
    async with HeldServer().serving() as server, line_to(tcp(server.port)) as line, line.in_use():
        assert isinstance(server, HeldServer)
        leaving = asyncio.create_task(line.ask(1, holding(3), AMPLE_S))
        await until(lambda: len(server.asked) == 1)
        leaving.cancel()
        began_s = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert time.monotonic() - began_s < 0.5
        server.let.set()
        assert numbers(await line.ask(1, holding(40), AMPLE_S)) == [1040]
        assert server.connections == 2


async def test_a_caller_cancelled_in_the_queue_leaves_at_once_and_is_never_asked_for() -> None:
    async with HeldServer().serving() as server, line_to(tcp(server.port)) as line:
        assert isinstance(server, HeldServer)
        first = asyncio.create_task(line.ask(1, holding(3), AMPLE_S))
        await until(lambda: len(server.asked) == 1)
        leaving = asyncio.create_task(line.ask(2, holding(3), AMPLE_S))
        last = asyncio.create_task(line.ask(3, holding(3), AMPLE_S))
        await asyncio.sleep(0.01)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        server.let.set()
        await asyncio.gather(first, last)
        assert [asked.unit_id for asked in server.asked] == [1, 3]


@pytest.mark.parametrize("code", [1, 2, 4, 5, 6, 0x0A, 0x0B])
async def test_an_exception_leaves_the_connection_standing(code: int) -> None:
    async with LyingModbusServer(refusing(code)).serving() as server, line_to(tcp(server.port)) as line:
        for _ in range(3):
            with pytest.raises(ExceptionReplyError) as caught:
                await line.ask(1, holding(9), AMPLE_S)
            assert caught.value.code == code
            assert numbers(await line.ask(1, holding(3), AMPLE_S)) == [1003]
        assert server.connections == 1


async def test_transaction_ids_go_on_across_connections() -> None:
    async with LyingModbusServer().serving() as server, line_to(tcp(server.port)) as line:
        for _ in range(3):
            await line.ask(1, holding(3), AMPLE_S)
            line.drop()
        assert [asked.transaction for asked in server.asked] == [1, 2, 3]
        assert server.connections == 3


async def test_a_drop_ends_the_request_under_way() -> None:
    async with LyingModbusServer(silent).serving() as server, line_to(tcp(server.port)) as line:
        asking = asyncio.create_task(line.ask(1, holding(3), AMPLE_S))
        await until(lambda: len(server.asked) == 1)
        line.drop()
        with pytest.raises(ClosedLinkError, match="the link was closed"):
            await asking


async def test_the_socket_does_not_wait_and_notices_a_dead_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets: list[socket.socket] = []

    def remembering(wire: SocketWire, transport: asyncio.BaseTransport) -> None:
        made(wire, transport)
        sockets.append(transport.get_extra_info("socket"))

    made = SocketWire.connection_made
    monkeypatch.setattr(SocketWire, "connection_made", remembering)
    async with LyingModbusServer().serving() as server, line_to(tcp(server.port)) as line:
        await line.open()
        assert sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


async def test_the_last_user_closes_the_link() -> None:
    async with LyingModbusServer().serving() as server, line_to(tcp(server.port)) as line:
        async with line.in_use():
            async with line.in_use():
                await line.ask(1, holding(3), AMPLE_S)
            await line.ask(1, holding(3), AMPLE_S)
            assert (server.connections, server.open) == (1, 1)
        await until(lambda: server.open == 0)
        async with line.in_use():
            await line.ask(1, holding(3), AMPLE_S)
        assert server.connections == 2, "it may be used again"


async def test_pauses_are_kept_and_the_longest_holds() -> None:
    asked_s: list[float] = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        asked_s.append(time.monotonic())
        await honest(asked, writer)

    async def ask_twice(line: Line) -> tuple[float, float]:
        asked_s.clear()
        began_s = time.monotonic()
        await line.ask(1, holding(3), AMPLE_S)
        await line.ask(1, holding(3), AMPLE_S)
        return asked_s[0] - began_s, asked_s[1] - asked_s[0]

    async with LyingModbusServer(answer).serving() as server, line_to(tcp(server.port)) as line, line.in_use():
        async with line.in_use(Pauses(between_requests_s=0.1)), line.in_use(Pauses(0.01, after_connect_s=0.15)):
            first_s, between_s = await ask_twice(line)
            assert (first_s >= 0.15, between_s >= 0.1) == (True, True)
        first_s, between_s = await ask_twice(line)
        assert (first_s < 0.1, between_s < 0.05) == (True, True)


async def count_connects(answer: Answer, callers: int, backoff: Backoff) -> int:
    """Counts how often a server is connected to in a minute that passes in a second, however many ask without a pause."""
    clock = QuickClock(60)
    async with LyingModbusServer(answer).serving() as server, line_to(tcp(server.port), clock=clock, backoff=backoff) as line:

        async def call(unit_id: int) -> None:
            while True:
                try:
                    await line.ask(unit_id, holding(3), AMPLE_S)
                except (UnitFailedError, ConnectionLostError):
                    await asyncio.sleep(0)

        calling = [asyncio.create_task(call(unit_id)) for unit_id in range(1, callers + 1)]
        await clock.sleep(60)
        for task in calling:
            task.cancel()
        await asyncio.wait(calling)
        return server.connections


async def test_an_endpoint_that_closes_each_connection_is_connected_to_as_seldom_as_the_back_off_says() -> None:
    backoff = Backoff(initial_s=1, cap_s=60, draw=lambda: 1)
    alone, together = await count_connects(closing, 1, backoff), await count_connects(closing, 5, backoff)
    assert 8 <= alone <= 16, "after 1, 2, 4 and then every 5 s"
    assert 8 <= together <= 16


async def test_a_unit_whose_requests_close_the_link_does_not_keep_the_others_from_being_read() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (closing if asked.unit_id == 1 else honest)(asked, writer)

    async with LyingModbusServer(answer).serving() as server, line_to(tcp(server.port)) as line:
        for _ in range(5):
            with pytest.raises(ClosedLinkError):
                await line.ask(1, holding(3), AMPLE_S)
            assert numbers(await line.ask(2, holding(3), AMPLE_S)) == [2003]


async def test_while_it_is_too_soon_to_connect_the_last_error_is_told_without_touching_the_network() -> None:
    clock = HandClock()
    port = free_port()
    async with line_to(tcp(port), clock=clock, backoff=Backoff(initial_s=1, cap_s=60, draw=lambda: 1)) as line:
        with pytest.raises(ConnectionLostError, match="nobody listens there"):
            await line.open()
        async with LyingModbusServer(port=port).serving() as server:
            for ask in (line.open(), line.ask(1, holding(3), AMPLE_S), line.open()):
                with pytest.raises(ConnectionLostError, match=f"cannot connect to {tcp(port)}: nobody listens there"):
                    await ask
            assert server.connections == 0
            await clock.advance(1.01)
            assert numbers(await line.ask(1, holding(3), AMPLE_S)) == [1003]
            assert server.connections == 1


async def test_a_link_that_had_worked_is_replaced_at_once() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (closing if asked.number % 2 else honest)(asked, writer)

    backoff = Backoff(initial_s=60, cap_s=60, draw=lambda: 1)
    async with LyingModbusServer(answer).serving() as server, line_to(tcp(server.port), backoff=backoff) as line:
        for _ in range(3):
            await line.ask(1, holding(3), AMPLE_S)
            with pytest.raises(ClosedLinkError):
                await line.ask(1, holding(3), AMPLE_S)
        assert server.connections == 3


async def test_silent_units_do_not_hold_up_the_one_that_replies() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (honest if asked.unit_id == 9 else silent)(asked, writer)

    backoff = Backoff(initial_s=60, cap_s=60, draw=lambda: 1)
    async with LyingModbusServer(answer).serving() as server, line_to(tcp(server.port), backoff=backoff) as line:
        for unit_id in range(1, 9):
            with pytest.raises(SilentUnitError):
                await line.ask(unit_id, holding(3), 0.02)
        assert numbers(await line.ask(9, holding(3), AMPLE_S)) == [9003]


async def test_a_caller_cancelled_while_connecting_leaves_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        filler = socket.create_connection(("127.0.0.1", port))
        async with line_to(tcp(port)) as line:
            connecting = [asyncio.create_task(line.open()) for _ in range(3)]
            await asyncio.sleep(0.1)
            for task in connecting:
                task.cancel()
            done, _ = await asyncio.wait(connecting, timeout=1)
            assert len(done) == 3
        filler.close()


async def test_a_server_that_speaks_first_is_no_modbus_server() -> None:
    async with speaking_first(b"SSH-2.0-OpenSSH_9.2\r\n") as port, line_to(tcp(port)) as line:
        with pytest.raises(WrongReplyError):
            await line.ask(1, holding(3), AMPLE_S)


def test_connectors_that_speak_to_one_endpoint_share_its_line() -> None:
    shared, clock = Shared(), HandClock()

    def line(text: str) -> Line:
        return shared_line(shared, parse_endpoint(text), None, clock, QUICKLY)

    assert line("tcp://a:502") is line("tcp://A")
    assert line("tcp://a:502") is not line("tcp://b:502")
    assert line("tcp://a:502") is not shared_line(Shared(), parse_endpoint("tcp://a"), None, clock, QUICKLY)


def test_certificates_go_with_tls_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="certificates go with tls:// endpoints"):
        Line(parse_endpoint("tls://a"), HandClock(), QUICKLY)
    with pytest.raises(ValueError, match="certificates go with tls:// endpoints"):
        Line(parse_endpoint("tcp://a"), HandClock(), QUICKLY, TlsSettings(ca=tmp_path))
