"""Which points of one connector are silent, since when and why: what the ledger of gaps is made of. No I/O.

A point is watched if it is known how often a value of it is due. The pipeline tells what became durable, and which gaps the
connector keeps itself; `check` gives the gaps to be told. Why it is so: docs/adr/0017-gap-ledger.md.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from uuid import UUID

from ems_telemetry.clock import Clock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.model import DeadLetter, Flag, Gap, Reading
from ems_telemetry.observe import ConnectorReport, LinkState
from ems_telemetry.service.heartbeat import Memory
from ems_telemetry.service.silent_point import SilentPoint

RENEW_AFTER_S = 300.0
"""An open gap is told again so often; well within its lease."""
MOST_AT_ONCE = 1_000
"""So many gaps one `check` opens and gives: when ten thousand points fall silent at once, others still get their turn."""
_NOT_LIVE = int(Flag.BACKFILLED | Flag.RETAINED)
"""What comes with these says nothing of whether the point speaks now."""


class Silence(StrEnum):
    """Why nothing comes of a point: the `cause` of its gap, stable and documented. Connectors add words of their own."""

    NO_DATA = "no_data"
    LINK_DOWN = "link_down"
    BAD_QUALITY = "bad_quality"
    SPOOL_FULL = "spool_full"
    SERVICE_STOPPED = "service_stopped"


_BAD_QUALITY, _NO_DATA = str(Silence.BAD_QUALITY), str(Silence.NO_DATA)


class SilenceWatch:
    """The watch over the points of one connector. Belongs to one event loop; building one does nothing."""

    def __init__(self, report: ConnectorReport, clock: Clock) -> None:
        self._connector = report.status.name
        self._report = report
        self._clock = clock
        self._points: dict[str, SilentPoint] = {}
        self._silent: dict[str, SilentPoint] = {}
        self._theirs: dict[UUID, tuple[Gap, float]] = {}
        self._untold: dict[UUID, Gap] = {}
        self.is_held_up = False
        """Set while what has come in waits for room in the spool."""

    def add(self, points: Iterable[ConfiguredPoint]) -> None:
        """Watches these from now on, as far as it is known how often their values are due; known ones keep how they stand."""
        now, now_s = self._clock.now(), self._clock.monotonic()
        for point in points:
            if point.expected_interval_s is None:
                continue
            interval = timedelta(seconds=point.expected_interval_s)
            if point.key in self._points:
                self._points[point.key].expect_every(interval)
            else:
                self._points[point.key] = SilentPoint(point.key, interval, now, now_s, now)

    def heard(self, readings: Sequence[Reading], dead_letters: Sequence[DeadLetter] = ()) -> None:
        """Takes note of what came in, kept or counted as refused. Called for every reading: it costs a look into a table."""
        points, now_s = self._points, self._clock.monotonic()
        if not points:
            return
        for reading in readings:
            point = points.get(reading.point)
            if point is None or reading.flags & _NOT_LIVE:
                continue
            if reading.value is None:
                point.bad_s = now_s
                continue
            point.heard_s = now_s
            if point.gap is not None:
                self._end_by(point, point.gap, reading)
            elif reading.time - point.time > point.patience and not point.theirs:
                self._note_missed(point, reading)
            point.is_new = False
            if reading.time > point.time or reading.received_at - reading.time <= point.patience:
                point.time = reading.time
        for letter in dead_letters:
            if letter.point in points:
                points[letter.point].bad_s = now_s

    def noted(self, gaps: Sequence[Gap]) -> None:
        """Takes note of gaps that the connector records itself: while one is open, the watch tells nothing of its point."""
        now_s = self._clock.monotonic()
        for gap in gaps:
            is_known = gap.id in self._theirs
            if gap.is_open:
                self._theirs[gap.id] = gap, now_s
            elif is_known:
                del self._theirs[gap.id]
            if gap.is_open != is_known:
                for point in self._concerned(gap):
                    self._give_way(point, gap) if gap.is_open else self._come_back(point, gap, now_s)

    def check(self, *, renew: bool = True) -> list[Gap]:
        """Gives gaps that have opened, changed or ended, and those whose lease is to be renewed; at most `MOST_AT_ONCE`.

        Called every second, and at once again as long as it gives that many.

        Args:
            renew: whether leases are renewed; not where nobody could see it, for it takes room in the spool.
        """
        now, now_s = self._clock.now(), self._clock.monotonic()
        self._follow(now, now_s, renew=renew)
        self._open(now, now_s)
        due = [gap for gap, told_s in self._theirs.values() if renew and now_s - told_s >= RENEW_AFTER_S]
        for gap in due[:MOST_AT_ONCE]:
            self._theirs[gap.id] = gap, now_s
            self._untold[gap.id] = gap._replace(end=max(gap.start, now))
        return self._take()

    def farewell(self) -> list[Gap]:
        """Gives all that is still to be told before the service ends, the open gaps as they stand now."""
        now = self._clock.now()
        for point in self._silent.values():
            if point.gap is not None and point.gap.is_open:
                self._tell(point.renew_gap(point.gap, now))
        return self.take_all()

    def take_all(self) -> list[Gap]:
        """Gives what is still to be told, and nothing else."""
        told, self._untold = list(self._untold.values()), {}
        return told

    def open_causes(self) -> Counter[str]:
        """Counts the gaps that last, by their causes."""
        own = Counter(point.gap.cause for point in self._silent.values() if point.gap is not None and point.gap.is_open)
        return own + Counter(gap.cause for gap, _ in self._theirs.values())

    def memory(self) -> Memory:
        """Tells how everything stands, for the next start."""
        return Memory(
            points={key: (point.time, point.floor) for key, point in self._points.items()},
            own=[point.gap for point in self._silent.values() if point.gap is not None and point.gap.is_open],
            theirs=[gap for gap, _ in self._theirs.values()],
        )

    def restore(self, memory: Memory | None, beat_at: datetime) -> None:
        """Takes over how things stood at the last sign of life of the service. Called once, before anything is heard.

        Args:
            memory: as that service told it; None where that cannot be read, and then everything is counted from `beat_at`.
            beat_at: when that sign was given.
        """
        now, now_s = self._clock.now(), self._clock.monotonic()
        known = dict.fromkeys(self._points, (beat_at, beat_at)) if memory is None else memory.points
        taken_up = {key: self._points[key] for key in known if key in self._points}
        for key, point in taken_up.items():
            point.time, point.floor = known[key]
            point.is_new = False
        for gap in () if memory is None else memory.own:
            owner = taken_up.get(gap.point or "")
            if owner is not None and now - beat_at <= owner.patience:
                owner.gap, self._silent[owner.key] = gap, owner
            else:
                self._tell(_ended_at(gap, beat_at) if owner is None else owner.end_gap(gap, beat_at))
        for gap in () if memory is None else memory.theirs:
            self._tell(_ended_at(gap, beat_at))
            for point in self._concerned(gap):
                point.time = max(point.time, beat_at)
        for point in taken_up.values():
            if point.gap is None:
                self._take_up(point, now, now_s)

    def succeed(self, before: "SilenceWatch") -> None:
        """Takes over how things stand from the watch of a connector whose place this one's takes, once that has ended."""
        for gap in before.take_all():
            self._tell(gap)
        self.restore(before.memory(), self._clock.now())

    def retire(self) -> list[Gap]:
        """Gives all that is still to be told, the open gaps as ended now: nothing is expected any more."""
        now = self._clock.now()
        for point in list(self._silent.values()):
            if point.gap is not None and point.gap.is_open:
                self._end_at(point, point.gap, now)
        for gap, _ in self._theirs.values():
            self._tell(_ended_at(gap, now))
        self._theirs.clear()
        return self.take_all()

    def _take_up(self, point: SilentPoint, now: datetime, now_s: float) -> None:
        silent_s = (now - point.time).total_seconds()
        point.heard_s = now_s - max(0.0, silent_s)
        if silent_s > point.patience_s:
            self._silent[point.key] = point
            self._tell(point.stand_still(self._connector, now, now_s, Silence.SERVICE_STOPPED))

    def _concerned(self, gap: Gap) -> Iterator[SilentPoint]:
        if gap.point is None:
            yield from self._points.values()
        elif gap.point in self._points:
            yield self._points[gap.point]

    def _give_way(self, point: SilentPoint, gap: Gap) -> None:
        point.theirs += 1
        if point.gap is not None:
            self._end_at(point, point.gap, gap.start)

    def _come_back(self, point: SilentPoint, gap: Gap, now_s: float) -> None:
        point.theirs -= 1
        point.time, point.heard_s = max(point.time, gap.end), now_s

    def _open(self, now: datetime, now_s: float) -> None:
        due = (p for p in self._points.values() if now_s - p.heard_s > p.patience_s and p.gap is None and not p.theirs)
        of_all = self._cause_of_all()
        for point in list(islice(due, MOST_AT_ONCE)):
            self._begin(point, point.since, now, now_s, of_all or self._cause_of(point, now_s))

    def _follow(self, now: datetime, now_s: float, *, renew: bool) -> None:
        """Looks after the points that are silent: has the cause changed, is it time to tell that they still are?"""
        of_all, cause_of = self._cause_of_all(), self._cause_of
        is_judged = self.is_held_up or self._report.state in {LinkState.UP, LinkState.DOWN}
        for point in list(self._silent.values()):
            gap = point.gap
            if gap is None or len(self._untold) >= MOST_AT_ONCE:
                break
            cause = of_all or cause_of(point, now_s)
            if cause == gap.cause:
                point.lapsed = None
            elif is_judged or not gap.is_open:
                self._judge(point, gap, cause, now, now_s)
                continue
            if renew and now_s - point.told_s >= RENEW_AFTER_S and gap.is_open:
                point.told_s = now_s
                self._tell(point.renew_gap(gap, now))

    def _judge(self, point: SilentPoint, gap: Gap, cause: str, now: datetime, now_s: float) -> None:
        """Ends a gap whose cause is another by now, and begins the next.

        What speaks for a cause counts at once. That nothing does any more needs two intervals: after a link is back, a point
        has that long to speak.
        """
        if gap.is_open and cause != Silence.NO_DATA:
            self._change(point, gap, now, cause)
        elif point.lapsed is None:
            point.lapsed = now, now_s
        elif now_s - point.lapsed[1] > point.patience_s:
            self._change(point, gap, point.lapsed[0], cause)

    def _change(self, point: SilentPoint, gap: Gap, at: datetime, cause: str) -> None:
        self._end_at(point, gap, at)
        self._begin(point, point.floor, self._clock.now(), self._clock.monotonic(), cause)

    def _cause_of_all(self) -> str | None:
        """Gives the cause that holds for every point of the connector, if there is one."""
        if self.is_held_up:
            return Silence.SPOOL_FULL
        return None if self._report.state is LinkState.UP else Silence.LINK_DOWN

    def _cause_of(self, point: SilentPoint, now_s: float) -> str:
        absence = self._report.absences.get(point.key)
        if absence is not None:
            return absence
        return _BAD_QUALITY if now_s - point.bad_s <= point.patience_s else _NO_DATA

    def _begin(self, point: SilentPoint, start: datetime, now: datetime, now_s: float, cause: str) -> None:
        self._silent[point.key] = point
        point.told_s = now_s
        self._tell(point.begin_gap(self._connector, start, now, cause))

    def _end_at(self, point: SilentPoint, gap: Gap, at: datetime) -> None:
        del self._silent[point.key]
        self._tell(point.end_gap(gap, at))

    def _end_by(self, point: SilentPoint, gap: Gap, reading: Reading) -> None:
        del self._silent[point.key]
        self._tell(point.end_gap_by(gap, reading))

    def _note_missed(self, point: SilentPoint, reading: Reading) -> None:
        if not point.is_new and reading.time - point.since > point.patience:
            cause = self._cause_of_all() or self._cause_of(point, self._clock.monotonic())
            self._tell(point.missed(self._connector, reading, cause))

    def _tell(self, gap: Gap) -> None:
        self._untold[gap.id] = gap

    def _take(self) -> list[Gap]:
        told = list(islice(self._untold.values(), MOST_AT_ONCE))
        for gap in told:
            del self._untold[gap.id]
        return told


def _ended_at(gap: Gap, at: datetime) -> Gap:
    return gap._replace(end=max(gap.start, at), is_open=False)
