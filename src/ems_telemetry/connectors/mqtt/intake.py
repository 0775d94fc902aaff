"""Makes groups of messages durable, once each, so that the connection may then acknowledge them.

A message whose readings carry the device's own time may be stored as often as it likes to come: (point, time) is its key. One
without a time would become a new reading each time it is redelivered. For those a receipt is made durable together with the
readings: packet id and digest of topic and payload. It works because at QoS 1 a packet id belongs to one message from its first
delivery until its acknowledgement, and every redelivery bears the same id and the DUP mark; so only marked messages are looked
up. What remains: a broker that gives an id straight to a next message with the same topic and payload, and then loses the
connection before that one is safe, has it taken for the one before. What is lost then is the repetition of an unchanged value.
At QoS 2 nothing remains: the broker keeps an id until we complete the exchange, and before that the receipt is taken from disk.

Messages at QoS 0 cannot be held by the broker, so they are offered: stored, or refused at once and accounted for as a gap.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import uuid4

from ems_telemetry.clock import Clock, is_plausible
from ems_telemetry.connectors.contract import Sink
from ems_telemetry.connectors.mqtt.message import Message, receipt_of
from ems_telemetry.connectors.mqtt.payload import Decoded, Refusal, decode
from ems_telemetry.connectors.mqtt.router import Router
from ems_telemetry.connectors.mqtt.strangers import UNKNOWN_METER, Strangers
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Receipt, Sample
from ems_telemetry.observe import ConnectorReport

UNWANTED = "unwanted_topic"
_EXACTLY_ONCE = 2
_FORGOTTEN = b"forgotten"


class Intake:
    """From messages to the sink. What must outlive us it leaves to the sink, which remembers what is durable."""

    def __init__(self, router: Router, sink: Sink, report: ConnectorReport, clock: Clock) -> None:
        self._router = router
        self._sink = sink
        self._report = report
        self._connector = report.status.name
        self._strangers = Strangers(report, clock)
        self._unheard = {point for _, point in router.points}
        self._unreceipted: set[int] = set()
        """Packet ids at QoS 2 whose messages left no receipt: at most as many as may be under way."""

    async def deliver(self, messages: Sequence[Message]) -> set[str]:
        """Makes messages at QoS 1 or 2 durable, waiting as long as it takes; all may be acknowledged when it returns.

        Returns:
            Topics that no meter wants; their messages became dead letters.
        """
        samples: list[Sample] = []
        letters: list[DeadLetter] = []
        receipts: dict[Receipt, None] = {}
        unwanted: set[str] = set()
        for message in messages:
            decoded = self._decode(message, unwanted)
            if _needs_receipt(decoded, message):
                receipt = receipt_of(message, self._connector)
                if message.redelivered and (receipt in receipts or await self._sink.is_durable(receipt)):
                    self._report.samples("redelivered", len(decoded.samples) + len(decoded.refusals))
                    continue
                receipts[receipt] = None
                self._unreceipted.discard(message.packet_id)
            elif message.qos == _EXACTLY_ONCE:
                self._unreceipted.add(message.packet_id)
            samples.extend(decoded.samples)
            letters.extend(self._letters(message, decoded.refusals))
        if samples or letters:
            await self._sink.deliver(samples, letters, tuple(receipts))
        await self._tell_strangers()
        return unwanted

    async def forget(self, packet_ids: Iterable[int]) -> None:
        """Makes it durable that messages at QoS 2 will not be sent again, so that their packet ids may serve for others."""
        forgotten = tuple(Receipt(self._connector, each, _FORGOTTEN) for each in packet_ids if each not in self._unreceipted)
        self._unreceipted.difference_update(packet_ids)
        if forgotten:
            await self._sink.deliver((), (), forgotten)

    async def settle(self) -> None:
        """Tells what has not been told yet of meters that no file lists; called when a connection ends."""
        if gaps := self._strangers.take(at_once=True):
            await self._sink.record(gaps)

    def silent(self) -> dict[str, list[str]]:
        """Gives the points of which nothing has come so far, by their topics; under "" those whose messages do come."""
        silent: dict[str, list[str]] = {}
        for topic, point in self._router.points:
            if point in self._unheard:
                silent.setdefault("" if self._router.has_seen(topic) else topic, []).append(point)
        return silent

    async def offer(self, messages: Sequence[Message]) -> set[str]:
        """Makes messages at QoS 0 durable if there is room at once; see `deliver` for what it returns."""
        samples: list[Sample] = []
        letters: list[DeadLetter] = []
        unwanted: set[str] = set()
        for message in messages:
            decoded = self._decode(message, unwanted)
            samples.extend(decoded.samples)
            letters.extend(self._letters(message, decoded.refusals))
        if samples or letters:
            await self._sink.offer(samples, letters)
        await self._tell_strangers()
        return unwanted

    def _decode(self, message: Message, unwanted: set[str]) -> Decoded:
        routes = self._router.find(message.topic)
        if routes:
            decoded = decode(message, routes)
            if message.retained and not decoded.samples and not decoded.refusals:
                self._report.count("retained_ignored")
            if self._unheard:
                self._unheard.difference_update(sample.point for sample in decoded.samples)
            return decoded
        stranger = self._router.stranger(message.topic)
        if stranger is not None:
            is_first = self._strangers.meet(*stranger)
            return Decoded([], [Refusal(None, UNKNOWN_METER, f'no entry lists the meter "{stranger[1]}"')] if is_first else [])
        unwanted.add(message.topic)
        return Decoded([], [Refusal(None, UNWANTED, "no meter has this topic; the broker still holds an older subscription")])

    async def _tell_strangers(self) -> None:
        if gaps := self._strangers.take():
            await self._sink.record(gaps)

    def _letters(self, message: Message, refusals: Iterable[Refusal]) -> Iterable[DeadLetter]:
        size_bytes = len(message.payload)
        cut = f"; the payload had {size_bytes} bytes" if size_bytes > DEAD_LETTER_PAYLOAD_BYTES else ""
        for refusal in refusals:
            yield DeadLetter(
                id=uuid4(),
                connector=self._connector,
                point=refusal.point,
                reason=refusal.reason,
                detail=refusal.detail + cut,
                source=message.topic,
                payload=message.payload[:DEAD_LETTER_PAYLOAD_BYTES],
                received_at=message.received_at,
            )


def _needs_receipt(decoded: Decoded, message: Message) -> bool:
    """Tells whether a second delivery would become something new; so it is where the time will be that of the reception."""
    if decoded.refusals:
        return True
    judged: datetime | None = None
    for sample in decoded.samples:
        if sample.time is None:
            return True
        if sample.time is not judged:  # most messages have one time for all their values
            judged = sample.time
            if not is_plausible(judged, message.received_at):
                return True
    return False
