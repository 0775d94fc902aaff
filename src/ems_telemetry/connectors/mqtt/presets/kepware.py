"""Kepware's IoT Gateway: tags by their full names, in an array of the common template or in `values` of the standard one.

The template writes `tagname`, `timestamp`, `value`, and `quality` where it was added; the standard format `id`, `t`, `v` and
`q`, which is true or false. Times are in milliseconds.
"""

from collections.abc import Iterable, Iterator

from ems_telemetry.connectors.mqtt.items import Item
from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Preset, field
from ems_telemetry.connectors.mqtt.quality import judge_opc
from ems_telemetry.connectors.mqtt.telling import WhenMissing

_STANDARD = ("id", "v", "t", "q")
_TEMPLATE = ("tagname", "value", "timestamp", "quality")


def _find(document: object, _topic: str) -> Iterable[Item]:
    if isinstance(document, list):
        return _in_array(document, MISSING)
    values = field(document, "values")
    if not isinstance(values, list):
        raise ValueError('a message of Kepware is an array, or has "values"')  # noqa: TRY004 - see preset.as_object
    return _in_array(values, field(document, "timestamp"))


def _in_array(array: list[object], common: object) -> Iterator[Item]:
    for each in array:
        if not isinstance(each, dict):
            continue
        name, value, time, quality = _STANDARD if "v" in each or "q" in each else _TEMPLATE
        tag = each.get(name)
        if isinstance(tag, str):
            yield Item((tag,), each.get(value, MISSING), each.get(time, common), quality=each.get(quality, MISSING))


def _recognise(_topic: str, document: object) -> bool:
    array = document if isinstance(document, list) else field(document, "values")
    first = array[0] if isinstance(array, list) and array else None
    return all(field(first, key) is not None for key in ("tagname", "timestamp")) or all(
        field(first, key) is not None for key in ("id", "t", "q")
    )


KEPWARE = Preset("Kepware IoT Gateway", _recognise, find=_find, when_missing=WhenMissing.IGNORE, judge=judge_opc)
