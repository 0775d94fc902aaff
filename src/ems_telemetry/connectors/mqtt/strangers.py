"""Meters that publish where an entry for many listens, and that no file lists: told once, then counted. Memory is bounded."""

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.open_gaps import OpenGaps
from ems_telemetry.model import Gap
from ems_telemetry.observe import ConnectorReport

UNKNOWN_METER = "unknown_meter"
MOST_REMEMBERED = 200
_MOST_NAMED = 10
_TELL_EVERY_S = 30.0


class Strangers:
    """The unknown meters of one connector. Their gaps grow with each message and are told now and then."""

    def __init__(self, report: ConnectorReport, clock: Clock) -> None:
        self._report = report
        self._clock = clock
        self._gaps = OpenGaps(report.status.name, clock)
        self._names: dict[str, list[str]] = {}
        self._told_at_s = -_TELL_EVERY_S

    def meet(self, topic: str, name: str) -> bool:
        """Takes note of a message; tells whether it is the first of that meter, and so worth keeping.

        Args:
            topic: the subscription of the entry.
            name: what stands for the meter in the topic. Beyond `MOST_REMEMBERED` all share the subscription's row.
        """
        self._report.count("messages_of_unknown_meters")
        names = self._names.setdefault(topic, [])
        if name not in self._gaps and len(names) >= MOST_REMEMBERED:
            name = topic
        is_first = name not in self._gaps
        self._gaps.grow(name, UNKNOWN_METER)
        if is_first:
            self._told_at_s = self._clock.monotonic() - _TELL_EVERY_S
            names.append(name)
            self._report.note(_in_words(topic, names))
        return is_first

    def take(self, *, at_once: bool = False) -> tuple[Gap, ...]:
        """Gives the gaps that have grown, if it is time to tell them."""
        now_s = self._clock.monotonic()
        if not self._gaps.untold or (now_s - self._told_at_s < _TELL_EVERY_S and not at_once):
            return ()
        self._told_at_s = now_s
        return self._gaps.take()


def _in_words(topic: str, names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f'"{topic}" brings messages of meters that no entry lists: {shown}; add them to its "ids"'
