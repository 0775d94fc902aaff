"""An edge node itself, or one of its devices: what is known of its metrics, and whether that still holds."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ems_telemetry.connectors.mqtt.payload import Refusal
from ems_telemetry.connectors.mqtt.sparkplug.births import Birth, Record
from ems_telemetry.connectors.mqtt.sparkplug.points import Bound, Points
from ems_telemetry.connectors.mqtt.sparkplug.qualities import DEAD
from ems_telemetry.connectors.mqtt.sparkplug.reading import ms_of
from ems_telemetry.connectors.mqtt.sparkplug.tables import Table
from ems_telemetry.connectors.mqtt.sparkplug.topic import PartName
from ems_telemetry.model import Sample

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Standing(NamedTuple):
    """How a part stands, as it is kept on disk."""

    born: bool
    alive: bool
    record: Record | None


class Part:
    """One part.

    Invariants:
    - Aliases are looked up in the birth that holds, or not at all.
    - What is not alive dies no second time.
    """

    def __init__(self, name: PartName, bound: Bound) -> None:
        self.name = name
        self.born = False
        self.alive = True
        """True before the first birth too: whoever dies has lived, whether we saw it or not."""
        self.since_ms = 0
        """The time of the birth or death it stands by; 0 if that told none."""
        self._newest_ms = 0
        self._take(bound)

    def _take(self, bound: Bound) -> None:
        self._bound = bound
        self._nameless = bound.table.without_aliases()

    @property
    def birth(self) -> Birth | None:
        """Its last birth, which need not hold any more."""
        return None if self._bound.record is None else self._bound.record.birth

    @property
    def standing(self) -> Standing:
        """How it stands."""
        return Standing(self.born, self.alive, self._bound.record)

    def table(self, *, with_aliases: bool) -> Table:
        """Gives what its metrics are read by."""
        return self._bound.table if with_aliases else self._nameless

    def be_born(self, birth: Birth, points: Points) -> tuple[Refusal, ...]:
        """Takes a birth; gives what of it could not be made a point, and was not there before."""
        record = self._bound.record
        if record is not None and dict(record.birth.metrics) == dict(birth.metrics):
            self._take(self._bound._replace(record=Record(birth, record.meter, record.ids), undiscovered=()))
        else:
            self._take(points.bind(self.name, birth, record))
        self.born = self.alive = True
        self.since_ms, self._newest_ms = birth.sent_ms, 0
        return self._bound.undiscovered

    def restore(self, standing: Standing, points: Points) -> None:
        """Takes back how it stood before our restart, and makes its points known again."""
        if standing.record is not None:
            self._take(points.bind(self.name, standing.record.birth, standing.record))
            self.since_ms = standing.record.birth.sent_ms + (not standing.alive)
        self.born, self.alive = standing.born, standing.alive

    def note_time(self, at_ms: int) -> None:
        """Takes note of the time of a value."""
        self._newest_ms = max(self._newest_ms, at_ms)

    def die(self, at_ms: int) -> None:
        """Takes note of a death; 0 if only its receipt is known."""
        self.born = self.alive = False
        self.since_ms = at_ms or self.since_ms + 1

    def last_words(self, at_ms: int, received_at: datetime) -> list[Sample]:
        """Makes the one reading that each point gets at a death.

        Args:
            at_ms: the time of the death, 0 if only its receipt is known.
            received_at: that.
        """
        # A death must not come before the values it makes stale, whatever a clock says. One that is late stays where it was.
        is_late = 0 < at_ms < self.since_ms
        if not is_late and self._newest_ms >= (at_ms or ms_of(received_at)):
            at_ms = self._newest_ms + 1
        time = _EPOCH + timedelta(milliseconds=at_ms) if at_ms else None
        return [Sample(point, time, None, received_at, *DEAD) for point in self._bound.points]
