"""Gaps that last: one row per point and cause, which grows for as long as nothing comes of the point."""

from uuid import UUID, uuid4

from ems_telemetry.clock import Clock
from ems_telemetry.model import Gap


class OpenGaps:
    """The open gaps of one connector's points; nothing is told before `take`."""

    def __init__(self, connector: str, clock: Clock) -> None:
        self._connector = connector
        self._clock = clock
        self._open: dict[str, Gap] = {}
        self._untold: dict[UUID, Gap] = {}

    def __contains__(self, point: object) -> bool:
        return point in self._open

    @property
    def untold(self) -> bool:
        """True if something has changed since the last `take`."""
        return bool(self._untold)

    def grow(self, point: str, cause: str) -> None:
        """Takes note that a point gives nothing, now and since the gap was opened; another cause opens another gap."""
        before = self._open.get(point)
        if before is not None and before.cause != cause:
            self.close(point)
            before = None
        now = self._clock.now()
        gap = before or Gap(uuid4(), self._connector, point, now, now, cause, 0, is_open=True)
        self._open[point] = gap._replace(end=now)
        self._untold[gap.id] = self._open[point]

    def close(self, point: str) -> bool:
        """Takes note that a point gives something again; tells whether its gap was open."""
        gap = self._open.pop(point, None)
        if gap is not None:
            self._untold[gap.id] = gap._replace(end=self._clock.now(), is_open=False)
        return gap is not None

    def take(self) -> tuple[Gap, ...]:
        """Gives the gaps that changed, each as it stands now, and takes them for told."""
        gaps, self._untold = tuple(self._untold.values()), {}
        return gaps
