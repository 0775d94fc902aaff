"""When what goes wrong: each fault comes once in the first minute and again at its own pace, and most of the time all is well.

Times are seconds of the plant since it was switched on.
"""

from typing import NamedTuple


class Recurring(NamedTuple):
    """A fault that begins at `first_s` and every `every_s` after that, and lasts `lasts_s` each time."""

    first_s: float
    every_s: float
    lasts_s: float

    def is_active(self, elapsed_s: float) -> bool:
        """Tells whether the fault is there."""
        return elapsed_s >= self.first_s and (elapsed_s - self.first_s) % self.every_s < self.lasts_s

    def times_begun(self, elapsed_s: float) -> int:
        """Tells how often the fault has begun so far; for faults that hit one message."""
        return max(0, int((elapsed_s - self.first_s) // self.every_s) + 1)


DUST_ZERO_CHECK = Recurring(first_s=20, every_s=60, lasts_s=5)
"""The dust analyser looks at clean air: its value is out of service."""

DUST_SETTLING = Recurring(first_s=25, every_s=60, lasts_s=5)
"""After the check its value comes back, not yet accurate."""

GAS_METER_SILENT = Recurring(first_s=30, every_s=240, lasts_s=25)
"""The gas meter's Modbus unit does not answer."""

UNREADABLE_MESSAGE = Recurring(first_s=15, every_s=60, lasts_s=1)
"""One message of the washing water's meter is cut off."""

ROLLOVER_AFTER_S = 50.0
"""The water intake's counter starts so near its end that it rolls over then."""

WATER_COUNTS = 100_000
"""The water intake's counter has five digits of litres: after 99.999 m3 comes 0."""
