"""Lines to test servers, and requests whose right replies are known: every register spells its own unit and address."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import cycle

from servers.lying_modbus import spelled

from ems_telemetry.clock import Clock, SystemClock
from ems_telemetry.connectors.modbus.endpoint import parse_endpoint
from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, UnitFailedError
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.pdu import ReadRequest
from ems_telemetry.connectors.modbus.registers import Table
from ems_telemetry.connectors.modbus.tls import TlsSettings
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.retry import Backoff

UNITS = (1, 2, 3)
QUICKLY = Backoff(initial_s=0.01, cap_s=0.05)


@contextlib.asynccontextmanager
async def line_to(
    endpoint: str, *, clock: Clock | None = None, backoff: Backoff = QUICKLY, tls: TlsSettings | None = None
) -> AsyncIterator[Line]:
    """Makes a line, and closes it at the end."""
    line = Line(parse_endpoint(endpoint), clock or SystemClock(), backoff, tls)
    try:
        yield line
    finally:
        await line.close()


def holding(address: int, count: int = 1) -> ReadRequest:
    """Asks for holding registers."""
    return ReadRequest(Table.HOLDING, address, count)


def numbers(data: bytes) -> list[int]:
    """Reads the registers of a reply."""
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def said(unit_id: int, request: ReadRequest) -> list[int]:
    """Tells the right reply."""
    return [spelled(unit_id, request.address + i) & 0xFFFF for i in range(request.count)]


class Tally:
    """What became of many requests. `wrong` must stay empty."""

    def __init__(self) -> None:
        self.right = 0
        self.wrong: list[tuple[int, ReadRequest, list[int]]] = []
        self.failures: Counter[type[EmsTelemetryError]] = Counter()

    @property
    def asked(self) -> int:
        """How many were made."""
        return self.right + len(self.wrong) + sum(self.failures.values())

    async def ask(self, line: Line, unit_id: int, request: ReadRequest, timeout_s: float) -> None:
        """Makes one and notes what became of it."""
        try:
            data = await line.ask(unit_id, request, timeout_s)
        except (UnitFailedError, ExceptionReplyError) as error:
            self.failures[type(error)] += 1
            return
        if numbers(data) == said(unit_id, request):
            self.right += 1
        else:
            self.wrong.append((unit_id, request, numbers(data)))


async def ask_much(line: Line, timeout_s: float, requests: int = 300) -> Tally:
    """Lets three callers ask one line, each all units and another sequence of registers, until enough was asked."""
    tally = Tally()

    async def call(number: int, places: Iterator[tuple[int, int, int]]) -> None:
        while tally.asked < requests:
            unit_id, address, count = next(places)
            await tally.ask(line, UNITS[(unit_id + number) % len(UNITS)], holding(address, count), timeout_s)

    places = [(unit, address, count) for address in (3, 40, 77) for unit in range(3) for count in (1, 1, 2)]
    async with line.in_use(), asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(call(number, cycle(places[number:] + places[:number])), name=f"caller {number}")
    return tally
