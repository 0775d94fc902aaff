"""From messages to the sink, with messages made by hand."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from asyncua import ua
from fakes import RememberingSink, surroundings

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.inbox import WAITING_MESSAGES, Inbox
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.model import DeadLetter, Sample

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
