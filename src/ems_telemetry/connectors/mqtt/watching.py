"""Looks after a connection that stands: asks again for what the broker refused, and tells which points stay silent.

A broker may grant a subscription and then keep back every message that its access rules do not allow, as Mosquitto does.
Nothing on the wire tells that from a topic to which nobody publishes; all there is to be known is that nothing comes.
"""

from collections.abc import Collection, Mapping, Sequence

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.mqtt.broker import Broker
from ems_telemetry.connectors.mqtt.decoding import Decoder
from ems_telemetry.connectors.mqtt.subscriptions import Granted

ASK_AGAIN_S = 300.0
SILENT_AFTER_S = 600.0
_MOST_NAMED = 5
_ACCESS_RULES = (
    "see whether anybody publishes there, how the topic is spelt, and the broker's access rules: a broker may grant a "
    "subscription and then keep back every message that the rules do not allow"
)


class Watch:
    """Runs beside a connection for as long as it lasts. `slow` are points of which nothing is expected for long."""

    def __init__(self, broker: Broker, decoder: Decoder, slow: Collection[str], surroundings: Surroundings) -> None:
        self._broker = broker
        self._decoder = decoder
        self._slow = slow
        self._report = surroundings.report
        self._clock = surroundings.clock

    async def run(self, granted: Granted) -> None:
        """Tells what was not granted, and looks again and again; ends only with the connection.

        Raises:
            EmsTelemetryError: the connection has ended.
        """
        self._tell(granted)
        waited_s = 0.0
        while True:
            await self._clock.sleep(ASK_AGAIN_S)
            waited_s += ASK_AGAIN_S
            if granted.refused:
                granted = await self._broker.subscribe(granted.refused)
                self._tell(granted)
            if waited_s == SILENT_AFTER_S:
                self._tell_silence()

    def _tell_silence(self) -> None:
        silent = {topic: [p for p in points if p not in self._slow] for topic, points in self._decoder.silent().items()}
        if words := silence_in_words(silent):
            self._report.note(words)

    def _tell(self, granted: Granted) -> None:
        for topic, reason in granted.refused.items():
            self._report.note(f'the broker refuses the subscription to "{topic}": {reason}; check its access rules')
        for topic, qos in granted.lowered.items():
            safe = "; messages sent while we are away are lost" if qos == 0 else ""
            self._report.note(f'the broker grants "{topic}" at QoS {qos} only{safe}')


def silence_in_words(silent: Mapping[str, Sequence[str]]) -> str:
    """Says from which topics nothing has come, and for which points.

    Args:
        silent: topic filters, each with its silent points; the filter of points that are missing from messages that do come
            is "".
    """
    told = [f'from "{topic}" ({_named(points)})' for topic, points in silent.items() if topic and points]
    parts = [f"nothing has come for {SILENT_AFTER_S / 60:.0f} min {_named(told)}; {_ACCESS_RULES}"] if told else []
    if points := silent.get(""):
        parts.append(f"messages come, but no value of {_named(points)}: see how its place is written")
    return "; ".join(parts)


def _named(things: Sequence[str]) -> str:
    more = len(things) - _MOST_NAMED
    return ", ".join(things[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
