"""The decoder of JSON and plain values: each message is read at once, by the routes of its topic. It remembers nothing."""

from collections.abc import Sequence

from ems_telemetry.connectors.mqtt.decoding import Change, Command, Outcome
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.payload import Refusal, decode
from ems_telemetry.connectors.mqtt.router import Router
from ems_telemetry.observe import ConnectorReport

UNWANTED = "unwanted_topic"


class RouteDecoder:
    """See `ems_telemetry.connectors.mqtt.decoding.Decoder`."""

    def __init__(self, router: Router, report: ConnectorReport) -> None:
        self._router = router
        self._report = report
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
            return [unwanted(message)]
        samples, refusals = decode(message, routes)
        if not samples and not refusals:
            self._report.count("retained_ignored")
        needs_receipt = bool(refusals) or any(sample.time is None for sample in samples)
        return [Outcome(message, samples, refusals, needs_receipt)]

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
        """Nothing is learnt."""
        return not changes

    async def close(self) -> None:
        """Has nothing open."""


def unwanted(message: Message) -> Outcome:
    """Makes what becomes of a message that nobody asked for: a dead letter, so that its broker may forget it."""
    words = "no meter has this topic; the broker still holds an older subscription"
    return Outcome(message, (), [Refusal(None, UNWANTED, words)], needs_receipt=True, is_unwanted=True)
