"""What is right in a connector file only with `payload: sparkplug_b`, and what only without it; in words for who wrote it."""

from collections.abc import Sequence
from typing import Protocol

from ems_telemetry.connectors.mqtt.shape import MeterShape
from ems_telemetry.connectors.mqtt.sparkplug.settings import SparkplugSettings
from ems_telemetry.connectors.mqtt.sparkplug.topic import ANY

_NAMES = ("group", "edge_node", "device")
_NOT_FOR_SPARKPLUG = ("ids", "topic", "time", "time_format", "time_zone", "retained", *MeterShape.model_fields)


class _Point(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def metric(self) -> str | None: ...
    @property
    def value(self) -> str | None: ...
    @property
    def topic(self) -> str | None: ...
    def inherit(self, topic: str | None) -> None: ...


class _Meter(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def group(self) -> str | None: ...
    @property
    def edge_node(self) -> str | None: ...
    @property
    def device(self) -> str | None: ...
    @property
    def points(self) -> Sequence[_Point]: ...
    @property
    def model_fields_set(self) -> set[str]: ...


def check_sparkplug_meter(meter: _Meter) -> None:
    """Checks a meter of Sparkplug by itself, and tells its points where they are found.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    for key in _NOT_FOR_SPARKPLUG:
        if key in meter.model_fields_set:
            raise ValueError(f"{key} is not for payload: sparkplug_b, whose messages tell it themselves; leave it out")
    for key in ("group", "edge_node"):
        if getattr(meter, key) is None:
            raise ValueError(f'"{key}" is missing: the file listens to all of them, so the meter must say which is its own')
    taken: dict[str, str] = {}
    for point in meter.points:
        point.inherit("/".join(name for name in (meter.group, meter.edge_node, meter.device) if name is not None))
        if point.metric is None:
            raise ValueError(f'point {point.id} needs "metric", the name of its metric, as Energy/Import')
        if point.value is not None or point.topic is not None:
            raise ValueError(f'point {point.id}: "value" and "topic" are not for payload: sparkplug_b; "metric" tells both')
        if (other := taken.setdefault(point.metric, point.id)) != point.id:
            raise ValueError(f'points {other} and {point.id} have the same metric "{point.metric}"; leave one of them out')


def check_other_meter(meter: _Meter) -> None:
    """Checks that a meter that is none of Sparkplug has none of its keys.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    for key in _NAMES:
        if getattr(meter, key) is not None:
            raise ValueError(f'{key} is for payload: sparkplug_b; this meter is told by its "topic"')
    for point in meter.points:
        if point.metric is not None:
            raise ValueError(f'point {point.id}: "metric" is for payload: sparkplug_b; leave it out')


def check_sparkplug_meters(meters: Sequence[_Meter], are_sparkplug: Sequence[bool]) -> None:
    """Checks the meters of a file against each other.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    taken: dict[str, str] = {}
    for meter, is_sparkplug in zip(meters, are_sparkplug, strict=True):
        if is_sparkplug != are_sparkplug[0]:
            raise ValueError(
                f"meters {meters[0].id} and {meter.id} do not speak the same: payload: sparkplug_b is for a whole file"
            )
        for source in [point.source for point in meter.points] if is_sparkplug else ():
            if (other := taken.setdefault(source, meter.id)) != meter.id:
                raise ValueError(f'meters {other} and {meter.id} have the same metric "{source}"; leave one of them out')


def check_sparkplug_file(section: SparkplugSettings | None, meters: Sequence[_Meter], *, is_sparkplug: bool) -> None:
    """Checks what a file says about Sparkplug against its meters.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    if not is_sparkplug:
        if section is not None:
            raise ValueError('"sparkplug" is for payload: sparkplug_b; write that too, or leave "sparkplug" out')
        return
    if section is None:
        raise ValueError('payload: sparkplug_b needs "sparkplug", as sparkplug: {group: Plant-1, edge_node: line-3}')
    if not meters and not section.discover:
        raise ValueError("nothing would be stored: list meters, or say discover: true")
    for meter in meters:
        for key in ("group", "edge_node"):
            ours, theirs = getattr(section, key), getattr(meter, key)
            if ours not in {ANY, theirs}:
                raise ValueError(f'meter {meter.id}: its {key} is "{theirs}", and the file listens to "{ours}" alone')
