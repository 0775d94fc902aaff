"""Turns the wall clock of the service while it runs; what it measures time with, the monotonic clock, stays, as on any machine.

Run as a program, `python -m chaos.false_clock FILE …` is the command `ems-telemetry …` by the clock in that file. libfaketime
would do the same without a line of ours, but takes part in every wait of every thread, and costs more than the service itself.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from ems_telemetry.cli.main import main
from ems_telemetry.clock import SystemClock

LOOK_EVERY_S = 0.2


class FalseClock:
    """How far ahead of the true time the clock in a file is; looked at a few times a second."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._ahead = timedelta()
        self._looked_s = -LOOK_EVERY_S

    def turn(self, ahead_s: float) -> None:
        """Sets it so far ahead of the true time, or behind it."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{ahead_s:.6f}")
        new.replace(self.file)

    def now(self) -> datetime:
        """Tells the time, aware, UTC."""
        now_s = monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._ahead = timedelta(seconds=float(self.file.read_text()))
        return datetime.now(UTC) + self._ahead


def run_by(clock: FalseClock) -> None:
    """Runs the command by this clock: all of the service asks its `SystemClock`, and nothing else, what time it is."""

    def now(self: SystemClock) -> datetime:
        del self
        return clock.now()

    SystemClock.now = now  # type: ignore[method-assign]
    main()


if __name__ == "__main__":
    run_by(FalseClock(Path(sys.argv.pop(1))))
