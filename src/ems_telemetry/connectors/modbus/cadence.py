"""When a unit is read: ticks aligned to the clock, moved by a phase that each unit keeps for ever. Pure."""

import math
import zlib
from dataclasses import dataclass

SPREAD_S = 10.0
"""Phases lie within this: enough to spread a plant's requests, and close to the full minute for long intervals."""
NEAR_S = 0.05
"""A tick that close ahead counts as reached, since clocks and timers differ a little; at most a tenth of the interval."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """Ticks at `phase_s` after every full multiple of `interval_s` since 1970."""

    interval_s: float
    phase_s: float = 0.0

    def until_next_s(self, now_s: float) -> float:
        """Tells the seconds from a wall time (since 1970) to the tick after the one that is, or is nearly, reached."""
        intervals = (now_s - self.phase_s) / self.interval_s
        ticks = math.floor(intervals + self._near) + 1
        return (ticks - intervals) * self.interval_s

    def missed(self, late_s: float) -> int:
        """Tells how many ticks went by for one that starts that late: those for which another has taken its place."""
        return max(0, math.floor(late_s / self.interval_s + self._near))

    @property
    def _near(self) -> float:
        return min(NEAR_S / self.interval_s, 0.1)


def phase_s(name: str, interval_s: float) -> float:
    """Tells the phase of whatever has that name: always the same, and spread evenly over many names."""
    return zlib.crc32(name.encode()) / 2**32 * min(interval_s, SPREAD_S)
