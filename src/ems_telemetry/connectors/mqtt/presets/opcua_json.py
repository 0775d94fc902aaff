"""OPC UA in JSON: PubSub messages of Part 14, OPC Publisher in all its modes, and the connector of Azure IoT Operations.

A field is a bare value, a variant (`Type`, `Body`), or a DataValue with value, status and times of its own. Its name is that of
the field, alone or behind the name of its writer: `Writer/Field`. A delta holds what has changed. Metadata, keep-alives, events
and the rest tell no values.
"""

from collections.abc import Iterable, Iterator

from ems_telemetry.connectors.mqtt.items import Item
from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Preset, as_object, field
from ems_telemetry.connectors.mqtt.quality import judge_opcua_status
from ems_telemetry.connectors.mqtt.telling import WhenMissing

_DATA = "ua-data"
_WITHOUT_VALUES = frozenset({"ua-keepalive", "ua-event", "ua-condition"})


def _find(document: object, _topic: str) -> Iterable[Item]:
    if isinstance(document, list):
        return [item for each in document for item in _in_message(each)]
    return list(_in_message(as_object(document, "OPC UA")))


def _in_message(message: object) -> Iterator[Item]:
    if not isinstance(message, dict):
        return
    messages = message.get("Messages")
    if message.get("MessageType", _DATA) == _DATA and messages is not None:
        for each in messages if isinstance(messages, list) else [messages]:
            yield from _in_data_set(each)
    elif "NodeId" in message and "Value" in message:
        yield from _in_sample(message)
    elif "Payload" in message:
        yield from _in_data_set(message)
    elif "MessageType" not in message:
        yield from _in_fields(message, None, MISSING)


def _in_data_set(message: object) -> Iterator[Item]:
    payload = field(message, "Payload")
    if not isinstance(payload, dict) or not isinstance(message, dict):
        return
    if message.get("MessageType") not in _WITHOUT_VALUES:
        writer = message.get("DataSetWriterName", message.get("DataSetWriterId"))
        yield from _in_fields(payload, writer, message.get("Timestamp", MISSING))


def _in_fields(fields: dict[str, object], writer: object, common: object) -> Iterator[Item]:
    for name, said in fields.items():
        names = (name,) if writer is None else (name, f"{writer}/{name}")
        yield _item(names, said, common)


def _in_sample(message: dict[str, object]) -> Iterator[Item]:
    """OPC Publisher's samples: each is one node, with its id and its display name."""
    names = (message.get("DisplayName"), message["NodeId"])
    yield _item(tuple(name for name in names if isinstance(name, str)), message["Value"], message.get("Timestamp", MISSING))


def _item(names: tuple[str, ...], said: object, common: object) -> Item:
    if not isinstance(said, dict):
        return Item(names, said, common)
    if "Body" in said:
        return Item(names, said["Body"], common)
    if "UaType" in said or not said.keys() & {"Value", "StatusCode", "SourceTimestamp", "Status"}:
        value = said.get("Value", MISSING if "UaType" in said else said)
        times, quality = (said.get("SourceTimestamp"), said.get("ServerTimestamp")), said.get("StatusCode", MISSING)
    else:
        value, quality = _bare(said.get("Value", None)), said.get("StatusCode", said.get("Status", MISSING))
        times = (said.get("SourceTimestamp"), said.get("ServerTimestamp"))
    time = next((each for each in times if each is not None), common)
    return Item(names, value, time, quality=quality)


def _bare(value: object) -> object:
    """Takes a value out of its variant."""
    return value["Body"] if isinstance(value, dict) and "Body" in value else value


def _recognise(_topic: str, document: object) -> bool:
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return False
    if str(first.get("MessageType", "")).startswith("ua-") or ("NodeId" in first and "Value" in first):
        return True
    return bool(first) and all(field(each, "SourceTimestamp") is not None for each in first.values())


OPCUA_JSON = Preset("OPC UA in JSON", _recognise, find=_find, when_missing=WhenMissing.IGNORE, judge=judge_opcua_status)
