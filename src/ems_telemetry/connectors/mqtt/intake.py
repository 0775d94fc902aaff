"""Makes groups of messages durable, once each, so that the connection may then acknowledge them.

A message whose readings carry the device's own time may be stored as often as it likes to come: (point, time) is its key. One
without a time would become a new reading each time it is redelivered. For those a receipt is made durable together with the
readings: packet id and digest of topic and payload. It works because at QoS 1 a packet id belongs to one message from its first
delivery until its acknowledgement, and every redelivery bears the same id and the DUP mark; so only marked messages are looked
up. What remains: a broker that gives an id straight to a next message with the same topic and payload, and then loses the
connection before that one is safe, has it taken for the one before. What is lost then is the repetition of an unchanged value.

Messages at QoS 0 cannot be held by the broker, so they are offered: stored, or refused at once and accounted for as a gap.
"""

from collections.abc import Iterable, Sequence
from uuid import uuid4

from ems_telemetry.connectors.contract import Sink
from ems_telemetry.connectors.mqtt.message import Message, receipt_of
from ems_telemetry.connectors.mqtt.payload import Decoded, Refusal, decode
from ems_telemetry.connectors.mqtt.router import Router
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Receipt, Sample
from ems_telemetry.observe import ConnectorReport

UNWANTED = "unwanted_topic"


class Intake:
    """From messages to the sink. Holds no state of its own: the sink remembers what is durable."""

    def __init__(self, router: Router, sink: Sink, report: ConnectorReport) -> None:
        self._router = router
        self._sink = sink
        self._report = report
        self._connector = report.status.name

    async def deliver(self, messages: Sequence[Message]) -> set[str]:
        """Makes messages at QoS 1 durable, waiting as long as it takes; all may be acknowledged when it returns.

        Returns:
            Topics that no meter wants; their messages became dead letters.
        """
        samples: list[Sample] = []
        letters: list[DeadLetter] = []
        receipts: dict[Receipt, None] = {}
        unwanted: set[str] = set()
        for message in messages:
            decoded = self._decode(message, unwanted)
            if _needs_receipt(decoded):
                receipt = receipt_of(message, self._connector)
                if message.redelivered and (receipt in receipts or await self._sink.is_durable(receipt)):
                    self._report.samples("redelivered", len(decoded.samples) + len(decoded.refusals))
                    continue
                receipts[receipt] = None
            samples.extend(decoded.samples)
            letters.extend(self._letters(message, decoded.refusals))
        if samples or letters:
            await self._sink.deliver(samples, letters, tuple(receipts))
        return unwanted

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
        return unwanted

    def _decode(self, message: Message, unwanted: set[str]) -> Decoded:
        routes = self._router.find(message.topic)
        if routes:
            decoded = decode(message, routes)
            if not decoded.samples and not decoded.refusals:
                self._report.count("retained_ignored")
            return decoded
        unwanted.add(message.topic)
        return Decoded([], [Refusal(None, UNWANTED, "no meter has this topic; the broker still holds an older subscription")])

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


def _needs_receipt(decoded: Decoded) -> bool:
    return bool(decoded.refusals) or any(sample.time is None for sample in decoded.samples)
