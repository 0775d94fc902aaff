"""When to ask an edge node to be born again: at most once per interval, less often while it does not help. Pure.

Many edge nodes need one at the same time, as after a restart of the broker, so the first asking is spread too.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Payload
from ems_telemetry.connectors.mqtt.sparkplug.topic import NodeName
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType

_SPREAD_S = 2.0
_LONGEST_S = 3600.0
REBIRTH = "Node Control/Rebirth"
"""The metric by which an edge node is asked."""


@dataclass(slots=True)
class _Asking:
    """How it stands with one edge node."""

    next_s: float
    wanted: bool = True
    asked: int = 0
    """How often, since its last birth."""
    last_s: float | None = None


class Rebirths:
    """The askings of one connector.

    Args:
        interval_s: the shortest time between two askings of the same edge node.
        draw: for the jitter, between 0 and 1.
    """

    def __init__(self, interval_s: float, draw: Callable[[], float] = random.random) -> None:
        self._interval_s = interval_s
        self._draw = draw
        self._askings: dict[NodeName, _Asking] = {}

    @property
    def due_s(self) -> float | None:
        """When the next edge node is to be asked; None if none is."""
        return min((asking.next_s for asking in self._askings.values() if asking.wanted), default=None)

    def want(self, node: NodeName, now_s: float) -> None:
        """Takes note that a birth of this edge node is needed."""
        asking = self._askings.get(node)
        if asking is None:
            self._askings[node] = _Asking(now_s + self._draw() * min(_SPREAD_S, self._interval_s / 10))
        elif not asking.wanted:
            asking.wanted = True
            asking.next_s = max(asking.next_s, now_s)

    def take_due(self, now_s: float) -> list[NodeName]:
        """Gives the edge nodes to be asked now, and takes them for asked."""
        due = [node for node, asking in self._askings.items() if asking.wanted and asking.next_s <= now_s]
        for node in due:
            asking = self._askings[node]
            pause_s = min(self._interval_s * 2.0 ** min(asking.asked, 32), max(_LONGEST_S, self._interval_s))
            asking.next_s = now_s + pause_s * (1 + 0.25 * self._draw())
            asking.asked, asking.wanted, asking.last_s = asking.asked + 1, False, now_s
        return due

    def born(self, node: NodeName, now_s: float) -> None:
        """Takes note of a birth."""
        asking = self._askings.get(node)
        if asking is None:
            return
        if asking.last_s is None or asking.last_s + self._interval_s <= now_s:
            del self._askings[node]
        else:  # it helped: the next asking is due when the interval is over
            asking.asked, asking.wanted = 0, False
            asking.next_s = asking.last_s + self._interval_s

    def expects(self, node: NodeName, now_s: float, within_s: float) -> bool:
        """Tells whether a birth may come within that time, because it was asked for or is about to be."""
        asking = self._askings.get(node)
        if asking is None:
            return False
        just_asked = asking.asked > 0 and asking.last_s is not None and now_s - asking.last_s < within_s
        return just_asked or (asking.wanted and asking.next_s - now_s < within_s)


def rebirth_request(sent_ms: int) -> bytes:
    """Makes the payload of the command."""
    payload = Payload(timestamp=sent_ms)
    payload.metrics.add(name=REBIRTH, timestamp=sent_ms, datatype=DataType.BOOLEAN, boolean_value=True)
    return payload.SerializeToString()
