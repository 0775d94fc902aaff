"""When nodes are read again, with a clock turned by hand."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from fakes import HandClock, RememberingSink, surroundings

from ems_telemetry.connectors.opcua.limits import OperationLimits
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.polling import Polling, missed_ticks, next_tick_s, polling_interval_s
from ems_telemetry.connectors.opcua.refusals import Refusals
from ems_telemetry.connectors.opcua.subscription import Notifications, Upstream


def item(name: str, sampling_ms: float = 0.0, publishing_s: float = 1.0) -> WantedItem:
    return WantedItem(f"CA-01.{name}", f"s={name}", parse_node(f"s={name}"), sampling_ms, publishing_s, 10)


def test_an_item_is_read_at_its_sampling_interval_or_when_it_would_be_published() -> None:
    assert (polling_interval_s(item("a", 250.0)), polling_interval_s(item("a", 0.0, 5.0))) == (0.25, 5.0)


@pytest.mark.parametrize(("now_s", "due_s"), [(100.0, 110.0), (109.9, 110.0), (110.0, 120.0), (137.0, 140.0)])
def test_ticks_are_counted_from_the_beginning(now_s: float, due_s: float) -> None:
    assert next_tick_s(100.0, 10.0, now_s) == due_s


@pytest.mark.parametrize(("next_s", "missed"), [(120.0, 0), (130.0, 1), (160.0, 4)])
def test_ticks_a_late_poll_left_out_are_counted(next_s: float, missed: int) -> None:
    assert missed_ticks(110.0, next_s, 10.0) == missed


class Services:
    """Answers each Read with the number of the read, after taking its time."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.reads: list[tuple[float, list[str]]] = []
        self.takes_s = 0.0

    async def read(self, parameters: ua.ReadParameters) -> list[ua.DataValue]:
        assert parameters.TimestampsToReturn == ua.TimestampsToReturn.Both
        self.reads.append((self.clock.monotonic(), [str(question.NodeId.Identifier) for question in parameters.NodesToRead]))
        if self.takes_s:
            await self.clock.sleep(self.takes_s)
        return [ua.DataValue(ua.Variant(float(len(self.reads)))) for _ in parameters.NodesToRead]


class FakeSession:
    """As much of a session as polling asks for."""

    def __init__(self, clock: HandClock) -> None:
        self.services = Services(clock)
        self.limits = OperationLimits()

    async def read_namespaces(self) -> list[str]:
        return []

    async def ask(self, service: Any, questions: Sequence[Any], per_call: int) -> list[Any]:  # noqa: ANN401  as asyncua's
        assert len(questions) <= per_call
        found: list[Any] = await service(self.services, questions) if questions else []
        return found


async def nobody(*_: object) -> Any:  # noqa: ANN401  never called
    raise AssertionError


async def test_groups_are_read_together_without_drift_and_a_late_read_leaves_out_ticks(tmp_path: Path) -> None:
    clock = HandClock()
    given = surroundings(tmp_path, sink=RememberingSink(), clock=clock)
    items = [item("a", 1000.0), item("b", 1000.0), item("c", 5000.0)]
    session = FakeSession(clock)
    taken: list[ua.MonitoredItemNotification] = []

    async def take(notifications: Notifications) -> None:
        taken.extend(notifications)

    upstream = Upstream(take=take, republish=nobody, lose=lambda _: None, count_lost=lambda _: None, interrupt=lambda _: None)
    polling = Polling(session, items, upstream, given, Refusals(items, given))  # type: ignore[arg-type]  # see its docstring
    await polling.begin()
    assert session.services.reads == [(0.0, ["a", "b", "c"])]
    task = asyncio.create_task(polling.poll())
    await clock.advance(0)
    for _ in range(5):
        await clock.advance(1)
    at_five = [names for at_s, names in session.services.reads if at_s == 5.0]
    assert [at_s for at_s, _ in session.services.reads] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0]
    assert sorted(at_five) == [["a", "b"], ["c"]]
    session.services.takes_s = 2.5
    await clock.advance(1)
    await clock.advance(2.5)
    session.services.takes_s = 0.0
    await clock.advance(0.5)
    assert [at_s for at_s, _ in session.services.reads[-2:]] == [6.0, 9.0]
    assert given.report.status.counters["polls_skipped"] == 2
    assert len(taken) == 3 + 2 * 7 + 1
    task.cancel()
