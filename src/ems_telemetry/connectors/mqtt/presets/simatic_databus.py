"""The databus of Siemens Industrial Edge: data points by their ids, whose names a topic of its own tells.

Messages are bulk (`vals`, each with its own time) or a time series (`records`, each with a time and `vals`). `qc` 3 and 2 are
good. Connectors of old quote numbers, and all of them quote whole numbers of 64 bits. The broker retains the metadata.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ems_telemetry.connectors.mqtt.items import Item
from ems_telemetry.connectors.mqtt.name_book import Names
from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Naming, Preset, field
from ems_telemetry.connectors.mqtt.quality import judge_simatic
from ems_telemetry.connectors.mqtt.telling import WhenMissing

_DATA, _METADATA = "d", "m"
_CONNECTOR = 5
"""The level of a topic that names the connector, as in ie/d/j/simatic/v1/s7c1/dp/r/plc/default."""


def _find(document: object, _topic: str) -> Iterable[Item]:
    records = field(document, "records")
    bulks = records if isinstance(records, list) else [document]
    if not any(isinstance(field(bulk, "vals"), list) for bulk in bulks):
        raise ValueError('a message of the databus has "vals", or "records" with "vals"')
    return [item for bulk in bulks for item in _in_bulk(bulk)]


def _in_bulk(bulk: object) -> Iterator[Item]:
    values, common = field(bulk, "vals"), field(bulk, "ts")
    for each in values if isinstance(values, list) else ():
        id_ = field(each, "id")
        if id_ is not None:
            time = field(each, "ts")
            said = common if time is None else time
            yield Item((str(id_),), each.get("val", MISSING), said, quality=each.get("qc", MISSING))


def _told_at(topic: str) -> str | None:
    levels = topic.split("/")
    if levels[:1] != ["ie"] or levels[1:2] not in (["+"], [_DATA]) or len(levels) <= _CONNECTOR:
        return None
    return "/".join(["ie", _METADATA, *levels[2 : _CONNECTOR + 1], "dp"])


def _names_in(document: object) -> Mapping[str, Names]:
    connections = field(document, "connections")
    if not isinstance(connections, list):
        raise ValueError('the metadata of the databus has "connections"')  # noqa: TRY004 - see preset.as_object
    groups = [group for connection in connections for group in _listed(connection, "dataPoints")]
    names: dict[str, dict[str, str]] = {}
    for group in groups:
        topic = field(group, "topic")
        if isinstance(topic, str):
            names.setdefault(topic, {}).update(_named(group))
    return names


def _named(group: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - a part of a JSON document
    for point in _listed(group, "dataPointDefinitions"):
        id_, name = field(point, "id"), field(point, "name")
        if id_ is not None and isinstance(name, str):
            yield str(id_), name


def _listed(document: object, key: str) -> list[Any]:
    found = field(document, key)
    return found if isinstance(found, list) else []


def _recognise(topic: str, document: object) -> bool:
    return topic.startswith("ie/d/") and (field(document, "vals") is not None or field(document, "records") is not None)


SIMATIC_DATABUS = Preset(
    "Siemens Industrial Edge databus",
    _recognise,
    find=_find,
    when_missing=WhenMissing.IGNORE,
    quoted_numbers=True,
    judge=judge_simatic,
    naming=Naming(_told_at, _names_in),
)
