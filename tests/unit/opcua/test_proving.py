"""Silent items judged by reading them, on a server made by hand and a clock turned by hand."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from fakes import HandClock
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.opcua.limits import OperationLimits
from ems_telemetry.connectors.opcua.proving import LOOKS, MOST_AT_ONCE, Proving, Verdict, Watched, Witness, must_be_sent
from ems_telemetry.connectors.opcua.reading import value_of
from ems_telemetry.connectors.opcua.session import Session

SILENT_S = 30.0
DELAY_S = 2.0


def value(number: object, status: int = 0) -> ua.DataValue:
    return ua.DataValue(ua.Variant(number), ua.StatusCode(ua.UInt32(status)))


class ReadServer:
    """Answers reads with what `values` says at that moment; the identifier of a node is its handle."""

    def __init__(self, values: Mapping[int, ua.DataValue], on_read: Callable[[], None] = lambda: None) -> None:
        self.values = values
        self.limits = OperationLimits()
        self.asked: list[list[int]] = []
        self._on_read = on_read

    async def ask(self, _: object, questions: Sequence[ua.ReadValueId], __: int) -> list[ua.DataValue]:
        handles = [int(str(question.NodeId.Identifier)) for question in questions]
        self.asked.append(handles)
        self._on_read()
        return [self.values[handle] for handle in handles]


def watched(handle: int, subscription_id: int = 1, deadband: float | None = 0.0) -> Watched:
    return Watched(subscription_id, value_of(ua.NodeId(handle, 2)), deadband, DELAY_S)  # type: ignore[arg-type]  # plain numbers are taken


def said(witness: Witness, values: Mapping[int, object]) -> None:
    witness.hear([ua.MonitoredItemNotification(ClientHandle=handle, Value=value(number)) for handle, number in values.items()])


async def look(server: ReadServer, witness: Witness, clock: HandClock, items: Mapping[int, Watched]) -> Verdict:
    """Looks once, turning the clock on as long as it takes."""
    proving = Proving(cast("Session", server), witness, clock, draw=lambda: 0.5)
    looking = asyncio.create_task(proving.look(items, SILENT_S))
    for _ in range(LOOKS + 1):
        await clock.advance(0.0 if looking.done() else DELAY_S * 2)
    assert looking.done()
    return looking.result()


async def test_what_has_not_changed_is_not_deaf() -> None:
    clock = HandClock()
    witness = Witness(clock)
    said(witness, {0: 1.0, 1: "idle"})
    await clock.advance(60)
    server = ReadServer({0: value(1.0), 1: value("idle")})
    assert await look(server, witness, clock, {0: watched(0), 1: watched(1)}) == Verdict()
    assert len(server.asked) == 1


async def test_an_item_that_changed_and_is_never_sent_is_deaf_and_so_is_its_subscription() -> None:
    clock = HandClock()
    witness = Witness(clock)
    said(witness, {0: 1.0, 1: 5.0})
    await clock.advance(60)
    server = ReadServer({0: value(2.0), 1: value(5.0)})
    verdict = await look(server, witness, clock, {0: watched(0), 1: watched(1, subscription_id=2)})
    assert verdict == Verdict([0], frozenset({1}))
    assert len(server.asked) == LOOKS


async def test_a_change_that_is_sent_a_little_later_is_no_deafness() -> None:
    clock = HandClock()
    witness = Witness(clock)
    said(witness, {0: 1.0})
    await clock.advance(60)
    server = ReadServer({0: value(2.0)}, on_read=lambda: said(witness, {0: 2.0}) if len(server.asked) == 2 else None)
    assert await look(server, witness, clock, {0: watched(0)}) == Verdict()


async def test_a_subscription_that_sends_something_else_is_not_deaf_as_a_whole() -> None:
    clock = HandClock()
    witness = Witness(clock)
    said(witness, {0: 1.0, 1: 5.0})
    await clock.advance(60)
    server = ReadServer({0: value(2.0), 1: value(5.0)}, on_read=lambda: said(witness, {1: 6.0}))
    assert await look(server, witness, clock, {0: watched(0), 1: watched(1)}) == Verdict([0], frozenset())


async def test_an_item_that_never_sent_even_its_first_value_is_deaf() -> None:
    clock = HandClock()
    await clock.advance(60)
    verdict = await look(ReadServer({0: value(2.0)}), Witness(clock), clock, {0: watched(0)})
    assert verdict.items == [0]


async def test_what_spoke_a_moment_ago_and_what_has_an_unknown_deadband_is_not_read() -> None:
    clock = HandClock()
    witness = Witness(clock)
    said(witness, {1: 1.0})
    await clock.advance(60)
    said(witness, {0: 1.0})
    server = ReadServer({})
    assert await look(server, witness, clock, {0: watched(0), 1: watched(1, deadband=None)}) == Verdict()
    assert server.asked == [[]]


async def test_all_of_many_silent_items_are_read_in_turns_and_those_that_spoke_last_each_time() -> None:
    clock = HandClock()
    witness = Witness(clock)
    many = 4 * MOST_AT_ONCE
    said(witness, dict.fromkeys(range(many), 1.0))
    await clock.advance(5)
    lively = set(range(100, 150))
    said(witness, dict.fromkeys(lively, 1.0))
    await clock.advance(60)
    server = ReadServer(dict.fromkeys(range(many), value(1.0)))
    proving = Proving(cast("Session", server), witness, clock)
    items = {handle: watched(handle) for handle in range(many)}
    for _ in range(8):
        assert await proving.look(items, SILENT_S) == Verdict()
        await clock.advance(SILENT_S)
    assert all(lively <= set(asked) and len(asked) == MOST_AT_ONCE for asked in server.asked)
    assert set().union(*server.asked) == set(range(many))


BAD = int(StatusCodes.BadCommunicationError)


@pytest.mark.parametrize(
    ("before", "now", "deadband", "owed"),
    [
        (value(1.0), value(1.0), 0.0, False),
        (value(1.0), value(1.5), 0.0, True),
        (value(1.0), value(1.5), 0.5, False),
        (value(1.0), value(1.6), 0.5, True),
        (value(math.nan), value(math.nan), 0.0, False),
        (value(1.0), value(math.nan), 0.0, True),
        (value(number=True), value(number=False), 0.0, True),
        (value("on"), value("off"), 0.0, True),
        (value([1, 2]), value([1, 2]), 0.0, False),
        (value([1, 2]), value([1, 3]), 0.0, True),
        (value(1.0), value(1.0, BAD), 0.0, True),
        (value(1.0, 0x480), value(1.0), 0.0, False),
        (None, value(1.0), 0.0, True),
        (None, value(None, BAD), 0.0, False),
        (value(2**63), value(2**63 + 1), 0.0, True),
    ],
)
def test_what_a_server_owes(before: ua.DataValue | None, now: ua.DataValue, deadband: float, *, owed: bool) -> None:
    assert must_be_sent(before, now, deadband) is owed


@given(st.floats() | st.integers() | st.booleans() | st.text() | st.none(), st.floats(min_value=0, max_value=1e9))
def test_nothing_is_owed_of_a_value_that_is_what_it_was(said_last: object, deadband: float) -> None:
    assert not must_be_sent(ua.DataValue(ua.Variant(said_last)), ua.DataValue(ua.Variant(said_last)), deadband)
