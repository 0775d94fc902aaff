"""The decoder of JSON, plain values and presets: each message is read at once, by the routes of its topic."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ems_telemetry.clock import is_plausible
from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.mqtt.decoding import Change, Command, Outcome
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.payload import Decoded, Refusal, decode
from ems_telemetry.connectors.mqtt.router import Router
from ems_telemetry.connectors.mqtt.strangers import UNKNOWN_METER, Strangers

UNWANTED = "unwanted_topic"
_GAPS = Change("gaps", 0, None)


class RouteDecoder:
    """See `ems_telemetry.connectors.mqtt.decoding.Decoder`."""

    def __init__(self, router: Router, surroundings: Surroundings) -> None:
        self._router = router
        self._sink = surroundings.sink
        self._report = surroundings.report
        self._strangers = Strangers(surroundings.report, surroundings.clock)
        self._unheard = {point for _, point in router.points}
        self.due_s: float | None = None

    @property
    def filters(self) -> Sequence[str]:
        """The topics of the meters, none twice."""
        return self._router.filters

    async def open(self) -> None:
        """Needs nothing."""

    def receive(self, message: Message) -> Sequence[Outcome]:
        """Reads a message for all meters that it concerns."""
        routes = self._router.find(message.topic)
        if not routes:
            stranger = self._router.stranger(message.topic)
            return [unwanted(message) if stranger is None else self._of_stranger(message, *stranger)]
        decoded = decode(message, routes)
        if message.retained and not decoded.samples and not decoded.refusals:
            self._report.count("retained_ignored")
        if self._unheard:
            self._unheard.difference_update(sample.point for sample in decoded.samples)
        return [Outcome(message, *decoded, _needs_receipt(decoded, message))]

    def release(self, *, at_once: bool = False) -> Sequence[Outcome]:
        """Nothing waits here."""
        del at_once
        return ()

    def end(self) -> Sequence[Outcome]:
        """Nothing waits here."""
        return ()

    def commands(self) -> Sequence[Command]:
        """Nothing is published."""
        return ()

    async def keep(self, changes: Sequence[Change]) -> bool:
        """Tells the gaps of meters that no file lists, if it is time to."""
        if changes and (gaps := self._strangers.take()):
            await self._sink.record(gaps)
        return True

    def silent(self) -> Mapping[str, Sequence[str]]:
        """Gives the points of which nothing has come so far, by their topics; under "" those whose messages do come."""
        silent: dict[str, list[str]] = {}
        for topic, point in self._router.points:
            if point in self._unheard:
                silent.setdefault("" if self._router.has_seen(topic) else topic, []).append(point)
        return silent

    async def close(self) -> None:
        """Tells what has not been told yet of meters that no file lists."""
        if gaps := self._strangers.take(at_once=True):
            await self._sink.record(gaps)

    def _of_stranger(self, message: Message, topic: str, name: str) -> Outcome:
        """Makes what becomes of a message of a meter that no entry lists: the first is kept, the others are counted."""
        is_first = self._strangers.meet(topic, name)
        refusals = [Refusal(None, UNKNOWN_METER, f'no entry lists the meter "{name}"')] if is_first else []
        return Outcome(message, (), refusals, needs_receipt=is_first, changes=[_GAPS])


def unwanted(message: Message) -> Outcome:
    """Makes what becomes of a message that nobody asked for: a dead letter, so that its broker may forget it."""
    words = "no meter has this topic; the broker still holds an older subscription"
    return Outcome(message, (), [Refusal(None, UNWANTED, words)], needs_receipt=True, is_unwanted=True)


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
