"""One connector under a watch whose clock is turned by hand: what it tells ends up as the rows the database would have."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from fakes import HandClock
from unit.points import configured_point

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.model import Gap, Quality, Reading
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.service.heartbeat import Memory
from ems_telemetry.service.silence import MOST_AT_ONCE, SilenceWatch


def watched_point(name: str, interval_s: float | None) -> ConfiguredPoint:
    return replace(configured_point(id=name), expected_interval_s=interval_s)


def merge(rows: dict[UUID, Gap], told: Iterable[Gap]) -> None:
    """Keeps gaps as the table `gaps` does: one that has ended wins, then the later end."""
    for gap in told:
        known = rows.get(gap.id)
        if known is None or (not gap.is_open, gap.end) > (not known.is_open, known.end):
            rows[gap.id] = gap


class SilentPlant:
    """Points with their intervals in seconds, their link up from the beginning."""

    def __init__(self, intervals: dict[str, float]) -> None:
        self.clock = HandClock()
        self.start = self.clock.now()
        self.rows: dict[UUID, Gap] = {}
        self._points = [watched_point(name, interval_s) for name, interval_s in intervals.items()]
        self._memory: Memory | None = None
        self._beat_at = self.start
        self._set_up()
        self.report.up()

    def _set_up(self) -> None:
        self.report = ConnectorReport("c", "test", "test://", clock=self.clock, metrics=Metrics())
        self.report.connecting()
        self.watch = SilenceWatch(self.report, self.clock)
        self.watch.add(self._points)

    def pass_time(self, seconds: int = 1) -> None:
        """Lets seconds pass with a look at the end of each."""
        for _ in range(seconds):
            self.clock.turn(1)
            self.look()

    def look(self) -> Sequence[Gap]:
        told: list[Gap] = []
        while gaps := self.watch.check():
            told += gaps
            if len(gaps) < MOST_AT_ONCE:
                break
        merge(self.rows, told)
        self._memory, self._beat_at = self.watch.memory(), self.clock.now()
        return told

    def hear(self, name: str = "p", value: float | None = 1.0, *, late_s: float = 0, flags: int = 0) -> datetime:
        """A reading comes in, its time so long ago; tells that time."""
        now = self.clock.now()
        time = now - timedelta(seconds=late_s)
        quality = Quality.BAD if value is None else Quality.GOOD
        self.watch.heard([Reading(f"EM-01.{name}", time, value, None, None, quality, flags, 0, now)])
        return time

    def crash(self, away_s: float) -> None:
        """The process dies after its last look, and another one starts later."""
        self.clock.turn(away_s)
        self._set_up()
        self.watch.restore(self._memory, self._beat_at)
        self.look()

    def close_books(self) -> None:
        """Has everything told as it stands now."""
        merge(self.rows, self.watch.farewell())

    def gaps(self, name: str = "p") -> list[tuple[str, float, float]]:
        """Cause, start and end (seconds since the beginning) of the gaps of a point, in order."""
        own = sorted((gap for gap in self.rows.values() if gap.point == f"EM-01.{name}"), key=lambda gap: (gap.start, gap.end))
        return [(str(gap.cause), self.second(gap.start), self.second(gap.end)) for gap in own]

    def second(self, time: datetime) -> float:
        return (time - self.start).total_seconds()
