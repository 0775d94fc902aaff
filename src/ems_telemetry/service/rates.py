"""How fast counters rise, over the last minute."""

from collections import deque
from collections.abc import Hashable, Mapping

from ems_telemetry.clock import Clock

WINDOW_S = 60.0


class Rates:
    """Remembers what counters said during the last minute; bounded by how often it is told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._noted: deque[tuple[float, Mapping[Hashable, float]]] = deque()

    def note(self, totals: Mapping[Hashable, float]) -> None:
        """Takes note of what the counters say now; one that is new began at 0."""
        now_s = self._clock.monotonic()
        self._noted.append((now_s, totals))
        # One that is older than the window stays: it is where the window begins.
        while len(self._noted) > 2 and now_s - self._noted[1][0] >= WINDOW_S:  # noqa: PLR2004 - a beginning and an end
            self._noted.popleft()

    def per_second(self, counter: Hashable) -> float | None:
        """Tells how fast a counter rises; None where that is not known yet. One that began anew counts from its beginning."""
        if not self._noted or counter not in self._noted[-1][1]:
            return None
        (first_s, first), (last_s, last) = self._noted[0], self._noted[-1]
        if last_s <= first_s:
            return None
        return max(0.0, last[counter] - first.get(counter, 0.0)) / (last_s - first_s)
