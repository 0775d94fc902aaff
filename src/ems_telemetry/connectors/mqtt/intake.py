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

from collections.abc import Container, Iterable, Sequence
from itertools import chain
from uuid import uuid4

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.contract import Sink
from ems_telemetry.connectors.mqtt.decoding import Decoder, Outcome
from ems_telemetry.connectors.mqtt.message import receipt_of
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Receipt, Sample
from ems_telemetry.observe import ConnectorReport
from ems_telemetry.retry import Backoff

_EXACTLY_ONCE = 2
_FORGOTTEN = b"forgotten"


class Intake:
    """From decoded messages to the sink. What must outlive us it leaves to the sink, which remembers what is durable."""

    def __init__(self, decoder: Decoder, sink: Sink, report: ConnectorReport, clock: Clock) -> None:
        self._decoder = decoder
        self._sink = sink
        self._report = report
        self._clock = clock
        self._backoff = Backoff(initial_s=0.5, cap_s=10.0)
        self._connector = report.status.name
        self._unreceipted: set[int] = set()
        """Packet ids at QoS 2 whose messages left no receipt: at most as many as may be under way."""

    async def deliver(self, group: Sequence[Outcome]) -> None:
        """Makes messages at QoS 1 or 2 durable, waiting as long as it takes; all may be acknowledged when it returns."""
        samples: list[Sample] = []
        letters: list[DeadLetter] = []
        receipts: dict[Receipt, None] = {}
        for decoded in group:
            message = decoded.message
            if message.redelivered and await self._is_known(receipt_of(message, self._connector), receipts):
                self._report.samples("redelivered", len(decoded.samples) + len(decoded.refusals))
                continue
            if decoded.needs_receipt:
                receipts[receipt_of(message, self._connector)] = None
                self._unreceipted.discard(message.packet_id)
            elif message.qos == _EXACTLY_ONCE:
                self._unreceipted.add(message.packet_id)
            samples.extend(decoded.samples)
            letters.extend(self._letters(decoded))
        if samples or letters:
            await self._sink.deliver(samples, letters, tuple(receipts))
        failures = 0
        while not await self._keep(group):
            failures += 1
            await self._clock.sleep(self._backoff.delay_s(failures))

    async def forget(self, packet_ids: Iterable[int]) -> None:
        """Makes it durable that messages at QoS 2 will not be sent again, so that their packet ids may serve for others."""
        forgotten = tuple(Receipt(self._connector, each, _FORGOTTEN) for each in packet_ids if each not in self._unreceipted)
        self._unreceipted.difference_update(packet_ids)
        if forgotten:
            await self._sink.deliver((), (), forgotten)

    async def offer(self, group: Sequence[Outcome]) -> None:
        """Makes messages at QoS 0 durable if there is room at once."""
        samples = [sample for decoded in group for sample in decoded.samples]
        letters = [letter for decoded in group for letter in self._letters(decoded)]
        if samples or letters:
            await self._sink.offer(samples, letters)
        await self._keep(group)

    async def _is_known(self, receipt: Receipt, new: Container[Receipt]) -> bool:
        """Tells whether a redelivered message is durable already, or in the group at hand.

        Asked of each, also of one that needs no receipt now: what its time was worth is judged by our clock, and when it came
        first that may have been wrong.
        """
        return receipt in new or await self._sink.is_durable(receipt)

    async def _keep(self, group: Sequence[Outcome]) -> bool:
        """Has the decoder keep what it has learnt, once the readings that go with it are durable."""
        changes = list(chain.from_iterable(decoded.changes for decoded in group))
        return not changes or await self._decoder.keep(changes)

    def _letters(self, decoded: Outcome) -> Iterable[DeadLetter]:
        message = decoded.message
        for refusal in decoded.refusals:
            payload = message.payload if refusal.payload is None else refusal.payload
            is_cut = len(payload) > DEAD_LETTER_PAYLOAD_BYTES
            yield DeadLetter(
                id=uuid4(),
                connector=self._connector,
                point=refusal.point,
                reason=refusal.reason,
                detail=refusal.detail + (f"; the payload had {len(payload)} bytes" if is_cut else ""),
                source=message.topic,
                payload=payload[:DEAD_LETTER_PAYLOAD_BYTES],
                received_at=message.received_at,
            )
