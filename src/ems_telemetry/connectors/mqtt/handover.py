"""From one connection to the intake: messages are decoded as they arrive, stored on two lanes, and acknowledged in their order.

What the broker holds until it is acknowledged may wait as long as the spool is full; what nobody sends again may not. So each
has its lane. MQTT wants acknowledgements in the order of arrival: a message that waits for others, or for a birth, holds back
those of the messages after it, though not their storing.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.mqtt.broker import Broker
from ems_telemetry.connectors.mqtt.decoding import Decoder, Outcome
from ems_telemetry.connectors.mqtt.inbox import Inbox
from ems_telemetry.connectors.mqtt.intake import Intake
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.observe import ConnectorReport
from ems_telemetry.waiting import first_of

_GROUP = 500
"""Messages made durable together, at most."""

Store = Callable[[Sequence[Outcome]], Awaitable[None]]


class Acknowledgements:
    """Those of one connection, given in the order in which the messages arrived, as MQTT wants it."""

    def __init__(self, acknowledge: Callable[[Message], None]) -> None:
        self._acknowledge = acknowledge
        self._owed: deque[Message] = deque()
        self._stored: set[int] = set()

    @property
    def held_back(self) -> int:
        """How many messages are stored and not acknowledged, because one before them waits."""
        return len(self._stored)

    def owe(self, message: Message) -> None:
        """Takes note of a message that has arrived."""
        if message.qos:
            self._owed.append(message)

    def settle(self, messages: Iterable[Message]) -> None:
        """Takes note of messages that are durable, and acknowledges what nothing before it holds back."""
        self._stored.update(message.packet_id for message in messages if message.qos)
        while self._owed and self._owed[0].packet_id in self._stored:
            message = self._owed.popleft()
            self._stored.discard(message.packet_id)
            self._acknowledge(message)


class Handover:
    """One for each connection. Its four parts run side by side, and end when the connection brings no more."""

    def __init__(self, broker: Broker, decoder: Decoder, intake: Intake, report: ConnectorReport, clock: Clock) -> None:
        self._broker = broker
        self._decoder = decoder
        self._intake = intake
        self._report = report
        self._clock = clock
        self._window = broker.arrived_size
        self._acknowledgements = Acknowledgements(broker.acknowledge)
        self._held: Inbox[Outcome] = Inbox(self._window)
        self._fleeting: Inbox[Outcome] = Inbox(self._window)

    async def decode(self) -> None:
        """Decodes what arrives, and what has waited long enough, until the connection brings no more."""
        arrived = self._broker.arrived
        try:
            while not arrived.over:
                await self._wake()
                for message in arrived.take_now(_GROUP):
                    self._acknowledgements.owe(message)
                    await self._pass_on(self._decoder.receive(message))
                # Once all of its window waits for an acknowledgement, the broker sends nothing more.
                await self._pass_on(self._decoder.release(at_once=self._acknowledgements.held_back > self._window // 2))
                for command in self._decoder.commands():
                    self._broker.publish(command.topic, command.payload)
            await self._pass_on(self._decoder.end())
        finally:
            self._held.close()
            self._fleeting.close()

    async def deliver(self) -> None:
        """Stores what the broker holds until it is acknowledged, and acknowledges it."""
        await self._store(self._held, self._intake.deliver)

    async def offer(self) -> None:
        """Stores what nobody sends again, if there is room."""
        await self._store(self._fleeting, self._intake.offer)

    async def release(self) -> None:
        """Lets the broker use the packet ids of QoS 2 again, once the receipts of their messages are forgotten."""
        while packet_ids := await self._broker.released.take(_GROUP):
            await self._intake.forget(packet_ids)
            for packet_id in packet_ids:
                self._broker.complete(packet_id)

    async def _wake(self) -> None:
        due_s = self._decoder.due_s
        if due_s is None:
            await self._broker.arrived.ready()
        else:
            await first_of(self._broker.arrived.ready(), self._clock.sleep(due_s - self._clock.monotonic()))

    async def _pass_on(self, decoded: Iterable[Outcome]) -> None:
        for each in decoded:
            lane = self._held if each.message.qos else self._fleeting
            await lane.room()
            lane.put(each)

    async def _store(self, lane: Inbox[Outcome], store: Store) -> None:
        while group := await lane.take(_GROUP):
            await store(group)
            self._acknowledgements.settle(each.message for each in group)
            for topic in {each.message.topic: None for each in group if each.is_unwanted}:
                self._report.note(f'the broker sends "{topic}", which no meter wants; unsubscribed')
                self._broker.unsubscribe_soon(topic)
