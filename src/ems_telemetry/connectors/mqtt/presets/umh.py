"""United Manufacturing Hub: one tag per topic, as `{"timestamp_ms": …, "value": …}`; tag groups name their values."""

from ems_telemetry.connectors.mqtt.presets.preset import Preset, as_object, field
from ems_telemetry.connectors.mqtt.records import Opened


def _open(document: object, _topic: str) -> Opened:
    told = as_object(document, "the United Manufacturing Hub")
    if told.get("timestamp_ms") is None:
        raise ValueError('a message of the United Manufacturing Hub has "timestamp_ms"')
    return Opened(told, told["timestamp_ms"])


def _recognise(_topic: str, document: object) -> bool:
    return field(document, "timestamp_ms") is not None


UMH = Preset("United Manufacturing Hub", _recognise, open=_open, value="$.value")
