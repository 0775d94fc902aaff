"""From messages to the sink, with messages made by hand."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asyncua import ua
from fakes import RememberingSink, surroundings

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.inbox import WAITING_MESSAGES, Inbox
from ems_telemetry.connectors.opcua.marks import Marks
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.spans import RESOLUTION, Span
from ems_telemetry.model import DeadLetter, Sample

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ITEMS = [WantedItem(f"CA-01.p{n}", f"i={n}", parse_node(f"i={n}"), 0.0, 1.0, 10, None) for n in range(3)]


class LatchedSink(RememberingSink):
    """Keeps nothing while its latch is closed, and remembers how the samples came together."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        await self.durable.wait()
        self.sizes.append(len(samples))
        return await super().offer(samples, dead_letters)


def change(handle: int, value: object, status: int = 0) -> ua.MonitoredItemNotification:
    data = ua.DataValue(ua.Variant(value), ua.StatusCode(ua.UInt32(status)))
    return ua.MonitoredItemNotification(ClientHandle=handle, Value=data)


def inbox(folder: Path) -> tuple[Inbox, LatchedSink, Surroundings]:
    sink = LatchedSink()
    given = surroundings(folder, sink=sink)
    return Inbox(ITEMS, given), sink, given


async def test_what_waits_together_goes_together_and_in_order(tmp_path: Path) -> None:
    box, sink, _ = inbox(tmp_path)
    for value in range(5):
        await box.put([change(value % 3, value)])
    handing_over = asyncio.create_task(box.hand_over())
    await asyncio.wait_for(box.emptied(), 5)
    handing_over.cancel()
    assert [sample.value for sample in sink.samples] == [0, 1, 2, 3, 4]
    assert sink.samples[4].point == "CA-01.p1"
    assert sink.sizes == [5]


async def test_a_full_inbox_makes_the_server_wait(tmp_path: Path) -> None:
    box, sink, _ = inbox(tmp_path)
    sink.durable.clear()
    for value in range(WAITING_MESSAGES):
        await box.put([change(0, value)])
    one_more = asyncio.create_task(box.put([change(0, -1)]))
    await asyncio.sleep(0)
    assert not one_more.done()

    handing_over = asyncio.create_task(box.hand_over())
    sink.durable.set()
    await asyncio.wait_for(one_more, 5)
    await asyncio.wait_for(box.emptied(), 5)
    handing_over.cancel()
    assert len(sink.samples) == WAITING_MESSAGES + 1


async def test_it_is_empty_only_when_the_sink_has_everything(tmp_path: Path) -> None:
    box, sink, _ = inbox(tmp_path)
    sink.durable.clear()
    await box.put([change(0, 1)])
    handing_over = asyncio.create_task(box.hand_over())
    emptied = asyncio.create_task(box.emptied())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not emptied.done()
    sink.durable.set()
    await asyncio.wait_for(emptied, 5)
    handing_over.cancel()


async def test_overflows_are_counted_and_unsupported_values_named(tmp_path: Path) -> None:
    box, sink, given = inbox(tmp_path)
    await box.put([change(0, 1.0, 0x480), change(1, 2.0, 0x480), change(2, [1.0])])
    handing_over = asyncio.create_task(box.hand_over())
    await asyncio.wait_for(box.emptied(), 5)
    handing_over.cancel()
    assert given.report.status.counters["queue_overflows"] == 2
    assert given.report.status.last_error == "CA-01.p2 (i=2): an array of Double is not a number, a Boolean or a text"
    assert (len(sink.samples), len(sink.dead_letters)) == (2, 1)


async def test_a_value_nobody_asked_for_is_counted_and_holds_up_no_other(tmp_path: Path) -> None:
    box, sink, given = inbox(tmp_path)
    await box.put([change(99, 1.0), change(0, 2.0)])
    handing_over = asyncio.create_task(box.hand_over())
    await asyncio.wait_for(box.emptied(), 5)
    handing_over.cancel()
    assert [sample.value for sample in sink.samples] == [2.0]
    assert given.report.status.counters["unknown_items"] == 1


def dated(handle: int, second: int, status: int = 0) -> ua.MonitoredItemNotification:
    notification = change(handle, 1.0, status)
    notification.Value.SourceTimestamp = NOON + timedelta(seconds=second)
    return notification


async def handed_over(box: Inbox) -> None:
    handing_over = asyncio.create_task(box.hand_over())
    await asyncio.wait_for(box.emptied(), 5)
    handing_over.cancel()


async def test_an_interruption_lies_exactly_between_what_was_put_before_and_after_it(tmp_path: Path) -> None:
    sink, marks = LatchedSink(), Marks([item.point for item in ITEMS])
    box = Inbox(ITEMS, surroundings(tmp_path, sink=sink), marks)
    await box.put([dated(0, 1)])
    await box.put([dated(0, 2)])
    box.interrupt()
    await box.put([dated(0, 30), dated(0, 31)])
    await handed_over(box)
    assert sink.sizes == [4]
    assert marks.holes() == {"CA-01.p0": (Span(NOON + timedelta(seconds=2) + RESOLUTION, NOON + timedelta(seconds=30)),)}


async def test_what_the_spool_refused_moves_no_mark_and_is_missing_from_then_on(tmp_path: Path) -> None:
    sink, marks = LatchedSink(), Marks([item.point for item in ITEMS])
    box = Inbox(ITEMS, surroundings(tmp_path, sink=sink), marks)
    await box.put([dated(0, 1)])
    await handed_over(box)
    sink.refusing = True
    await box.put([dated(0, 2)])
    await handed_over(box)
    sink.refusing = False
    await box.put([dated(0, 3)])
    await handed_over(box)
    assert marks.holes() == {"CA-01.p0": (Span(NOON + timedelta(seconds=1) + RESOLUTION, NOON + timedelta(seconds=3)),)}


async def test_an_overflow_and_a_server_time_are_told_to_the_marks(tmp_path: Path) -> None:
    marks = Marks([item.point for item in ITEMS])
    box = Inbox(ITEMS, surroundings(tmp_path, sink=LatchedSink()), marks)
    by_server = change(1, 1.0)
    by_server.Value.ServerTimestamp = NOON
    await box.put([dated(0, 1), dated(0, 9, 0x480), by_server])
    await handed_over(box)
    assert list(marks.holes()) == ["CA-01.p0"]
    assert {standing.point for standing in marks.take_changed()} == {"CA-01.p0"}


async def test_an_interruption_of_some_points_opens_these_alone(tmp_path: Path) -> None:
    marks = Marks([item.point for item in ITEMS])
    box = Inbox(ITEMS, surroundings(tmp_path, sink=LatchedSink()), marks)
    await box.put([dated(0, 1), dated(1, 1)])
    box.interrupt(["CA-01.p1"])
    await box.put([dated(0, 9), dated(1, 9)])
    await handed_over(box)
    assert marks.holes() == {"CA-01.p1": (Span(NOON + timedelta(seconds=1) + RESOLUTION, NOON + timedelta(seconds=9)),)}
