"""The plant at this moment, as its instruments see it: what a point shows, and which faults there are."""

from datetime import datetime

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.simulator.day import plant_seconds
from ems_telemetry.connectors.simulator.faults import Recurring
from ems_telemetry.connectors.simulator.values import build_signals


class LivePlant:
    """A plant switched on when this is built.

    Its life goes by `speed` times as fast as the clock and never steps back, even if the wall time does.
    """

    def __init__(self, clock: Clock, *, seed: int, faults: bool, speed: float) -> None:
        self.clock = clock
        self.has_faults = faults
        self._signals = build_signals(seed)
        self._speed = speed
        self._switched_on_s = plant_seconds(clock.now())
        self._began_s = clock.monotonic()

    def now(self) -> datetime:
        """Tells the time to stamp on values: the clock's, aware, UTC."""
        return self.clock.now()

    @property
    def elapsed_s(self) -> float:
        """Seconds the plant has lived through since it was switched on."""
        return (self.clock.monotonic() - self._began_s) * self._speed

    def read(self, point: str) -> float:
        """Tells what a point shows now, in the unit `values.py` keeps it in."""
        return self._signals[point](self._switched_on_s + self.elapsed_s)

    def read_after(self, point: str, elapsed_s: float) -> float:
        """Tells what a point shows that many of the plant's seconds after it was switched on."""
        return self._signals[point](self._switched_on_s + elapsed_s)

    def suffers(self, fault: Recurring) -> bool:
        """Tells whether a fault is there now; never where faults are switched off."""
        return self.has_faults and fault.is_active(self.elapsed_s)

    def times_begun(self, fault: Recurring) -> int:
        """Tells how often a fault has begun; 0 where faults are switched off."""
        return fault.times_begun(self.elapsed_s) if self.has_faults else 0
