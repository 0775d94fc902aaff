"""One watched point: since when no usable value of it has come, and the gap that tells so. Pure; the times are given.

Invariant: of one point no two gaps overlap. A gap begins at the last usable reading, or where the gap before it ended if that
is later, and ends at the next usable reading.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from ems_telemetry.model import Gap, Reading

PATIENCE = 2
"""A point that gave nothing for longer than this many of its intervals is silent."""


@dataclass(slots=True)
class SilentPoint:
    """How one point stands. Times that end in `_s` are monotonic seconds, the others the readings' own."""

    key: str
    interval: timedelta
    time: datetime
    """Of the last usable reading; when watching began, as long as there is none."""
    heard_s: float
    """When that came in."""
    floor: datetime
    """Before this, everything is told already."""
    is_new: bool = True
    """Nothing usable has come yet: `time` is ours, and the device's clock may be another."""
    bad_s: float = -math.inf
    """When something without a usable value came in last."""
    gap: Gap | None = None
    told_s: float = -math.inf
    """When the gap was told last."""
    lapsed: tuple[datetime, float] | None = None
    """Since when nothing speaks for the cause of the gap any more."""
    theirs: int = 0
    """How many gaps the connector itself keeps open for this point."""
    patience: timedelta = timedelta()
    patience_s: float = 0.0

    def __post_init__(self) -> None:
        self.expect_every(self.interval)

    def expect_every(self, interval: timedelta) -> None:
        """Sets how often a value is due."""
        self.interval = interval
        self.patience = PATIENCE * interval
        self.patience_s = self.patience.total_seconds()

    @property
    def since(self) -> datetime:
        """Where a silence that is not told yet would begin."""
        return max(self.time, self.floor)

    def begin_gap(self, connector: str, start: datetime, now: datetime, cause: str) -> Gap:
        """Opens a gap; there is none."""
        end = max(start, now)
        self.lapsed = None
        self.gap = Gap(uuid4(), connector, self.key, start, end, str(cause), 0, is_open=True, expected=self.due(start, end))
        return self.gap

    def stand_still(self, connector: str, now: datetime, now_s: float, cause: str) -> Gap:
        """Tells that nothing could be heard up to now. The gap has ended, and grows to the first reading if that comes soon."""
        gap = self.begin_gap(connector, self.since, now, cause)
        self.gap = gap._replace(is_open=False)
        self.floor, self.lapsed = gap.end, (now, now_s)
        return self.gap

    def renew_gap(self, gap: Gap, now: datetime) -> Gap:
        """Tells the open gap as it stands now."""
        end = max(gap.start, now)
        self.gap = gap._replace(end=end, expected=self.due(gap.start, end))
        return self.gap

    def end_gap(self, gap: Gap, at: datetime) -> Gap:
        """Ends the gap at a time at which no reading came."""
        end = max(gap.start, at)
        return self._ended(gap._replace(end=end, is_open=False, expected=self.due(gap.start, end)))

    def end_gap_by(self, gap: Gap, reading: Reading) -> Gap:
        """Ends the gap by the first usable reading after it.

        A reading whose time lies within the silence was kept on its way, and those that follow it will fill the gap: the
        silence ended when it came in.
        """
        if reading.time <= max(gap.start, self.time + self.patience):
            return self.end_gap(gap, reading.received_at)
        due = round((reading.time - self.time) / self.interval) - 1 - self._due_until(gap.start)
        return self._ended(gap._replace(end=reading.time, is_open=False, expected=max(0, due)))

    def missed(self, connector: str, reading: Reading, cause: str) -> Gap:
        """Gives the gap before a reading that came too late and before anybody looked."""
        return self.end_gap_by(self.begin_gap(connector, self.since, reading.time, cause), reading)

    def due(self, start: datetime, end: datetime) -> int:
        """Counts the readings that were due in `[start, end)`, by the pace of the last usable one."""
        return max(0, self._due_until(end) - self._due_until(start))

    def _due_until(self, time: datetime) -> int:
        return max(0, (time - self.time) // self.interval)

    def _ended(self, gap: Gap) -> Gap:
        self.gap = self.lapsed = None
        self.floor = max(self.floor, gap.end)
        return gap
