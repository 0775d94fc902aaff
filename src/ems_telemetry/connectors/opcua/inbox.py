"""What came in and is not yet on disk: a bounded queue between the server's messages and the sink.

While it is full, the next message is not asked for, and the server keeps its values in the items' own queues.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, NoReturn

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.marks import Arrival, Marks
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.subscription import Notifications
from ems_telemetry.connectors.opcua.values import has_overflowed, read_data_value
from ems_telemetry.model import DeadLetter, Flag, Sample

WAITING_MESSAGES = 16
BATCH_SAMPLES = 1000


class Interruption(NamedTuple):
    """Before what follows values of these points may be missing; None means all points."""

    points: Sequence[str] | None = None


class Message(NamedTuple):
    """The notifications of one publish response, when they came, and the interruptions that lay before them."""

    received_at: datetime
    notifications: Notifications
    interruptions: Sequence[Interruption]


class Inbox:
    """`put` from any session; one task runs `hand_over` for as long as the connector runs."""

    def __init__(self, items: Sequence[WantedItem], surroundings: Surroundings, marks: Marks | None = None) -> None:
        self._items = items
        self._surroundings = surroundings
        self._marks = Marks(()) if marks is None else marks
        self._interruptions: list[Interruption] = []
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(WAITING_MESSAGES)

    async def put(self, notifications: Notifications) -> None:
        """Takes one message's notifications, waiting while there is no room."""
        interruptions, self._interruptions = self._interruptions, []
        await self._waiting.put(Message(self._surroundings.clock.now(), notifications, interruptions))

    def interrupt(self, points: Sequence[str] | None = None) -> None:
        """Takes note that values of these points, or of all, may be missing between what was put so far and what will be."""
        if Interruption() not in self._interruptions:
            self._interruptions.append(Interruption(points))

    async def hand_over(self) -> NoReturn:
        """Moves what waits to the sink, together as far as it waits together, until cancelled."""
        while True:
            messages = await self._next_messages()
            samples, dead_letters, arrivals = self._read(messages)
            durable = await self._surroundings.sink.offer(samples, dead_letters)
            self._note(arrivals, durable=durable)
            for _ in messages:
                self._waiting.task_done()

    async def emptied(self) -> None:
        """Waits until everything put so far is with the sink."""
        await self._waiting.join()

    async def _next_messages(self) -> list[Message]:
        messages = [await self._waiting.get()]
        size = len(messages[0].notifications)
        while size < BATCH_SAMPLES and not self._waiting.empty():
            messages.append(self._waiting.get_nowait())
            size += len(messages[-1].notifications)
        return messages

    def _read(self, messages: Sequence[Message]) -> tuple[list[Sample], list[DeadLetter], list[Arrival | Interruption]]:
        """Reads messages; an interruption stands between the arrivals where it lay."""
        samples: list[Sample] = []
        dead_letters: list[DeadLetter] = []
        arrivals: list[Arrival | Interruption] = []
        overflows = strangers = 0
        name = self._surroundings.report.status.name
        for received_at, notifications, interruptions in messages:
            arrivals += interruptions
            for notification in notifications:
                if not 0 <= notification.ClientHandle < len(self._items):
                    strangers += 1
                    continue
                item = self._items[notification.ClientHandle]
                read = read_data_value(name, item, notification.Value, received_at)
                overflowed = has_overflowed(notification.Value)
                overflows += overflowed
                if isinstance(read, Sample):
                    samples.append(read)
                    arrivals.append(_arrival(read, lossy=overflowed))
                else:
                    dead_letters.append(read)
        self._tell(overflows, strangers, dead_letters)
        return samples, dead_letters, arrivals

    def _note(self, arrivals: Sequence[Arrival | Interruption], *, durable: bool) -> None:
        for arrival in arrivals:
            if isinstance(arrival, Interruption):
                self._marks.interrupt(arrival.points)
            elif durable:
                self._marks.advance(arrival)
            else:
                self._marks.interrupt((arrival.point,))

    def _tell(self, overflows: int, strangers: int, dead_letters: Sequence[DeadLetter]) -> None:
        report = self._surroundings.report
        if overflows:
            report.count("queue_overflows", overflows)
            report.note("the server drops values between two publishings; give these points a longer queue_size:")
        if strangers:
            report.count("unknown_items", strangers)
            report.note("the server sends values of items nobody asked for")
        for letter in dead_letters:
            report.note(f"{letter.point} ({letter.source}): {letter.detail}")


def _arrival(sample: Sample, *, lossy: bool) -> Arrival:
    source_time = None if sample.flags & Flag.SERVER_TIME else sample.time
    return Arrival(sample.point, source_time, sample.received_at, lossy)
