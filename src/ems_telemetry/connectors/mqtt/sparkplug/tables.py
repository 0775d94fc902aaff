"""What is known of the metrics of one edge node or device, in the form that messages are read by: one look-up per metric."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ems_telemetry.connectors.mqtt.sparkplug.births import Birth
from ems_telemetry.connectors.mqtt.sparkplug.values import UNTYPED, Readers, readers_of


class Slot(NamedTuple):
    """A metric.

    `point` is the key of the point it is stored as, None if nobody wants it. `readers` is None if we cannot read its datatype.
    """

    name: str
    point: str | None
    datatype: int
    readers: Readers | None


class Table(NamedTuple):
    """The metrics of one edge node or device."""

    by_name: Mapping[str, Slot]
    by_alias: Mapping[int, Slot]
    may_be_wanted: Callable[[str], bool]
    """Tells whether a metric that no birth has told may be one that somebody wants."""

    def without_aliases(self) -> "Table":
        """Gives the table for data whose birth is not known: a name means the same in each session, an alias does not."""
        return self._replace(by_alias=MappingProxyType({}))


def make_table(birth: Birth | None, points: Mapping[str, str], may_be_wanted: Callable[[str], bool]) -> Table:
    """Makes the table of a birth, or of none.

    Args:
        birth: the last one.
        points: the key of each wanted point by the name of its metric, also of those that the birth does not name.
        may_be_wanted: see `Table`.
    """
    by_name = {name: Slot(name, point, 0, UNTYPED) for name, point in points.items()}
    by_alias: dict[int, Slot] = {}
    for name, (alias, datatype, *_) in () if birth is None else birth.metrics.items():
        slot = Slot(name, points.get(name), datatype, readers_of(datatype))
        by_name[name] = slot
        if alias is not None:
            by_alias[alias] = slot
    return Table(by_name, by_alias, may_be_wanted)
