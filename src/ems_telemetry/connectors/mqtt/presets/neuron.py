"""EMQX Neuron: the tags of a group, in any of its formats, each with a value or an error.

Values, tags and ECP format share `timestamp` (milliseconds). A tag that could not be read has an error code and no value.
"""

from collections.abc import Iterable

from ems_telemetry.connectors.mqtt.items import Item
from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Preset, as_object, field
from ems_telemetry.connectors.mqtt.telling import WhenMissing


def _find(document: object, _topic: str) -> Iterable[Item]:
    told = as_object(document, "Neuron")
    values, errors, tags = (told.get(key) for key in ("values", "errors", "tags"))
    if not (isinstance(values, dict) or isinstance(errors, dict) or isinstance(tags, list)):
        raise ValueError('a message of Neuron has "values", "errors" or "tags"')  # noqa: TRY004 - see as_object
    time = told.get("timestamp", MISSING)
    failed = errors if isinstance(errors, dict) else {}
    good = values if isinstance(values, dict) else {}
    yield from (Item((name,), value, time) for name, value in good.items() if name not in failed)
    yield from (Item((name,), MISSING, time, error=error) for name, error in failed.items())
    for tag in tags if isinstance(tags, list) else ():
        name = field(tag, "name")
        if isinstance(name, str):
            own_time = tag.get("t", time)
            yield Item((name,), tag.get("value", MISSING), own_time, error=tag.get("error", MISSING))


def _recognise(_topic: str, document: object) -> bool:
    has_head = all(field(document, key) is not None for key in ("timestamp", "node", "group"))
    return has_head and any(field(document, key) is not None for key in ("values", "errors", "tags"))


NEURON = Preset("EMQX Neuron", _recognise, find=_find, when_missing=WhenMissing.IGNORE)
