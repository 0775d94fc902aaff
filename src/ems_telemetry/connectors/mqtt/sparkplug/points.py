"""Which metric is which point: those that the file lists, and those that are found in births.

The ids of what is found are kept with the birth, so that a series never changes its name. They follow from the names that the
edge node has; where two would get the same, the second is told apart by its group, or by the digest of its name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from ems_telemetry.config.check import ConfiguredPoint, configure
from ems_telemetry.connectors.guessing.ids import LONGEST_ID, meter_id, point_id
from ems_telemetry.connectors.guessing.quantities import Guess, NoGuess
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.meter import MqttMeter, MqttPoint, Payload
from ems_telemetry.connectors.mqtt.payload import Refusal
from ems_telemetry.connectors.mqtt.sparkplug.births import Birth, Definition, Record
from ems_telemetry.connectors.mqtt.sparkplug.discovering import guess_metric, is_measured
from ems_telemetry.connectors.mqtt.sparkplug.settings import SparkplugSettings
from ems_telemetry.connectors.mqtt.sparkplug.tables import Table, make_table
from ems_telemetry.connectors.mqtt.sparkplug.topic import NodeName, PartName
from ems_telemetry.connectors.mqtt.sparkplug.values import name_of

UNDISCOVERED_METRIC = "undiscovered_metric"

_DIGEST_LETTERS = 6


class Bound(NamedTuple):
    """What an edge node or device is to us."""

    table: Table
    points: tuple[str, ...]
    """The keys of all its points, for the reading that each gets when it dies."""
    record: Record | None = None
    undiscovered: tuple[Refusal, ...] = ()
    """Metrics that the birth tells for the first time, and that nobody can say what they measure."""


class _Found(NamedTuple):
    """A metric of which a point was made."""

    metric: str
    id: str
    guess: Guess


class Points:
    """The points of one connector.

    Args:
        connector: its name.
        file: its file.
        settings: what the file says about Sparkplug.
        declare: makes points known that no file names.
    """

    def __init__(
        self, connector: str, file: MqttFile, settings: SparkplugSettings, declare: Callable[[Sequence[ConfiguredPoint]], None]
    ) -> None:
        self._connector = connector
        self._file = file
        self._settings = settings
        self._declare = declare
        self._meters: dict[PartName, MqttMeter] = {}
        self._listed: dict[PartName, dict[str, str]] = {}
        self._owners: dict[str, PartName] = {}
        for meter in file.meters:
            part = PartName(meter.group or "", meter.edge_node or "", meter.device)
            self._meters.setdefault(part, meter)
            self._owners[meter.id] = part
            keys = {point.metric: f"{meter.id}.{point.id}" for point in meter.points if point.metric is not None}
            self._listed.setdefault(part, {}).update(keys)

    def listed_parts(self, node: NodeName) -> list[PartName]:
        """Gives the parts of an edge node that the file lists meters of."""
        return [part for part in self._listed if part.node == node]

    def bind_listed(self, part: PartName) -> Bound:
        """Tells what is known of a part before its birth."""
        return self._bound(part, None, {})

    def bind(self, part: PartName, birth: Birth, before: Record | None) -> Bound:
        """Tells what is known of a part by its birth; makes known the points that are found in it.

        Args:
            part: what was born.
            birth: what it told.
            before: what was kept of it until now.
        """
        record = Record(birth) if before is None else Record(birth, before.meter, before.ids)
        if not self._settings.discover:
            return self._bound(part, record, {})
        guesses = {metric: guess_metric(part, metric, birth.metrics[metric]) for metric in self._candidates(part, birth)}
        guessed = {metric: guess for metric, guess in guesses.items() if isinstance(guess, Guess)}
        found, record = self._named(part, guessed, record)
        keys = self._make_known(part, record.meter, found)
        told = {} if before is None else before.birth.metrics
        undiscovered = [
            _undiscovered(part, metric, birth.metrics[metric], guess)
            for metric, guess in guesses.items()
            if isinstance(guess, NoGuess) and _meaning(told.get(metric)) != _meaning(birth.metrics[metric])
        ]
        return self._bound(part, record, keys)._replace(undiscovered=tuple(undiscovered))

    def _bound(self, part: PartName, record: Record | None, found: Mapping[str, str]) -> Bound:
        keys = {**found, **self._listed.get(part, {})}
        table = make_table(None if record is None else record.birth, keys, self._may_be_wanted)
        return Bound(table, tuple(keys.values()), record)

    def _may_be_wanted(self, metric: str) -> bool:
        return self._settings.takes(metric) and is_measured(metric)

    def _candidates(self, part: PartName, birth: Birth) -> Iterable[str]:
        listed = self._listed.get(part, {})
        return sorted(metric for metric in birth.metrics if metric not in listed and self._may_be_wanted(metric))

    def _named(self, part: PartName, guessed: Mapping[str, Guess], record: Record) -> tuple[list[_Found], Record]:
        """Gives each point found its id: the one it has had, or a new one."""
        if not guessed:
            return [], record
        listed = self._meters.get(part)
        reserved = set() if listed is None else {point.id for point in listed.points}
        ids = {metric: id_ for metric, id_ in record.ids.items() if id_ not in reserved}
        taken = {*ids.values(), *reserved}
        for metric in guessed:
            if metric not in ids:
                ids[metric] = _told_apart(point_id(metric.split("/")), metric, taken)
                taken.add(ids[metric])
        meter = self._meter_id(part, record.meter) if listed is None else listed.id
        self._owners[meter] = part
        found = [_Found(metric, ids[metric], guess) for metric, guess in guessed.items()]
        return found, Record(record.birth, meter, ids)

    def _meter_id(self, part: PartName, kept: str | None) -> str:
        if kept is not None and self._owners.get(kept, part) == part:
            return kept
        below = _own_names(part)
        for names in (below, [part.group, *below]):
            if (spelled := meter_id(names)) not in self._owners:
                return spelled
        return _told_apart(meter_id(below), str(part), self._owners)

    def _make_known(self, part: PartName, id_: str | None, found: Sequence[_Found]) -> dict[str, str]:
        points = {each.metric: _point(part, each) for each in found}
        if id_ is None or not points:
            return {}
        meter = self._meters.get(part) or MqttMeter(
            id=id_,
            name=" / ".join(_own_names(part)),
            payload=Payload.SPARKPLUG_B,
            group=part.group,
            edge_node=part.edge_node,
            device=part.device,
            points=tuple(points.values()),
        )
        configured = {metric: configure(self._connector, self._file, meter, point) for metric, point in points.items()}
        self._declare(list(configured.values()))
        return {metric: point.key for metric, point in configured.items()}


def _undiscovered(part: PartName, metric: str, definition: Definition, guess: NoGuess) -> Refusal:
    told = {"part": str(part), "metric": metric, "datatype": name_of(definition.datatype), "unit": definition.unit}
    detail = f'"{metric}" of {part}: {guess.reason}; list it in the file, or leave it out by "metrics"'
    return Refusal(None, UNDISCOVERED_METRIC, detail, msgspec.json.encode(told))


def _point(part: PartName, found: _Found) -> MqttPoint:
    guess = found.guess
    point = MqttPoint(
        id=found.id, name=found.metric, metric=found.metric, quantity=guess.quantity, unit=guess.unit, kind=guess.kind
    )
    point.inherit(str(part))
    return point


def _own_names(part: PartName) -> list[str]:
    return [part.edge_node] if part.device is None else [part.edge_node, part.device]


def _meaning(definition: Definition | None) -> tuple[int, str] | None:
    return None if definition is None else (definition.datatype, definition.unit)


def _told_apart(id_: str, name: str, taken: Iterable[str]) -> str:
    if id_ not in taken:
        return id_
    suffix = "_" + sha256(name.encode()).hexdigest()[:_DIGEST_LETTERS]
    return id_[: LONGEST_ID - len(suffix)] + suffix
